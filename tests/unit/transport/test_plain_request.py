"""The recogniser of plain requests never differs from the parser that everything else goes to."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import http
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioning.transport.content import Answer
from provisioning.transport.http_plain_request import LONGEST, PlainRequest, recognise
from provisioning.transport.http_reply import UNCONDITIONAL, Asked, file_reply

HOST = b"Host: a\r\n"
PLAIN = {
    "GET": b"GET /805ec01a2b01.cfg HTTP/1.1\r\n" + HOST + b"\r\n",
    "HEAD": b"HEAD //a/./b?x=%2e&y HTTP/1.1\r\nhOsT: 192.0.2.1:8080\r\n\r\n",
    "1.0": b"GET /a HTTP/1.0\r\n\r\n",
    "1.0 kept": b"GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
    "close": b"GET /a HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n",
    "phone": b"GET /a HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n"
    b"User-Agent: Yealink SIP-T46U 108.86 80:5e:c0:1a:2b:01\r\n"
    b"Accept: */*\r\nAccept-Language: de\r\nauthorization: Basic eA==\r\n\r\n",
    "conditions": b'GET /a HTTP/1.1\r\nHost: a\r\nIf-None-Match: "x"\r\nRange: bytes=0-1\r\n\r\n',
    "no blank": b"GET /a HTTP/1.1\r\nHost:a\r\nUser-Agent:\r\n\r\n",
}
ODD = {
    "no Host": b"GET /a HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /a HTTP/1.1\r\n" + HOST * 2 + b"\r\n",
    "two agents": b"GET /a HTTP/1.1\r\n" + HOST + b"User-Agent: a\r\nuser-agent: b\r\n\r\n",
    "empty Host": b"GET /a HTTP/1.1\r\nHost: \r\n\r\n",
    "odd Host": b"GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "body": b"GET /a HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\nx",
    "no body": b"GET /a HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    "chunks": b"GET /a HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "expect": b"GET /a HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n\r\n",
    "upgrade": b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    "options of a connection": b"GET /a HTTP/1.1\r\n" + HOST + b"Connection: close, te\r\n\r\n",
    "PUT": b"PUT /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "lower case": b"get /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "absolute": b"GET http://a/a HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "backslash": b"GET /..\\a HTTP/1.1\r\n" + HOST + b"\r\n",
    "blank in the target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "beyond ASCII": b"GET /\xc3\xa4 HTTP/1.1\r\n" + HOST + b"\r\n",
    "NUL": b"GET /a HTTP/1.1\r\n" + HOST + b"X: a\0\r\n\r\n",
    "value beyond ASCII": b"GET /a HTTP/1.1\r\n" + HOST + b"X: \xe4\r\n\r\n",
    "folded": b"GET /a HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
    "blank before the colon": b"GET /a HTTP/1.1\r\nHost : a\r\n\r\n",
    "bare LF": b"GET /a HTTP/1.1\nHost: a\n\n",
    "bare CR": b"GET /a HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n",
    "no name": b"GET /a HTTP/1.1\r\n" + HOST + b": a\r\n\r\n",
    "1.2": b"GET /a HTTP/1.2\r\n" + HOST + b"\r\n",
    "2.0": b"GET /a HTTP/2.0\r\n" + HOST + b"\r\n",
    "0.9": b"GET /a\r\n",
    "empty line before": b"\r\nGET /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "two blanks": b"GET  /a HTTP/1.1\r\n" + HOST + b"\r\n",
    "not whole": b"GET /a HTTP/1.1\r\n" + HOST + b"\r",
    "long": b"GET /a HTTP/1.1\r\n" + HOST + b"X: " + b"a" * LONGEST + b"\r\n\r\n",
}


@pytest.fixture(scope="module")
def loop():
    made = asyncio.new_event_loop()
    yield made
    made.close()


def parsed(data: bytes, loop: asyncio.AbstractEventLoop) -> tuple | None:
    """What the library reads: one message without a body, or None for anything else."""

    class Holder:
        def __getattr__(self, name):
            return lambda *_: None

    parser = http.HttpRequestParser(Holder(), loop, limit=2**16)
    try:
        messages, upgraded, tail = parser.feed_data(data)
    except http.HttpProcessingError:
        return None
    if len(messages) != 1 or upgraded or tail:
        return None
    message, payload = messages[0]
    if not payload.is_eof():
        return None
    get = message.headers.get
    names = ("If-None-Match", "If-Modified-Since", "Range", "If-Range")
    asked = Asked(
        message.method,
        message.path,
        get("User-Agent", ""),
        get("Authorization", ""),
        tuple(get(name) for name in names),
    )
    return asked, message.version.minor, not message.should_close


def test_plain_requests_are_recognised_as_the_library_reads_them(loop) -> None:
    for name, data in PLAIN.items():
        found = recognise(data)
        assert found is not None, name
        assert (found.asked, found.minor, found.keep_alive) == parsed(data, loop), name
        assert found.end == len(data)


def test_everything_else_is_left_to_the_library() -> None:
    assert {name for name, data in ODD.items() if recognise(data) is not None} == set()


def test_several_in_one_piece() -> None:
    data = b"".join(PLAIN.values())
    at, found = 0, []
    while (request := recognise(data, at)) is not None:
        found.append(request.asked.target)
        at = request.end
    assert at == len(data)
    assert len(found) == len(PLAIN)
    assert recognise(data, 1) is None


PIECES = [
    *(b"GET", b"HEAD", b"PUT", b" ", b"  ", b"/", b"/a", b"//", b"/%2e%2e/", b"?x=1", b"#", b"\\"),
    *(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/1.1\n", b"\r\n", b"\n", b"\r", b"\0", b"\xe4"),
    *(
        b"Host: a\r\n",
        b"Host: b:80\r\n",
        b"host:\r\n",
        b"User-Agent: x\r\n",
        b"Range: bytes=0-1\r\n",
    ),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Content-Length: 0\r\n"),
    *(b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n"),
    *(
        b"Upgrade: websocket\r\nConnection: upgrade\r\n",
        b"X:\t a b \r\n",
        b"Y : z\r\n",
        b" fold\r\n",
    ),
    *(b"Authorization: Basic eA==\r\n", b"If-None-Match: *\r\n", b"Sec-WebSocket-Key: a\r\n"),
    *(b"Transfer-Encoding: identity\r\n", b"Trailer: x\r\n", b"Max-Forwards: 1\r\n", b"TE: x\r\n"),
]


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from([*PLAIN.values(), *ODD.values()]),
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 3), st.sampled_from(PIECES)), max_size=4
    ),
)
def test_whatever_is_recognised_the_library_reads_in_the_same_way(begin, changes) -> None:
    data = begin
    for at, cut, piece in changes:
        data = data[:at] + piece + data[at + cut :]
    found = recognise(data)
    if found is None:
        return
    made = asyncio.new_event_loop()
    try:
        read = parsed(data[: found.end], made)
    finally:
        made.close()
    assert read == (found.asked, found.minor, found.keep_alive), data


def test_a_request_shows_no_login_of_its_own() -> None:
    found = recognise(PLAIN["phone"])
    assert isinstance(found, PlainRequest)
    assert "eA==" not in repr(found)


def test_a_whole_file_is_written_down_once() -> None:
    answer = Answer(b"x" * 100, "text/plain", "desk", 1000.0)
    asked = Asked("GET", "/a", "", "", UNCONDITIONAL)
    reply = file_reply(answer, asked)
    assert file_reply(answer, asked._replace(method="HEAD")) is reply
    assert reply.head(1) is reply.head(1)
    assert reply.head(1).startswith(b"HTTP/1.1 200 OK\r\n")
    assert reply.head(0).startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"\r\nContent-Length: 100\r\n" in reply.head(1)

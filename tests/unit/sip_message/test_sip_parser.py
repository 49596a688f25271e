from __future__ import annotations

import pytest

from rig.sip.errors import MessageError
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message

PLAIN = b"OPTIONS sip:b@h SIP/2.0\r\nTo: <sip:b@h>\r\nl: 2\r\n\r\nhi"


def _request(data: bytes) -> Request:
    message = parse_message(data)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        b"\r\n\r\n" + PLAIN,
        PLAIN.replace(b"\r\n", b"\n"),
        PLAIN.replace(b"To: ", b"To :\t"),
        PLAIN.replace(b"To: ", b"To:\r\n "),
        PLAIN.replace(b"To: <sip:b@h>\r\n", b"To: <sip:b@h>  \n"),
        PLAIN.replace(b"l: 2", b"l: 0002"),
        PLAIN.replace(b" SIP/2.0", b" sip/2.0"),
        PLAIN + b"and more",
    ],
)
def test_spellings_of_one_message(data: bytes) -> None:
    message = _request(data)
    assert (message.method, message.uri, message.body) == ("OPTIONS", "sip:b@h", b"hi")
    assert message.headers.get("To") == "<sip:b@h>"
    assert message.raw == data


def test_missing_length_means_to_the_end_only_in_a_datagram() -> None:
    data = b"OPTIONS sip:b@h SIP/2.0\r\nTo: x\r\n\r\nrest"
    assert parse_message(data).body == b"rest"
    assert parse_message(data, datagram=False).body == b""


def test_latin_1_octets_survive() -> None:
    data = b"OPTIONS sip:b@h SIP/2.0\r\nX: J\xfcrgen \xc3\xbc\r\n\r\n"
    message = _request(data)
    assert message.headers.get("X") == "J\udcfcrgen \u00fc"
    assert message.to_bytes(keep_content_length=True) == data


def test_folds_join_with_one_blank() -> None:
    data = b"OPTIONS sip:b@h SIP/2.0\r\nX: a\r\n\t  b \r\n c\r\nY:\r\n\r\n"
    assert list(_request(data).headers) == [("X", "a b c"), ("Y", "")]


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"SIP/2.0 200 OK", 200, "OK"),
        (b"SIP/2.0 200 ", 200, ""),
        (b"SIP/2.0 200", 200, ""),
        (b"sip/2.0  404  Not  Here", 404, "Not  Here"),
        (b"SIP/2.0 486 ends with SIP/2.0", 486, "ends with SIP/2.0"),
    ],
)
def test_status_lines(line: bytes, status: int, reason: str) -> None:
    message = parse_message(line + b"\r\nTo: x\r\n\r\n")
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (status, reason)


@pytest.mark.parametrize(
    "line",
    [
        b"SIP/2.0 099 low",
        b"SIP/2.0 700 high",
        b"SIP/2.0 20 short",
        b"SIP/2.0 2000 long",
        b"SIP/2.0",
        b"SIP/3.0 200 OK",
        b"SIP/2.0 OK",
    ],
)
def test_bad_status_lines_are_never_answered(line: bytes) -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(line + b"\r\nTo: x\r\n\r\n")
    assert caught.value.status_hint is None


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (b"OPTIONS sip:b@h", 400),
        (b"OPTIONS", 400),
        (b"OPT[]IONS sip:b@h SIP/2.0", None),
        (b"OPTIONS sip:b@h HTTP/1.1", 400),
        (b"OPTIONS sip:b@h SIP/2.1", 505),
        (b"OPTIONS sip: b@h SIP/2.0", 400),
        (b"OPTIONS <sip:b@h> SIP/2.0", 400),
        (b"ACK sip: b@h SIP/2.0", None),
        (b"ACK sip:b@h SIP/7.0", None),
        (b" OPTIONS sip:b@h SIP/2.0", 400),
    ],
)
def test_bad_request_lines(line: bytes, hint: int | None) -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(line + b"\r\nTo: <sip:b@h>\r\n\r\n")
    assert caught.value.status_hint == hint
    if hint is not None:
        assert isinstance(caught.value.partial, Request)
        assert caught.value.partial.to.uri.user == "b"


@pytest.mark.parametrize(
    "value", [b"", b"x", b"-1", b"+1", b"1 2", b"3, 3", b"99999999999", b"1e1", b"\xd9\xa1"]
)
def test_bad_content_length(value: bytes) -> None:
    data = b"OPTIONS sip:b@h SIP/2.0\r\nContent-Length: " + value + b"\r\n\r\nabc"
    with pytest.raises(MessageError, match="Content-Length") as caught:
        parse_message(data)
    assert caught.value.status_hint == 400


def test_doubled_content_length_is_fine_only_when_equal() -> None:
    head = b"OPTIONS sip:b@h SIP/2.0\r\nContent-Length: 3\r\nl: %b\r\n\r\nabc"
    assert parse_message(head % b"03").body == b"abc"
    with pytest.raises(MessageError, match="differ"):
        parse_message(head % b"2")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "keep-alive"),
        (b"\r\n\r\n", "keep-alive"),
        (b"OPTIONS sip:b@h SIP/2.0\r\n folded\r\n\r\n", "folded"),
        (b"OPTIONS sip:b@h SIP/2.0\r\nno colon\r\n\r\n", "name: value"),
        (b"OPTIONS sip:b@h SIP/2.0\r\n: no name\r\n\r\n", "name: value"),
        (b"OPTIONS sip:b@h SIP/2.0\r\nTo: <sip:b", "cut short"),
    ],
)
def test_other_damage(data: bytes, match: str) -> None:
    with pytest.raises(MessageError, match=match):
        parse_message(data)


def test_missing_empty_line_is_put_up_with_in_a_datagram_only() -> None:
    data = b"OPTIONS sip:b@h SIP/2.0\r\nTo: x\r\n"
    assert _request(data).headers.get("To") == "x"
    with pytest.raises(MessageError, match="cut short"):
        parse_message(data, datagram=False)


def test_message_without_any_header() -> None:
    assert len(_request(b"OPTIONS sip:b@h SIP/2.0\r\n\r\n").headers) == 0


def test_errors_never_show_more_than_a_line() -> None:
    with pytest.raises(MessageError) as caught:
        parse_message(b"X" * 60000 + b"\r\n\r\n")
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)

"""HTTP by clause: what the server answers to the octets that a clause is about.

The conditions and ranges of RFC 9110 13 and 14 as functions stand in
``tests/unit/transport/test_http_rules.py``, digest (RFC 7616) and basic (RFC 7617) in
``tests/unit/transport/test_http_access.py``; here the whole server answers.
"""

from __future__ import annotations

import asyncio
import re

import pytest
from fetch_site import ServedText, running_site

from provisioning.transport.http_rules import entity_tag

CONTENT = bytes(range(256)) * 4
TAG = entity_tag(CONTENT)
OLD, NEW = "Mon, 01 Jan 2001 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"
HEAD = "Host: a\r\nConnection: close\r\n"

# clause, what it says, octets before the blank line, status, header that must be there
TABLE = [
    (
        "9110 9.3.1",
        "GET gives the file",
        f"GET /a HTTP/1.1\r\n{HEAD}",
        200,
        "Content-Length: 1024",
    ),
    ("9110 9.3.2", "HEAD is GET without body", f"HEAD /a HTTP/1.1\r\n{HEAD}", 200, "ETag: "),
    ("9110 8.8.2", "a date of change", f"GET /a HTTP/1.1\r\n{HEAD}", 200, "Last-Modified: "),
    ("9110 8.8.3", "a strong entity tag", f"GET /a HTTP/1.1\r\n{HEAD}", 200, f"ETag: {TAG}"),
    (
        "9110 14.3",
        "ranges are announced",
        f"GET /a HTTP/1.1\r\n{HEAD}",
        200,
        "Accept-Ranges: bytes",
    ),
    (
        "9110 13.1.2",
        "known tag",
        f"GET /a HTTP/1.1\r\n{HEAD}If-None-Match: {TAG}\r\n",
        304,
        "ETag: ",
    ),
    ("9110 13.1.2", "weak", f"GET /a HTTP/1.1\r\n{HEAD}If-None-Match: W/{TAG}\r\n", 304, "ETag: "),
    ("9110 13.1.2", "any", f"GET /a HTTP/1.1\r\n{HEAD}If-None-Match: *\r\n", 304, "ETag: "),
    (
        "9110 13.1.3",
        "not since",
        f"GET /a HTTP/1.1\r\n{HEAD}If-Modified-Since: {NEW}\r\n",
        304,
        "",
    ),
    ("9110 13.1.3", "since", f"GET /a HTTP/1.1\r\n{HEAD}If-Modified-Since: {OLD}\r\n", 200, ""),
    ("9110 13.1.3", "junk", f"GET /a HTTP/1.1\r\n{HEAD}If-Modified-Since: x\r\n", 200, ""),
    (
        "9110 13.2.2",
        "the tag goes before the date",
        f'GET /a HTTP/1.1\r\n{HEAD}If-None-Match: "x"\r\nIf-Modified-Since: {NEW}\r\n',
        200,
        "",
    ),
    (
        "9110 14.2",
        "a part",
        f"GET /a HTTP/1.1\r\n{HEAD}Range: bytes=1-2\r\n",
        206,
        "Content-Length: 2",
    ),
    (
        "9110 14.4",
        "which",
        f"GET /a HTTP/1.1\r\n{HEAD}Range: bytes=-2\r\n",
        206,
        "bytes 1022-1023/1024",
    ),
    (
        "9110 15.5.17",
        "none",
        f"GET /a HTTP/1.1\r\n{HEAD}Range: bytes=1024-\r\n",
        416,
        "bytes */1024",
    ),
    ("9110 14.2", "HEAD ignores it", f"HEAD /a HTTP/1.1\r\n{HEAD}Range: bytes=1-2\r\n", 200, ""),
    (
        "9110 13.1.5",
        "If-Range of another version: the whole file",
        f'GET /a HTTP/1.1\r\n{HEAD}Range: bytes=1-2\r\nIf-Range: "x"\r\n',
        200,
        "Content-Length: 1024",
    ),
    ("9110 15.5.5", "not found", f"GET /b HTTP/1.1\r\n{HEAD}", 404, ""),
    ("9110 15.5.6", "method", f"DELETE /a HTTP/1.1\r\n{HEAD}", 405, "Allow: GET, HEAD"),
    (
        "9110 5.1",
        "names in any case",
        "GET /a HTTP/1.1\r\nhOsT: a\r\nCONNECTION: close\r\n",
        200,
        "",
    ),
    ("9112 3.2", "no Host", "GET /a HTTP/1.1\r\n", 400, ""),
    ("9112 3.2", "two Hosts", "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400, ""),
    ("9112 3.2.2", "absolute form", f"GET http://a/a HTTP/1.1\r\n{HEAD}", 200, ""),
    ("9112 5.1", "blank before colon", "GET /a HTTP/1.1\r\nHost : a\r\n", 400, ""),
    ("9112 5.2", "folded line", "GET /a HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n", 400, ""),
    ("9112 3", "blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n", 400, ""),
    ("9112 2.2", "empty line before", f"\r\nGET /a HTTP/1.1\r\n{HEAD}", 200, ""),
    (
        "9112 6.3",
        "two lengths",
        "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        400,
        "",
    ),
    (
        "9112 6.3",
        "length and chunks",
        "GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        400,
        "",
    ),
    ("9110 5.5", "NUL in a value", "GET /a HTTP/1.1\r\nHost: a\r\nX: \0\r\n", 400, ""),
    ("9112 9.3", "1.0 is answered and closed", "GET /a HTTP/1.0\r\n", 200, "Content-Length: 1024"),
    ("9112 9.6", "close is said", f"GET /a HTTP/1.1\r\n{HEAD}", 200, "Connection: close"),
]


async def answered(port: int, request: bytes) -> bytes:
    """Everything that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()


async def test_every_clause_of_the_table() -> None:
    async with running_site({"a": ServedText(CONTENT)}) as (server, log):
        wrong = []
        for clause, what, head, status, header in TABLE:
            got = await answered(server.http_address[1], head.encode("latin-1") + b"\r\n")
            top, _, body = got.partition(b"\r\n\r\n")
            told = re.match(rb"HTTP/1\.[01] (\d{3}) ", top)
            if (
                told is None
                or int(told[1]) != status
                or header.lower().encode() not in top.lower()
            ):
                wrong.append(f"RFC {clause}, {what}: {top[:200]!r}")
            if head.startswith("HEAD") or status == 304:
                assert body == b"", what
            if status == 200 and head.startswith("GET"):
                assert body == CONTENT, what
        assert wrong == []
        assert len(log.records) == len(TABLE)
        refused = [record.path for record in log.records if record.status == 400]
        assert "GET /a b HTTP/1.1" in refused, "what was refused can be read in the log"


@pytest.mark.parametrize("number", [1, 7])
async def test_a_connection_is_kept_for_the_next_request(number: int) -> None:
    """RFC 9112 9.3 and 9.3.2: persistence, and pipelined requests in order."""
    async with running_site({"a": ServedText(CONTENT)}) as (server, _):
        requests = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n" * (number - 1)
        requests += b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        got = await answered(server.http_address[1], requests)
    assert got.count(b"HTTP/1.1 200 ") == number - 1
    assert got.count(b"HTTP/1.1 404 ") == 1
    assert got.endswith(b"not found\n")

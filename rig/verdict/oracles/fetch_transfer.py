"""Judges how one file was transferred: sizes, TFTP blocks and options, ends. Pure functions.

Source: RFC 1350 sections 5, 6 (blocks, end of a file), RFC 2347 (options), RFC 2348 (blksize),
RFC 2349 (tsize), RFC 9110 section 8.6 (Content-Length).
"""

from __future__ import annotations

from collections.abc import Iterator

from rig.verdict.oracles.fetch import SILENT, Fetch
from rig.verdict.oracles.fetch_finding import FetchFinding, finding
from rig.verdict.oracles.fetch_names import bare_name

DEFAULT_BLKSIZE = 512
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_PAGE_ENDS = (".htm", ".html", ".php", ".xhtml", "/")


def judge(fetch: Fetch) -> list[FetchFinding]:
    """What is wrong with one transfer; the first cause alone."""
    return list(_faults(fetch))[:1] if fetch.seen_whole else []


def _faults(fetch: Fetch) -> Iterator[FetchFinding]:
    name = bare_name(fetch.path)
    if fetch.transport == "tftp":
        yield from _options(fetch, name)
        yield from _blocks(fetch, name)
    # Only of a whole answer can the length be compared: 206 and 304 announce another one.
    if fetch.announced is not None and fetch.octets != fetch.announced and fetch.status == 200:
        yield finding(
            "size-differs", fetch, name=name, announced=fetch.announced, octets=fetch.octets
        )
    page = fetch.media_type in _PAGES and not name.lower().endswith(_PAGE_ENDS)
    if fetch.status == 200 and page:
        yield finding("web-page-for-file", fetch, name=name, kind=fetch.media_type)
    if fetch.status >= 500:
        yield finding("server-error", fetch, name=name, status=fetch.status)
    if fetch.transport == "tftp" and not fetch.done and not fetch.missing:
        yield from _end(fetch, name)


def _options(fetch: Fetch, name: str) -> Iterator[FetchFinding]:
    asked, granted = dict(fetch.asked), dict(fetch.acknowledged)
    extra = [option for option in granted if option not in asked]
    if extra:
        had = ", ".join(asked) or "-"
        yield finding("options-not-asked", fetch, name=name, asked=had, extra=", ".join(extra))
    wanted, got = asked.get("blksize", ""), granted.get("blksize", "")
    if wanted.isdigit() and got.isdigit() and int(got) > int(wanted):
        yield finding("blksize-raised", fetch, name=name, asked=wanted, granted=got)


def _blocks(fetch: Fetch, name: str) -> Iterator[FetchFinding]:
    size = fetch.blksize or DEFAULT_BLKSIZE
    longest = fetch.longest_block or 0
    if longest > size:
        yield finding("block-too-long", fetch, name=name, longest=longest, size=size)
    if fetch.other_content and not fetch.done:
        yield finding("block-numbered-again", fetch, name=name, block=fetch.other_content)
    full = fetch.last_block == size and fetch.octets > 0 and fetch.octets % size == 0
    whole = fetch.announced in {None, fetch.octets}
    if full and whole and fetch.repeats and not fetch.done:
        yield finding(
            "no-last-block",
            fetch,
            name=name,
            octets=fetch.octets,
            size=size,
            repeats=fetch.repeats,
        )


def _end(fetch: Fetch, name: str) -> Iterator[FetchFinding]:
    if fetch.status == SILENT and not fetch.answered:
        yield finding("never-answered", fetch, name=name)
    elif fetch.status == SILENT:
        yield finding("broken-off", fetch, name=name, octets=fetch.octets)
    elif fetch.status < 0 and fetch.ended_by_client:
        yield finding("client-abort", fetch, name=name, code=-fetch.status)
    elif fetch.status < 0:
        yield finding("server-error", fetch, name=name, status=f"TFTP error {-fetch.status}")

"""The page of real phones: what each vendor's interface can do, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rig.handset.vendor.control import PhoneCapability
from rig.handset.vendor.description import Description, Mark, description, vendors

Table = Callable[[Iterable[str], Iterable[Iterable[object]]], Iterator[str]]


def page(note: str, table: Table) -> Iterator[str]:
    """Every vendor: capabilities, requests with source and mark, settings that it needs."""
    known = [description(name) for name in vendors()]
    yield "# Real phones"
    yield ""
    yield note
    yield ""
    yield "What `phonerig phone` can do with which phone, and from where that is known. *Verified*"
    yield "means a public document, *unverified* only a public program, a document"
    yield "of a re-branded phone, or memory. **No real phone was at hand**; how to confirm one"
    yield "is in [drive a real phone](../howto/drive_a_real_phone.md)."
    yield ""
    yield from table(
        ("", *(each.title for each in known)),
        (
            (f"`{what}`", *("yes" if what in each.capabilities else "" for each in known))
            for what in PhoneCapability
        ),
    )
    for each in known:
        yield from _vendor(each, table)


def _vendor(each: Description, table: Table) -> Iterator[str]:
    yield f"## {each.title}"
    yield ""
    log_in = " or ".join(each.schemes) or f"`{each.secret_in_query}` in the query"
    yield f"Driver `{each.vendor}`, log-in by {log_in}, user `{each.user}` unless named otherwise."
    yield ""
    yield from table(
        ("asked by", "request", "source", "", "note"),
        (
            (f"`{name}`", f"`{act.method} {act.target}`", act.source, act.mark, act.note)
            for name, act in each.actions.items()
        ),
    )
    unsure = f"; less sure: {', '.join(each.keys_unverified)}" if each.keys_unverified else ""
    yield f"Keys ({each.keys_mark}, {each.keys_source}{unsure}): " + ", ".join(
        f"{name} `{word}`" for name, word in each.keys.items()
    )
    yield ""
    if each.notify:
        way = each.notify
        yield f"By NOTIFY: `Event: {way.event}`, `{way.media_type}` ({way.mark}, {way.source})."
        yield ""
    if each.call_backs:
        yield from table(
            ("call-back", "tells", "source", ""),
            ((f"`{b.setting}`", b.event, b.source, b.mark) for b in each.call_backs),
        )
    if each.prepare:
        yield "Before: " + "; ".join(each.prepare) + "."
        yield ""
    if each.cannot:
        yield from table(("cannot", "why"), ((f"`{k}`", v) for k, v in each.cannot.items()))
    yield from table(
        ("source", "what", "where"),
        ((name, source.what, source.where) for name, source in each.sources.items()),
    )
    unverified = sum(act.mark is Mark.UNVERIFIED for act in each.actions.values())
    yield f"{unverified} of {len(each.actions)} requests are unverified."
    yield ""

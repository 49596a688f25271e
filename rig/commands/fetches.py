"""``phonerig fetches``: what is wrong in a log, or a capture, of what phones fetched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rig.commands.common import clear_errors, complain, print_json, say, several
from rig.errors import UsageError

if TYPE_CHECKING:
    from rig.capture.capture_fetches import CaptureFetches
    from rig.verdict.oracles.fetch import Fetch
    from rig.verdict.oracles.fetch_finding import FetchFinding, Language

_SQLITE = b"SQLite format 3\0"


def fetches(
    place: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Output of 'serve --json', a web server's combined log, a capture (pcap, pcapng, "
            "also gzipped), or what 'serve --log' keeps, a file or a database.",
        ),
    ],
    language: Annotated[str, typer.Option("--lang", "--language", "-l", help="en or de.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is wrong in a saved log, or a capture, of what phones fetched.

    Names and their letter case, addresses, boots that bring nothing, boot loops, files given to
    the wrong phone; in a capture also how TFTP went. No file of a phone is read. Exit code 1 if a
    fault is found, 4 if there is no fetch in it, or a capture lacks a part.
    """
    from provisioning.database_url import DatabaseUrl, is_database_url
    from rig.verdict.oracles.fetches import FetchOracle

    with clear_errors(as_json=as_json):
        if language not in {"en", "de"}:
            raise UsageError(f"language {language!r}; expected en or de")
        words: Language = "de" if language == "de" else "en"
        oracle, count = FetchOracle(), 0
        found: list[FetchFinding] = []
        source = _source(place)
        file = DatabaseUrl(place) if is_database_url(place) else place
        for fetch in source.fetches:
            count += 1
            found += oracle.feed(fetch)
        found += oracle.close()
        notes = source.notes()
        if as_json:
            rows = [finding.to_json(words) for finding in found]
            data: dict[str, Any] = {"file": str(file), "fetches": count, "findings": rows}
            print_json(data | ({"notes": notes} if source.capture is not None else {}))
        else:
            _show(found, words, "line" if source.capture is None else "packet")
            for note in notes:
                complain(f"{file}: {note}", style="yellow")
            say(f"{file}: {several(count, 'fetch', 'fetches')}, {several(len(found), 'finding')}")
        if any(finding.rule.severity == "fault" for finding in found):
            raise typer.Exit(1)
        if not count or (source.capture is not None and source.capture.holes):
            raise typer.Exit(4)


@dataclass(slots=True)
class _Source:
    """Where fetches come from: a log, or a capture."""

    fetches: Iterable[Fetch]
    capture: CaptureFetches | None = None

    def notes(self) -> list[str]:
        """What a reader must know about a capture; to be asked when it has been read."""
        capture = self.capture
        if capture is None:
            return []
        notes = [capture.cut_off] if capture.cut_off else []
        if capture.encrypted:
            notes.append(f"{several(capture.encrypted, 'connection')} encrypted: nobody can look")
        if capture.unfinished:
            transfers = several(capture.unfinished, "TFTP transfer")
            notes.append(f"{transfers} not judged: the capture ended before")
        if capture.holes:
            notes.append(f"{several(capture.holes, 'hole')} where packets were not captured")
        return notes


def _source(place: str) -> _Source:
    from rig.capture.capture_fetches import CaptureFetches, is_capture

    file = Path(place)
    try:
        if _is_stored(place):
            return _Source(_stored(place))
        if is_capture(file):
            capture = CaptureFetches(file)
            return _Source(capture, capture)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    return _Source(_read(file))


def _is_stored(place: str) -> bool:
    """Whether it is what ``serve --log`` keeps."""
    from provisioning.database_url import is_database_url
    from provisioning.transport.fetch_place import FILE_PREFIX

    if is_database_url(place) or place.startswith(FILE_PREFIX):
        return True
    with Path(place).open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _stored(place: str) -> Iterator[Fetch]:
    from contextlib import closing

    from provisioning.transport.fetch_place import open_fetches
    from rig.commands.serve_log import refuse_password_in_argv
    from rig.verdict.oracles.fetch_lines import read_lines

    refuse_password_in_argv(place)
    with closing(open_fetches(place, read_only=True)) as store:
        yield from read_lines((fetch.line for fetch in store.read()), store.place)


def _read(file: Path) -> Iterator[Fetch]:
    from rig.verdict.oracles.fetch_lines import read_lines

    try:
        with file.open(encoding="utf-8", errors="backslashreplace") as lines:
            yield from read_lines(lines, str(file))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def _show(found: list[FetchFinding], words: Language, unit: str) -> None:
    from provisioning.transport.fetch_log import printable

    for finding in found:
        code = finding.rule.fault_class
        lines = ", ".join(str(fetch.number) for fetch in finding.fetches)
        clause = f" ({finding.rule.clause})" if finding.rule.clause else ""
        what = printable(finding.sentence(words))
        text = f"{unit} {lines}: {finding.rule.severity}: {code} {code.slug}: {what}{clause}"
        if finding.rule.severity == "fault":
            complain(text)
        else:
            say(text)
        say(f"    fix  {finding.remedy(words)}")

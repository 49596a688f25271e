"""``phonerig fetches``: what is wrong in a saved log of what phones fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import clear_errors, complain, print_json, say, several
from rig.errors import UsageError

if TYPE_CHECKING:
    from rig.verdict.oracles.fetch import Fetch
    from rig.verdict.oracles.fetch_finding import FetchFinding, Language


def fetches(
    file: Annotated[
        Path,
        typer.Argument(help="Output of 'serve --json', or a web server's combined log."),
    ],
    language: Annotated[str, typer.Option("--language", "-l", help="en or de.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is wrong in a saved log of what phones fetched.

    Names and their letter case, addresses, boots that bring nothing, boot loops, files given to
    the wrong phone. Only the log is read, no file of a phone. Exit code 1 if a fault is found.
    """
    from rig.verdict.oracles.fetches import FetchOracle

    with clear_errors(as_json=as_json):
        if language not in {"en", "de"}:
            raise UsageError(f"language {language!r}; expected en or de")
        words: Language = "de" if language == "de" else "en"
        oracle, count = FetchOracle(), 0
        found: list[FetchFinding] = []
        for fetch in _read(file):
            count += 1
            found += oracle.feed(fetch)
        found += oracle.close()
        if as_json:
            rows = [finding.to_json(words) for finding in found]
            print_json({"file": str(file), "fetches": count, "findings": rows})
        else:
            _show(found, words)
            say(f"{file}: {several(count, 'fetch', 'fetches')}, {several(len(found), 'finding')}")
        if any(finding.rule.severity == "fault" for finding in found):
            raise typer.Exit(1)


def _read(file: Path) -> Iterator[Fetch]:
    from rig.verdict.oracles.fetch_lines import read_lines

    try:
        with file.open(encoding="utf-8", errors="backslashreplace") as lines:
            yield from read_lines(lines, str(file))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error


def _show(found: list[FetchFinding], words: Language) -> None:
    from provisioning.transport.fetch_log import printable

    for finding in found:
        code = finding.rule.fault_class
        lines = ", ".join(str(fetch.number) for fetch in finding.fetches)
        clause = f" ({finding.rule.clause})" if finding.rule.clause else ""
        what = printable(finding.sentence(words))
        text = f"line {lines}: {finding.rule.severity}: {code} {code.slug}: {what}{clause}"
        if finding.rule.severity == "fault":
            complain(text)
        else:
            say(text)
        say(f"    fix  {finding.remedy(words)}")

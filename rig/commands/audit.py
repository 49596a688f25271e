"""``phonerig audit``: what will go wrong with configuration files that another system wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import clear_errors, print_json, profiles, say, several
from rig.errors import UsageError

if TYPE_CHECKING:
    from provisioning.audit_model import Audit, Finding

MOST_FILES = 5000


def audit(
    files: Annotated[
        list[Path], typer.Argument(help="Configuration files, or folders of them.", metavar="FILE")
    ],
    model: Annotated[
        str, typer.Option(help="The model of all files, when their names do not tell.")
    ] = "",
    ignore: Annotated[
        list[str] | None, typer.Option(help="Leave out a rule; give it several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what will go wrong with configuration files that another system wrote.

    Vendor, syntax and, where possible, the model are told from names and content. Give the common
    file and the handset's own file together. The files are only read; nothing that they name is
    fetched. Exit code 1 if anything is found.
    """
    from provisioning.audit import audit as judge

    with clear_errors(as_json=as_json):
        contents = {str(path): _content(path) for path in _files(files)}
        result = judge(contents, profiles(), model=model, ignore=ignore or ())
        if as_json:
            print_json(_data(result))
        else:
            _show(result)
        if result.findings:
            raise typer.Exit(1)


def _files(paths: list[Path]) -> Iterator[Path]:
    count = 0
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: no such file or folder")
        inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in inside:
            if not file.is_file():
                raise UsageError(f"{file}: neither a file nor a folder")
            count += 1
            if count > MOST_FILES:
                raise UsageError(f"more than {MOST_FILES} files; audit one folder after the other")
            yield file
    if not count:
        folders = ", ".join(str(path) for path in paths)
        raise UsageError(f"{folders} holds no file; expected the files of handsets")


def _content(path: Path) -> bytes:
    """No more than is needed to see that a file is too large."""
    from provisioning.formats.settings import MAX_FILE_BYTES

    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _show(result: Audit) -> None:
    for finding in result.findings:
        for line in _lines(finding):
            say(line)
    for path in result.unknown:
        say(f"{path}: not recognised; only its form was judged")
    if result.left_off:
        say("Of a fault that repeats in one file only the first places are shown.")
    count = len(result.findings)
    found = several(count, "fault") if count else "nothing found"
    say(f"{several(len(result.judged), 'file')} judged: {found}")


def _lines(finding: Finding) -> Iterator[str]:
    rule = finding.rule
    yield f"{finding.position}: {rule.severity}: {rule.what} [{rule.name}]"
    yield f"    found     {finding.found}"
    yield f"    expected  {finding.expected}"
    yield f"    so        {rule.why}"
    yield f"    fix       {rule.remedy}"


def _data(result: Audit) -> dict[str, object]:
    return {
        "findings": [finding.to_json() for finding in result.findings],
        "files": [
            {"file": path, "vendor": vendor, "models": list(models)}
            for path, (vendor, models) in result.judged.items()
        ],
        "unknown": list(result.unknown),
        "shortened": result.left_off > 0,
    }

"""Writes every report of a run into one folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from rig.errors import UsageError
from rig.report.html_report import write_html
from rig.report.json_report import write_json
from rig.report.junit_report import write_junit
from rig.report.record import RunRecord

_PAGES = {"en": "report.html", "de": "report.de.html"}
_WRITERS: dict[str, tuple[str, Callable[[RunRecord, Path], None]]] = {
    "html": (_PAGES["en"], partial(write_html, others={"de": _PAGES["de"]})),
    "html_de": (_PAGES["de"], partial(write_html, lang="de", others={"en": _PAGES["en"]})),
    "json": ("record.json", write_json),
    "junit": ("junit.xml", write_junit),
}


def write_reports(record: RunRecord, folder: Path) -> dict[str, Path]:
    """Write HTML (English and German), JSON and JUnit.

    Args:
        record: finished run.
        folder: made if it is not there.

    Returns:
        Path of each report by kind.

    Raises:
        UsageError: the folder cannot be written.
    """
    paths = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, (name, writer) in _WRITERS.items():
            paths[kind] = folder / name
            writer(record, paths[kind])
    except OSError as error:
        raise UsageError(f"cannot write reports to {folder}: {error.strerror}") from error
    return paths

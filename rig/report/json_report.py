"""The run record as JSON: the report that programs read, and that others are written from."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from rig.errors import UsageError
from rig.report.record import SCHEMA, RunRecord, ScenarioRecord
from rig.verdict.outcome import Outcome


def write_json(record: RunRecord, path: Path) -> None:
    """Write a record.

    Args:
        record: finished run.
        path: file to write.
    """
    data = dataclasses.asdict(record) | {"outcome": record.outcome.value}
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> RunRecord:
    """Read a record back, to write other reports from it.

    Args:
        path: file that :func:`write_json` wrote.

    Raises:
        UsageError: the file is missing or is no record of this version.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give the record.json of a run") from error
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}; give the record.json of a run") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        got = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise UsageError(f"{path}: got schema {got}, expected {SCHEMA}; run the scenarios again")
    try:
        data.pop("outcome", None)
        data["scenarios"] = [_scenario(scenario) for scenario in data["scenarios"]]
        return RunRecord(**data)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: not a run record: {error}; run the scenarios again") from error


def _scenario(data: dict[str, Any]) -> ScenarioRecord:
    data["outcome"] = Outcome(data["outcome"])
    data["requirements"] = tuple(data["requirements"])
    return ScenarioRecord(**data)

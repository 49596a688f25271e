"""The run record as JSON: the report that programs read."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from rig.report.record import RunRecord


def write_json(record: RunRecord, path: Path) -> None:
    """Write a record.

    Args:
        record: finished run.
        path: file to write.
    """
    data = dataclasses.asdict(record) | {"outcome": record.outcome.value}
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

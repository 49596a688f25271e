"""Recorded clean runs, as the trial makes them, under the name that tests use."""

from __future__ import annotations

from rig.fault_trial.recording import (
    Recording,
    change_body,
    change_head,
    record,
    record_one,
    undisturbed,
    vouched,
    with_body,
)

__all__ = [
    "Recording",
    "change_body",
    "change_head",
    "record",
    "record_one",
    "undisturbed",
    "vouched",
    "with_body",
]

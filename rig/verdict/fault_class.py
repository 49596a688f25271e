"""The names of faults: what the rig says when something is wrong.

M is message waiting, D diversion, P provisioning. A finding always carries a class, the component
it blames, and its proof. What a class means stands in ``rules/classes.yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import ClassVar

from rig.verdict.phrase import Text


class Component(StrEnum):
    """Part of the system that a finding blames."""

    PLATFORM = "platform"
    HANDSET = "handset"
    CONFIG = "config"
    PROVISIONING_SERVER = "provisioning server"
    NETWORK = "network"
    RIG = "rig"


class FaultClass(StrEnum):
    """Class of a fault; the value is its code."""

    M1 = "M1"
    M2 = "M2"
    M3 = "M3"
    M4 = "M4"
    M5 = "M5"
    M6 = "M6"
    M7 = "M7"
    M8 = "M8"
    M9 = "M9"
    M10 = "M10"
    M11 = "M11"
    D1 = "D1"
    D2 = "D2"
    D3 = "D3"
    D4 = "D4"
    D5 = "D5"
    D6 = "D6"
    D7 = "D7"
    D8 = "D8"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"
    P5 = "P5"
    P6 = "P6"
    P7 = "P7"
    P8 = "P8"
    P9 = "P9"

    @property
    def slug(self) -> str:
        """Short name, e.g. ``count-wrong``."""
        return class_texts()[self].name

    @property
    def meaning(self) -> str:
        """What it means, in one clause."""
        return class_texts()[self].meaning.en


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassText:
    """What is known of one class.

    Attributes:
        name: short name in reports, e.g. ``count-wrong``.
        meaning: in one clause.
        seen: how a technician sees it.
        causes: what usually is behind it.
        settings: fields of a handset's configuration that bear on it.
        proof: pattern of evidence that proves it.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    name: str
    meaning: Text
    seen: Text
    causes: tuple[Text, ...]
    settings: tuple[str, ...] = ()
    proof: str


@cache
def class_texts() -> dict[FaultClass, ClassText]:
    """Everything known of every class, read from ``rules/classes.yaml``.

    Raises:
        ValueError: a class is missing or not as it must be.
    """
    # Analysing a capture loads no reader of words before it has something to say.
    import yaml  # noqa: PLC0415 - as above
    from pydantic import TypeAdapter  # noqa: PLC0415 - as above

    text = (resources.files("rig.verdict") / "rules" / "classes.yaml").read_text("utf-8")
    entries = yaml.safe_load(text)
    if list(entries) != [fault.value for fault in FaultClass]:
        raise ValueError("rules/classes.yaml: other classes than FaultClass, or another order")
    return TypeAdapter(dict[FaultClass, ClassText]).validate_python(entries)

"""What a seeded fault is called in the reader's language; the German stands in ``titles.yaml``."""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml

from rig.faults.seed import Alteration


def title_of(fault: Alteration, lang: str) -> str:
    """What is altered, in one clause.

    Args:
        fault: any; one that was composed by hand has the title that it was given.
        lang: ``en`` or ``de``.
    """
    return german_titles().get(fault.name, fault.title) if lang == "de" else fault.title


@cache
def german_titles() -> dict[str, str]:
    """German titles by name."""
    text = (resources.files("rig.faults") / "titles.yaml").read_text("utf-8")
    found: dict[str, str] = yaml.safe_load(text)
    return found

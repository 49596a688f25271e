"""The words of the oracles, read from ``texts/*.yaml``: clause, weight, sentence, remedy.

Rows look like those of the diagnosis rules (``rig/verdict/rules``). Must not know: how a finding
comes about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import ClassVar

from rig.verdict.fault_class import FaultClass
from rig.verdict.oracles.finding import Lack, Severity
from rig.verdict.phrase import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleText:
    """One oracle in words.

    Attributes:
        oracle: identifier.
        group: part of SIP, the name of its file.
        clause: RFC and section.
        severity: weight when the evidence is whole.
        fault_class: or None.
        needs: evidence without which it is a note: it rests on something not being there.
        says: the sentence, with ``{names}`` to fill in.
        remedy: what to do, likewise.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    oracle: str
    group: str
    clause: str
    severity: Severity
    fault_class: FaultClass | None = None
    needs: frozenset[Lack] = frozenset()
    says: Text
    remedy: Text


@cache
def oracle_texts() -> Mapping[str, OracleText]:
    """All oracles by identifier, group by group.

    Raises:
        pydantic.ValidationError: a row is incomplete; names the field.
        ValueError: an identifier stands in two files.
    """
    # A capture in which nothing is wrong needs neither the words nor who reads them.
    import yaml  # noqa: PLC0415 - as above
    from pydantic import TypeAdapter  # noqa: PLC0415 - as above

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    row_of = TypeAdapter(OracleText).validate_python
    texts: dict[str, OracleText] = {}
    folder = resources.files("rig.verdict.oracles") / "texts"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        group = file.name.removesuffix(".yaml")
        rows = yaml.load(file.read_bytes(), loader)  # noqa: S506 - a safe one, quick if there is
        for oracle, row in rows.items():
            if oracle in texts:
                raise ValueError(f"texts/{file.name}: {oracle} stands there twice")
            known = {"oracle": oracle, "group": group, "fault_class": row.pop("class", None)}
            texts[oracle] = row_of(known | row)
    return texts

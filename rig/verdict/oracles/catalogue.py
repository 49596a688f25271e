"""The words of the oracles, read from ``texts/*.yaml``: clause, weight, sentence, remedy.

Rows look like those of the diagnosis rules (``rig/verdict/rules``). Must not know: how a finding
comes about.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field

from rig.verdict.fault_class import FaultClass
from rig.verdict.oracles.finding import Lack, Severity
from rig.verdict.phrase import Text


class OracleText(BaseModel):
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

    model_config = ConfigDict(frozen=True, extra="forbid")

    oracle: str
    group: str
    clause: str
    severity: Severity
    fault_class: FaultClass | None = Field(default=None, alias="class")
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
    texts: dict[str, OracleText] = {}
    folder = resources.files("rig.verdict.oracles") / "texts"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        group = file.name.removesuffix(".yaml")
        for oracle, row in yaml.safe_load(file.read_text("utf-8")).items():
            if oracle in texts:
                raise ValueError(f"texts/{file.name}: {oracle} stands there twice")
            texts[oracle] = OracleText(oracle=oracle, group=group, **row)
    return texts

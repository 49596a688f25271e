"""The words of the oracles, read from ``texts/*.yaml``: clause, weight, sentence, remedy.

Must not know: how a finding comes about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from provisioning.errors import LocalProtocolError
from rig.verdict.fault_class import FaultClass
from rig.verdict.oracles.finding import Lack, Severity

_KEYS = {"clause", "severity", "class", "needs", "sentence", "remedy"}


@dataclass(frozen=True, slots=True)
class OracleText:
    """One oracle in words.

    Attributes:
        oracle: identifier.
        group: part of SIP, the name of its file.
        clause: RFC and section.
        severity: weight when the evidence is whole.
        fault_class: or None.
        needs: evidence without which it is a note: it rests on something not being there.
        sentence: by language, with ``{names}`` to fill in.
        remedy: by language.
    """

    oracle: str
    group: str
    clause: str
    severity: Severity
    fault_class: FaultClass | None
    needs: frozenset[Lack]
    sentence: Mapping[str, str]
    remedy: Mapping[str, str]


def _entry(group: str, oracle: str, raw: Any) -> OracleText:
    if not isinstance(raw, dict) or set(raw) - _KEYS or not {"clause", "severity"} <= set(raw):
        raise LocalProtocolError(
            f"texts/{group}.yaml: {oracle}: expected clause, severity, sentence, remedy and, if "
            f"need be, class and needs; got {raw!r}"
        )
    words: list[dict[str, str]] = []
    for part in ("sentence", "remedy"):
        languages = raw.get(part)
        if not isinstance(languages, dict) or set(languages) != {"en", "de"}:
            raise LocalProtocolError(f"texts/{group}.yaml: {oracle}: {part} needs en and de")
        words.append({key: str(value) for key, value in languages.items()})
    return OracleText(
        oracle,
        group,
        str(raw["clause"]),
        Severity(raw["severity"]),
        FaultClass(raw["class"]) if "class" in raw else None,
        frozenset(Lack(need) for need in raw.get("needs", ())),
        words[0],
        words[1],
    )


@cache
def oracle_texts() -> Mapping[str, OracleText]:
    """All oracles by identifier, group by group.

    Raises:
        LocalProtocolError: a file of texts is incomplete; names the entry.
    """
    texts: dict[str, OracleText] = {}
    folder = resources.files("rig.verdict.oracles") / "texts"
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if not file.name.endswith(".yaml"):
            continue
        group = file.name.removesuffix(".yaml")
        for oracle, raw in yaml.safe_load(file.read_text("utf-8")).items():
            if oracle in texts:
                raise LocalProtocolError(f"texts/{file.name}: {oracle} stands there twice")
            texts[oracle] = _entry(group, oracle, raw)
    return texts

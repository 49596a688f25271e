"""Texts of proofs and of the rig's own faults, in both languages at once.

The words stand in ``rules/proofs.yaml``. A proof that only quotes needs none of this: a plain
string reads the same in every language.
"""

from __future__ import annotations

from functools import cache

import yaml
from pydantic import TypeAdapter

from rig.verdict.phrase import Fact, Said, Text, Wording
from rig.verdict.rule_table import common_words, rule_text

__all__ = ["Said", "german", "proof_texts", "said"]


def said(key: str, /, **facts: Fact) -> Said:
    """A text of ``rules/proofs.yaml``, filled.

    Args:
        key: which.
        facts: what its placeholders stand for; another such text is said in the same language.

    Raises:
        KeyError: there is no such text, or a placeholder without a fact.
    """
    text, wording = proof_texts()[key], _wording()
    return Said(wording.say(text, facts, "en"), wording.say(text, facts, "de"))


def german(text: str) -> str:
    """A text in German; itself if it quotes."""
    return text.de if isinstance(text, Said) else text


@cache
def proof_texts() -> dict[str, Text]:
    """All texts by key."""
    return TypeAdapter(dict[str, Text]).validate_python(yaml.safe_load(rule_text("proofs")))


@cache
def _wording() -> Wording:
    return Wording(proof_texts(), common_words().words)

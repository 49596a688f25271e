"""The rules for message waiting: the table ``rules/mwi.yaml`` and its predicates.

Each predicate looks at one :class:`~rig.verdict.mwi.LampCase` and either stays silent or returns
what it found, with its proof. An earlier link of the chain (config, subscription, platform,
network, handset) explains the later ones.
"""

from __future__ import annotations

from functools import cache

from rig.verdict import (
    config_rules,
    lamp_rules,
    mwi_audience_rules,
    mwi_content_rules,
    mwi_delivery_rules,
    mwi_lifecycle_rules,
    mwi_standing_rules,
    mwi_way_rules,
)
from rig.verdict.mwi import LampCase
from rig.verdict.rule_book import RuleBook
from rig.verdict.rule_table import rule_table

MODULES = (
    config_rules,
    lamp_rules,
    mwi_audience_rules,
    mwi_content_rules,
    mwi_delivery_rules,
    mwi_lifecycle_rules,
    mwi_standing_rules,
    mwi_way_rules,
)
"""Where the predicates stand."""


@cache
def mwi_book() -> RuleBook[LampCase]:
    """The rules for message waiting."""
    return RuleBook(rule_table("mwi"), LampCase, MODULES)

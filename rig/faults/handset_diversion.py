"""Seeded faults of handsets that forward, or show what is forwarded."""

from __future__ import annotations

from rig.faults.compose import on_handset
from rig.faults.seed import Seed
from rig.verdict.fault_class import Component, FaultClass


def handset_diversion_seeds() -> tuple[Seed, ...]:
    """All of them, freshly made."""
    return (
        Seed(
            name="feature-echo",
            title="the callee's phone sends every change of a service back to the platform",
            component=Component.HANDSET,
            fault_class=FaultClass.D8,
            scenario="feature_keys",
            id="B67",
            source="https://github.com/wazo-platform/wazo-provd-plugins/commit/a6d7e6a6",
            handsets={"callee": on_handset(feature_asked=lambda word: word)},
        ),
        Seed(
            name="feature-not-shown",
            title="the callee's phone does not show what the platform forwards",
            component=Component.HANDSET,
            fault_class=FaultClass.D8,
            scenario="feature_keys",
            handsets={"callee": on_handset(feature_shown=lambda _: None)},
        ),
    )

"""Seeded faults of provisioning: each makes one component wrong in one way."""

from __future__ import annotations

import re

from rig.faults.config_faults import config_faults
from rig.faults.file_server_faults import file_server_faults
from rig.faults.seed import Seed
from rig.verdict.fault_class import Component, FaultClass

_MWI_SUBSCRIBE_KEYS = re.compile(
    rb"^account\.\d+\.subscribe_mwi *=[^\n]*\n"  # Yealink
    rb"|^ *<user_mailbox[^\n]*\n"  # Snom
    rb'|^ *msg\.mwi\.\d+\.subscribe="[^"]*"'  # Poly
    rb'|^ *<item name="account\.\d+\.sip\.subscribe\.forMwi">[^\n]*\n',  # Grandstream
    re.MULTILINE,
)


def without_mwi_subscription(name: str, content: bytes) -> bytes:
    """Take the setting that makes a phone subscribe out of a file, whatever its syntax."""
    del name
    return _MWI_SUBSCRIBE_KEYS.sub(b"", content)


def provisioning_seeds() -> tuple[Seed, ...]:
    """Seeded faults of classes P1 to P9, freshly made."""
    return (
        Seed(
            name="mwi-subscription-missing",
            id="B73",
            source="https://github.com/fusionpbx/fusionpbx/pull/1436",
            title="the callee's file lacks the setting that makes the phone subscribe",
            component=Component.CONFIG,
            fault_class=FaultClass.P4,
            scenario="busy",
            file=without_mwi_subscription,
        ),
        *config_faults(),
        *file_server_faults(),
    )

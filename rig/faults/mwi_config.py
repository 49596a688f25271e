"""Seeded faults of message waiting in the phone's own file."""

from __future__ import annotations

from rig.faults.compose import (
    NOTIFY,
    alter,
    drop,
    in_files,
    on_platform,
    response,
    setting,
    status,
)
from rig.faults.seed import Seed
from rig.faults.sites import may_open
from rig.verdict.fault_class import Component, FaultClass

_FUSION = "https://github.com/fusionpbx/fusionpbx/"
_PORTAL = "^<sip:[^@]*900@"
"""To of a request to the number of the voice portal, as the demo site has it."""


def config_seeds() -> tuple[Seed, ...]:
    """Every fault of this module, freshly made."""
    return (
        Seed(
            id="B76",
            name="subscribes-to-portal",
            source=_FUSION + "issues/2039",
            title="the callee's file makes the phone subscribe to the number of the voice portal",
            component=Component.CONFIG,
            fault_class=FaultClass.M7,
            scenario="message",
            file=setting("account.1.subscribe_mwi_to_vm", "1"),
            # A platform that knows mailboxes by their own address alone.
            platform=on_platform(
                alter(response(200, "SUBSCRIBE").where(headers={"To": _PORTAL}), status(404)),
                drop(NOTIFY.where(headers={"From": _PORTAL})),
            ),
        ),
        Seed(
            id="B77",
            name="watches-next-door",
            source=_FUSION + "commit/494664f598",
            title="the callee's file makes the phone watch the mailbox of the next number",
            component=Component.CONFIG,
            fault_class=FaultClass.M6,
            scenario="message_next_door",
            site=may_open("+493023125104", "+493023125103"),
            file=in_files("(<user_mailbox[^>]*>)sip:clara.conrad@", r"\1sip:david.dietz@"),
        ),
        Seed(
            id="B89",
            name="lamp-switched-off",
            source="https://github.com/chan-sccp/chan-sccp/issues/621",
            title="the callee's file switches the message lamp off",
            component=Component.CONFIG,
            fault_class=FaultClass.M9,
            scenario="message",
            file=setting("phone_setting.mail_power_led_flash_enable", "0"),
        ),
    )

"""A phone that loses its call without a word ends it for the other side, and nothing else does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from call_kit import CallLab, call_lab
from platform_kit import ANNA, BERT, CARL, DORA, PORTAL, OutgoingCall

from rig.mailbox_platform.base import UserServices
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.sip.timers import TimerValues

pytestmark = pytest.mark.waits

QUICK = {"call_check_s": 0.2, "sip_timers": TimerValues(t1_s=0.02)}
"""An unanswered OPTIONS is given up after 64 times T1, so after 1.28 s."""


async def talking(lab: CallLab) -> OutgoingCall:
    """Dora has called Bert, who answered."""
    lab.phones[BERT].answer = "answer"
    return await lab.phones[DORA].talk_to(BERT)


def questions(lab: CallLab, number: str) -> int:
    return len(lab.sent("OPTIONS", lab.phones[number].stack.address))


@pytest.mark.parametrize(("dead", "alive"), [(BERT, DORA), (DORA, BERT)])
async def test_a_phone_without_power_ends_the_call_for_the_other(
    tmp_path: Path, dead: str, alive: str
) -> None:
    async with call_lab(tmp_path, **QUICK) as lab:
        await talking(lab)
        await lab.platform.set_services(dead, UserServices(call_waiting=False))
        await lab.phones[dead].stack.close()
        left = lab.phones[alive]
        await left.until(lambda: left.byes == 1, 15)
        reason = left.requests[-1].request.headers.get("Reason") or ""
        assert "cause=408" in reason
        await lab.until_idle()
        # Nobody is engaged by a call that is over.
        assert not lab.platform._up.router._context.calls.engaged(dead)


async def test_a_phone_that_started_anew_does_not_know_the_call(tmp_path: Path) -> None:
    async with call_lab(tmp_path, **QUICK) as lab:
        await talking(lab)
        bert, dora = lab.phones[BERT], lab.phones[DORA]
        for dialog in bert.dialogs:
            bert.stack.remove_dialog(dialog.call_id, dialog.local_tag)
        bert.stack.on_request = lambda incoming: incoming.respond(481)
        await dora.until(lambda: dora.byes == 1, 10)
        assert "cause=481" in (dora.requests[-1].request.headers.get("Reason") or "")
        await lab.until_idle()


@pytest.mark.parametrize("status", [200, 405, 486, 501])
async def test_any_other_answer_is_a_sign_of_life(tmp_path: Path, status: int) -> None:
    async with call_lab(tmp_path, **QUICK) as lab:
        call = await talking(lab)
        bert, dora = lab.phones[BERT], lab.phones[DORA]
        dialog = bert.dialogs[-1]
        bert.stack.add_dialog(
            dialog.call_id, dialog.local_tag, lambda incoming: incoming.respond(status)
        )
        await dora.until(lambda: questions(lab, BERT) >= 3 <= questions(lab, DORA), 10)
        assert dora.byes == 0
        assert lab.platform.calls == 1
        assert (await call.request("BYE")).status == 200
        await lab.until_idle()


async def test_a_caller_without_power_leaves_the_portal_too(tmp_path: Path) -> None:
    async with call_lab(tmp_path, **QUICK) as lab:
        anna = lab.phones[ANNA]
        await anna.talk_to(PORTAL)
        await anna.stack.close()
        await lab.until_idle(15)


async def test_the_check_can_be_switched_off_and_stops_with_the_call(tmp_path: Path) -> None:
    async with call_lab(tmp_path, **{**QUICK, "call_check_s": 0.0}) as lab:
        call = await talking(lab)
        await asyncio.sleep(0.5)
        assert questions(lab, BERT) == 0
        assert (await call.request("BYE")).status == 200
        await lab.until_idle()
    async with call_lab(tmp_path / "second", **QUICK) as lab:
        call = await talking(lab)
        await lab.phones[DORA].until(lambda: questions(lab, BERT) > 0, 10)
        assert (await call.request("BYE")).status == 200
        await lab.until_idle()
        asked = questions(lab, BERT), questions(lab, DORA)
        await asyncio.sleep(0.6)
        assert (questions(lab, BERT), questions(lab, DORA)) == asked


async def test_a_transferred_call_is_checked_as_well(tmp_path: Path) -> None:
    async with call_lab(tmp_path, **QUICK) as lab:
        call = await talking(lab)
        bert, carl, dora = lab.phones[BERT], lab.phones[CARL], lab.phones[DORA]
        carl.answer = "answer"
        assert (await dora.refer(call.dialog, CARL)).status == 202
        await dora.until(lambda: dora.byes == 1, 10)  # the transferor is out
        await carl.stack.close()
        await bert.until(lambda: bert.byes == 1, 15)
        await lab.until_idle()


def test_the_product_checks() -> None:
    assert 0 < PlatformConfig().call_check_s <= 300

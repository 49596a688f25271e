"""Feature access codes dialled by a phone: what is heard, and what the next call meets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from call_kit import CallLab, TrunkPeer, call_lab, hears, with_codes
from platform_kit import ANNA, BERT, CARL, DORA, PORTAL, leave_message

from provisioning.hunt_group import HuntGroup, HuntPolicy
from provisioning.inventory_site import Site
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.sip.diversion import parse_diversions
from rig.sip.history_info import lint_history, parse_history
from rig.sip.message import Request

pytestmark = pytest.mark.waits


async def dial_code(lab: CallLab, number: str, code: str) -> list[str]:
    """Dial a code; gives back what was heard until the platform hung up."""
    phone = lab.phones[number]
    before = phone.byes
    heard = len(phone.stream.heard)
    await phone.talk_to(code.replace("#", "%23"))
    await phone.until(lambda: phone.byes == before + 1, 12)
    # Another call may be leaving a message meanwhile, which takes as long as its silence.
    await phone.until(lambda: lab.platform._up._voicemail.calls == 0, 20)
    return list(phone.stream.heard[heard:])


async def test_vm_cfg_01_do_not_disturb_on_and_off(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        assert await dial_code(lab, DORA, "*78") == ["feature.activated"]
        call = await lab.phones[ANNA].call(DORA)
        assert (await call.result()).status == 486
        assert lab.phones[DORA].invites == []
        assert await dial_code(lab, DORA, "*79") == ["feature.deactivated"]
        lab.phones[DORA].answer = "answer"
        await lab.phones[ANNA].talk_to(DORA)


async def test_vm_cfg_01_forwarding_on_query_off(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        heard = await dial_code(lab, CARL, "*72104")
        assert heard[:3] == ["feature.activated", "feature.forwarded_to", "spoken.plus"]
        lab.phones[DORA].answer = "answer"
        await lab.phones[ANNA].talk_to(CARL)
        assert lab.phones[CARL].invites == []
        heard = await dial_code(lab, CARL, "*21*")
        digits = [prompt.removeprefix("spoken.") for prompt in heard[1:]]
        assert heard[0] == "feature.forwarded_to"
        assert "".join(digits).replace("plus", "+") == DORA
        assert await dial_code(lab, CARL, "*73") == ["feature.deactivated"]
        assert await dial_code(lab, CARL, "*21*") == ["feature.is_off"]


async def test_r27_r30_mailbox_and_rings_by_code(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        assert await dial_code(lab, CARL, "*21") == ["feature.activated"]
        assert lab.platform._settings.require_options(CARL).all_calls
        await lab.phones[ANNA].talk_to(CARL)
        assert lab.phones[CARL].invites == []
        assert await dial_code(lab, CARL, "#21") == ["feature.deactivated"]
        assert (await dial_code(lab, CARL, "*6105"))[0] == "feature.activated"
        assert lab.platform._settings.require_options(CARL).rings == 5


@pytest.mark.parametrize(
    ("code", "prompt"),
    [
        ("*72103", "feature.own_number"),
        ("*7212", "feature.bad_number"),
        ("*72*", "feature.no_number"),
        ("*61021", "feature.bad_rings"),
        ("*88", "feature.unknown_code"),
        ("#", "feature.unknown_code"),
        ("*55104", "feature.no_such_mailbox"),
        ("*5577", "feature.no_such_mailbox"),
    ],
)
async def test_vm_cfg_01_what_cannot_be_done_is_refused_in_words(
    tmp_path: Path, code: str, prompt: str
) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        before = lab.platform._settings.services(CARL), lab.platform._settings.options(CARL)
        assert await dial_code(lab, CARL, code) == [prompt]
        after = lab.platform._settings.services(CARL), lab.platform._settings.options(CARL)
        assert after == before


async def test_user_without_mailbox_is_told_so(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        assert await dial_code(lab, DORA, "*21") == ["feature.no_mailbox"]
        assert await dial_code(lab, DORA, "*99") == ["feature.no_mailbox"]


async def test_codes_that_no_inventory_names_do_nothing(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        assert await dial_code(lab, DORA, "*78") == ["feature.unknown_code"]
        assert not lab.platform._settings.services(DORA).do_not_disturb


async def test_vm_cfg_01_codes_are_not_for_callers_from_the_trunk(tmp_path: Path) -> None:
    carrier = TrunkPeer()
    address = await carrier.open()
    async with call_lab(tmp_path, with_codes(), trusted_peers=(address,)) as lab:
        # Not even when the trunk says that it is a user of ours.
        for code in ("*78", "*21", "*72104", "*62", "*55103", "*99"):
            final = await carrier.call(lab.platform, code, caller=CARL)
            assert final.status == 403
            assert "feature codes" in (final.headers.get("Warning") or "")
        assert lab.platform._settings.services(CARL) == UserServices()
        assert lab.mailbox_legs == []
    await carrier.stack.close()


async def test_portal_and_direct_deposit_by_code(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        dora, anna = lab.phones[DORA], lab.phones[ANNA]
        await anna.talk_to("*86")
        await hears(anna, "portal.enter_pin")
        await leave_message(dora, "*55103")
        (message,) = await lab.until_message(CARL)
        assert message.caller == DORA
        assert lab.phones[CARL].invites == []


async def test_clear_mwi_puts_the_lamp_out_until_the_next_message(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        carl, dora = lab.phones[CARL], lab.phones[DORA]
        await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))

        def last() -> Request:
            return carl.notifies[-1]

        await leave_message(dora, CARL)
        await carl.until(lambda: b"Messages-Waiting: yes" in last().body)
        assert await dial_code(lab, CARL, "*99") == ["feature.lamp_off"]
        await carl.until(lambda: b"Messages-Waiting: no" in last().body)
        assert (await lab.platform.counts(CARL)).new == 1, "the message is still there"
        await leave_message(dora, CARL)
        await carl.until(lambda: b"Messages-Waiting: yes" in last().body)
        assert b"2/0" in last().body


# -- call waiting -----------------------------------------------------------------------------


async def test_div_cfb_03_second_call_rings_with_call_waiting_and_is_busy_without(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, with_codes()) as lab:
        anna, bert, carl, dora = (lab.phones[n] for n in (ANNA, BERT, CARL, DORA))
        carl.answer = "answer"
        await anna.talk_to(CARL)
        carl.answer = "ring"
        waiting = await dora.call(CARL)
        await carl.until(lambda: len(carl.invites) == 2)
        waiting.outgoing.cancel()
        assert (await waiting.result()).status == 487
        # The callee switches it off: to dial, its phone makes a call of its own.
        await lab.platform.set_services(CARL, UserServices(call_waiting=False))
        await bert.talk_to(CARL)
        assert len(carl.invites) == 2, "the phone is not rung"
        (leg,) = lab.mailbox_legs
        assert [e.reason for e in parse_diversions(leg.headers)] == ["user-busy"]
        await hears(bert, "greeting.busy")


async def test_r28_caller_without_call_waiting_is_busy_while_it_dials_and_free_after(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, dora = lab.phones[ANNA], lab.phones[BERT], lab.phones[DORA]
        await lab.platform.set_services(DORA, UserServices(call_waiting=False))
        dialling = await dora.call(BERT)
        await bert.until(lambda: len(bert.invites) == 1)
        second = await anna.call(DORA)
        assert (await second.result()).status == 486
        dialling.outgoing.cancel()
        assert (await dialling.result()).status == 487
        await lab.until_idle()
        dora.answer = "answer"
        await anna.talk_to(DORA)


async def test_transferor_is_free_after_the_transfer(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        anna, bert, carl, dora = (lab.phones[n] for n in (ANNA, BERT, CARL, DORA))
        await lab.platform.set_services(BERT, UserServices(call_waiting=False))
        bert.answer = dora.answer = "answer"
        await anna.talk_to(BERT)
        assert (await (await carl.call(BERT)).result()).status == 486
        await bert.refer(bert.dialogs[0], DORA)
        await bert.until(lambda: bert.byes == 1)
        await carl.talk_to(BERT)


# -- hunt groups ------------------------------------------------------------------------------

GROUP = "+493023125120"


def with_group(policy: HuntPolicy, no_answer: str = "", *members: str) -> Site:
    group = HuntGroup(
        name="Sales",
        number=GROUP,
        extension="120",
        members=members or (BERT, CARL),
        policy=policy,
        rings=2,
        no_answer=no_answer,
    )
    return replace(with_codes(), hunt_groups={GROUP: group})


async def test_group_rings_all_members_and_the_first_wins(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_group(HuntPolicy.ALL)) as lab:
        bert, carl = lab.phones[BERT], lab.phones[CARL]
        call = await lab.phones[ANNA].call("120")
        await carl.until(lambda: bool(bert.invites and carl.invites))
        carl.accept(carl.invites[0])
        assert (await call.result()).status == 200
        await bert.until(lambda: bert.cancels == 1)
        assert "Diversion" not in carl.invites[0].request.headers


async def test_div_prec_07_group_uses_neither_forwarding_nor_mailbox_of_a_member(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path, with_group(HuntPolicy.ALL)) as lab:
        bert, carl, dora = lab.phones[BERT], lab.phones[CARL], lab.phones[DORA]
        to_dora = ForwardRule(active=True, target=DORA)
        await lab.platform.set_services(CARL, UserServices(always=to_dora, busy=to_dora))
        await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True, rings=2))
        bert.answer, carl.answer = 603, 486
        call = await lab.phones[ANNA].call("120")
        assert (await call.result()).status == 486
        assert len(bert.invites) == len(carl.invites) == 1
        assert dora.invites == []
        assert lab.mailbox_legs == []


async def test_group_in_order_goes_on_and_then_to_its_own_number(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_group(HuntPolicy.IN_ORDER, "101")) as lab:
        anna, bert, carl, dora = (lab.phones[n] for n in (ANNA, BERT, CARL, DORA))
        bert.answer = "ring"
        anna.answer = "answer"
        await dora.talk_to("120")
        assert len(bert.invites) == len(carl.invites) == 1
        assert bert.cancels == carl.cancels == 1
        first = lab.sent("CANCEL", bert.stack.address)
        assert first, "one after the other"
        invite = anna.invites[0].request
        assert [(e.name_addr.uri.user, e.reason) for e in parse_diversions(invite.headers)] == [
            (GROUP, "no-answer")
        ]
        assert parse_history(invite.headers)[-1].cause == 408
        assert lint_history(invite.headers) == []


async def test_group_leaves_out_members_who_cannot_be_rung(tmp_path: Path) -> None:
    registered = (ANNA, BERT, DORA)
    site = with_group(HuntPolicy.ALL, PORTAL, BERT, CARL)
    async with call_lab(tmp_path, site, registered=registered) as lab:
        await lab.platform.set_services(BERT, UserServices(do_not_disturb=True))
        call = await lab.phones[ANNA].call("120")
        assert (await call.result()).status == 480, "a group has no mailbox"
        assert lab.phones[BERT].invites == []


async def test_group_that_forwards_to_itself_ends(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_group(HuntPolicy.ALL, "120", BERT)) as lab:
        lab.phones[BERT].answer = 486
        call = await lab.phones[ANNA].call("120")
        assert (await call.result()).status == 482
        assert len(lab.phones[BERT].invites) == 1


async def test_members_of_a_group_refuse_each_for_themselves(tmp_path: Path) -> None:
    async with call_lab(tmp_path, with_group(HuntPolicy.ALL)) as lab:
        bert, carl = lab.phones[BERT], lab.phones[CARL]
        bert.answer = 603
        call = await lab.phones[ANNA].call(GROUP)
        await bert.until(lambda: bool(bert.invites))
        await carl.until(lambda: bool(carl.invites))
        carl.accept(carl.invites[0])
        assert (await call.result()).status == 200

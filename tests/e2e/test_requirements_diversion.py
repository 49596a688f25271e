"""The guide on which calls go to the mailbox: every combination, over real SIP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import product
from pathlib import Path

import pytest
from owner_kit import CARLS_PIN, Owner, leave, registered
from platform_kit import ANNA, BERT, CARL, DORA, Phone, make_site, make_user, with_user
from xsi_kit import Web, running

from provisioning.inventory_model import MailboxSettings
from provisioning.secret import Secret
from rig.clock import now
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.media.prompt import marker
from rig.sip.message_summary import parse_summary
from rig.sip_transport.stack import IncomingRequest

pytestmark = pytest.mark.waits

RING = 0.2
OWNERS = tuple(f"+4930231252{n:02d}" for n in range(8))
"""Eight more owners of mailboxes, one for each combination of the three options."""


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    site = make_site()
    for number in OWNERS:
        site = with_user(site, make_user(number, number, MailboxSettings(Secret("864209"))))
    async with running(tmp_path, site, seconds_per_ring=RING, default_ring_s=4 * RING) as one:
        yield one


async def outcome(caller: Phone, callee: Phone) -> tuple[str | int, bool]:
    """Who took the call (phone, mailbox or a status), and whether the phone was rung."""
    callee.invites.clear()
    call = await caller.call(callee.user.number)
    final = await call.result()
    if not final.is_success:
        return final.status, bool(callee.invites)
    taken = "phone" if b"m=audio 41000 " in final.body else "mailbox"
    assert (await call.request("BYE")).status == 200
    return taken, bool(callee.invites)


@pytest.mark.parametrize("answer", ["ring", 486])
async def test_r1_r2_r31_what_the_caller_says_is_heard_by_the_owner(
    platform: EmbeddedPlatform, answer: str | int
) -> None:
    carl, dora = await registered(platform, CARL), await registered(platform, DORA)
    carl.answer = answer
    sign = marker(f"said while {answer}")
    await (await leave(dora, CARL, sign)).hang_up()
    assert len(carl.invites) == 1
    carl.answer = "ring"
    call = await Owner(carl).log_in(CARLS_PIN)
    await call.press("1")
    await call.hear(sign, "portal.end_of_messages")
    await call.hang_up()
    await carl.close()
    await dora.close()


COMBINATIONS = tuple(product((False, True), repeat=3))


def expected(all_calls: bool, busy: bool, no_answer: bool) -> dict[str, tuple[str | int, bool]]:
    """Literal table: state of the phone, then who takes the call and whether it was rung."""
    if all_calls:
        return dict.fromkeys(("idle", "busy", "dnd", "unanswered"), ("mailbox", False))
    return {
        "idle": ("phone", True),
        "busy": ("mailbox" if busy else 486, True),
        "dnd": ("mailbox" if busy else 486, False),
        "unanswered": ("mailbox" if no_answer else 480, True),
    }


async def test_r27_r28_r29_r30a_all_combinations_of_the_options_in_every_state(
    platform: EmbeddedPlatform,
) -> None:
    dora = await registered(platform, DORA)
    phones = [await registered(platform, number) for number in OWNERS]
    for number, (all_calls, busy, no_answer) in zip(OWNERS, COMBINATIONS, strict=True):
        await platform.set_mailbox_options(
            number,
            MailboxOptions(all_calls=all_calls, busy=busy, no_answer=no_answer, rings=2),
        )
    for state, answer in (
        ("idle", "answer"), ("busy", 486), ("dnd", "answer"), ("unanswered", "ring"),
    ):  # fmt: skip
        for phone in phones:
            phone.answer = answer
            services = UserServices(do_not_disturb=state == "dnd")
            await platform.set_services(phone.user.number, services)
        seen = await asyncio.gather(*(outcome(dora, phone) for phone in phones))
        for combination, got in zip(COMBINATIONS, seen, strict=True):
            assert got == expected(*combination)[state], f"{combination} {state}"
    for phone in (dora, *phones):
        await phone.close()


async def test_r26_switched_off_nothing_reaches_the_mailbox_and_on_again_it_does(
    platform: EmbeddedPlatform,
) -> None:
    carl, dora = await registered(platform, CARL), await registered(platform, DORA)
    await carl.until(lambda: len(carl.notifies) == 1)
    everything = {"all_calls": True, "busy": True, "no_answer": True, "rings": 2}
    await platform.set_mailbox_options(CARL, MailboxOptions(active=False, **everything))
    for answer, status in ((486, 486), ("ring", 480)):
        carl.answer = answer
        assert await outcome(dora, carl) == (status, True)
    assert carl.cancels == 1
    await platform.set_mailbox_options(CARL, MailboxOptions(**everything))
    assert await outcome(dora, carl) == ("mailbox", False)
    assert not any(parse_summary(told.body).waiting for told in carl.notifies)
    await carl.close()
    await dora.close()


class Ringing(Phone):
    """Notes how long it rang, from its 180 to the CANCEL."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]  # as a phone is made
        self.rang_s = 0.0

    def _invited(self, incoming: IncomingRequest) -> None:
        super()._invited(incoming)
        began = now()

        def cancelled() -> None:
            self.rang_s = now() - began
            self._cancelled()

        incoming.on_cancel = cancelled


async def test_r29_r30_the_rings_of_the_greeting_settings_fit_a_line(
    platform: EmbeddedPlatform,
) -> None:
    counts = (2, 3, 5, 10)
    dora = await registered(platform, DORA)
    phones = []
    for number, rings in zip(OWNERS, counts, strict=False):
        phone = await Ringing(platform, platform.site.users[number]).open()
        assert (await phone.register()).status == 200
        phones.append(phone)
        async with Web(platform, phone.user) as web:
            fields = f"<noAnswerNumberOfRings>{rings}</noAnswerNumberOfRings>"
            assert (await web.put("VoiceMessaging/Greetings", fields)).status == 200
            one = "<noAnswerNumberOfRings>1</noAnswerNumberOfRings>"
            assert (await web.put("VoiceMessaging/Greetings", one)).status == 400
    seen = await asyncio.gather(*(outcome(dora, phone) for phone in phones))
    assert seen == [("mailbox", True)] * len(counts)
    rang = [phone.rang_s for phone in phones]
    assert rang == sorted(set(rang))
    mean_x, mean_y = sum(counts) / len(counts), sum(rang) / len(rang)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(counts, rang, strict=True)) / sum(
        (x - mean_x) ** 2 for x in counts
    )
    assert slope == pytest.approx(RING, rel=0.25)
    for rings, seconds in zip(counts, rang, strict=True):
        assert seconds >= rings * RING - 0.02  # never too early
        assert seconds - rings * RING < 2 * RING + (rang[0] - 2 * RING)
    for phone in (dora, *phones):
        await phone.close()


async def test_r30_no_rings_at_all_means_at_once(platform: EmbeddedPlatform) -> None:
    carl, dora = await registered(platform, CARL), await registered(platform, DORA)
    await platform.set_mailbox_options(CARL, MailboxOptions(rings=0))
    assert await outcome(dora, carl) == ("mailbox", False)
    await carl.close()
    await dora.close()


@pytest.mark.parametrize(("mailbox_rings", "forward_rings"), [(2, 2), (2, 4), (4, 2)])
async def test_r30b_whichever_counts_fewer_rings_forwarding_takes_the_unanswered_call(
    platform: EmbeddedPlatform, mailbox_rings: int, forward_rings: int
) -> None:
    carl, dora, bert = [await registered(platform, n) for n in (CARL, DORA, BERT)]
    bert.answer = "answer"
    await platform.set_mailbox_options(CARL, MailboxOptions(rings=mailbox_rings))
    rule = ForwardRule(active=True, target=BERT, rings=forward_rings)
    await platform.set_services(CARL, UserServices(no_answer=rule))
    assert await outcome(dora, carl) == ("phone", True)
    assert len(bert.invites) == 1
    for phone in (carl, dora, bert):
        await phone.close()


async def test_r30b_a_target_that_does_not_answer_has_its_own_mailbox(
    platform: EmbeddedPlatform,
) -> None:
    carl, dora, anna = [await registered(platform, n) for n in (CARL, DORA, ANNA)]
    rule = ForwardRule(active=True, target=ANNA, rings=2)
    await platform.set_services(CARL, UserServices(busy=rule))
    carl.answer = 486
    await (await leave(dora, CARL, marker("for whom"))).hang_up()
    assert (await platform.counts(ANNA)).new == 1
    assert (await platform.counts(CARL)).new == 0
    for phone in (carl, dora, anna):
        await phone.close()

"""The demo site, from rendered files to lamps: every model boots, calls, deposits, retrieves."""

from __future__ import annotations

import asyncio

import pytest
from handset_lab import profiles
from site_lab import site_lab

from provisioning.inventory import load_site
from provisioning.readback import compare
from provisioning.render import render_handset
from provisioning.resources import demo_site_dir
from rig.handset.base import AnswerMode

pytestmark = pytest.mark.waits

NAMES = [handset.name for handset in load_site(demo_site_dir() / "site.yaml").handsets]


@pytest.fixture
async def lab(tmp_path):
    async with site_lab(tmp_path / "store") as lab:
        yield lab


async def lamp_is(handset, lit, *, lamp="message", timeout_s=5):
    async with asyncio.timeout(timeout_s):
        while handset.lamp.state(lamp).lit is not lit:  # noqa: ASYNC110 - a lamp is looked at
            await asyncio.sleep(0.01)


async def deposit(caller, number):
    """Call, hear greeting and beep, speak, hang up; returns what was heard."""
    call = await caller.dial(number)
    await call.wait_established(15)
    await call.wait_prompt("beep", 15)
    await call.speak(2)
    heard = call.heard
    await call.hang_up()
    return heard


async def retrieve(handset, pin, *, account=1):
    """Press the message key, log in, hear and delete the first message."""
    call = await handset.press_message_key(account=account)
    await call.wait_established(10)
    await call.wait_prompt("portal.enter_pin", 10)
    await call.send_digits(pin + "#")
    await call.wait_prompt("portal.main", 10)
    await call.send_digits("1")
    await call.wait_prompt("portal.message", 10)
    await call.send_digits("7")
    await call.wait_prompt("portal.deleted", 10)
    await call.hang_up()


@pytest.mark.parametrize("name", NAMES)
async def test_every_handset_of_the_demo_site_boots_and_registers(lab, name):
    (handset,) = await lab.boot(name)
    model = profiles()[lab.site.handset(name).model]
    fitted = render_handset(lab.site.intent(name), model).fitted
    assert compare(fitted, handset.intent) == []
    assert len(lab.log.records) >= 2
    for reference in lab.site.handset(name).accounts:
        assert len(lab.platform.contacts(reference.user)) == 1


async def test_a_busy_call_is_deposited_and_the_lamp_tells_until_it_is_deleted(lab):
    anna, clara = await lab.boot("anna", "clara")
    await anna.set_answer_mode(AnswerMode.BUSY)
    heard = await deposit(clara, "101")
    assert "greeting.busy" in heard
    await lamp_is(anna, lit=True)
    assert anna.lamp.state("account:1").lit
    assert not anna.lamp.state("account:2").lit
    assert not clara.lamp.state().lit
    await retrieve(anna, lab.pin("101"))
    await lamp_is(anna, lit=False)
    assert lab.platform.internal_errors == 0


async def test_an_alias_phone_shows_and_opens_the_mailbox_of_its_owner(lab):
    anna, lena, clara = await lab.boot("anna", "lena", "clara")
    await anna.set_answer_mode(AnswerMode.BUSY)
    await deposit(clara, "101")
    await lamp_is(lena, lit=True)
    await lamp_is(anna, lit=True)
    await lena.power_cycle()
    await lamp_is(lena, lit=True)


async def test_unanswered_calls_ring_first_and_count_as_missed(lab):
    anna, clara = await lab.boot("anna", "clara")
    heard = await deposit(clara, "101")
    assert "greeting.unavailable" in heard
    assert anna.missed_calls == 1
    await lamp_is(anna, lit=True)


async def test_a_call_between_two_handsets_is_answered_and_heard(lab):
    anna, david = await lab.boot("anna", "david")
    await david.set_answer_mode(AnswerMode.ANSWER)
    call = await anna.dial("104")
    await call.wait_established(10)
    theirs = david.calls[0]
    await call.send_digits("42")
    async with asyncio.timeout(3):
        while theirs.audio.digits_heard != "42":  # noqa: ASYNC110 - digits are looked at
            await asyncio.sleep(0.02)
    await call.hang_up()
    await theirs.wait_ended(5)
    assert david.missed_calls == 0


async def test_two_accounts_show_their_own_mailbox(lab):
    anna, clara = await lab.boot("anna", "clara")
    await anna.set_answer_mode(AnswerMode.BUSY)
    await deposit(clara, "100")
    await lamp_is(anna, lit=True, lamp="account:2")
    assert not anna.lamp.state("account:1").lit
    assert anna.lamp.state().lit

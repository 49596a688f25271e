"""baresip behind the handset interface, in a network namespace of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from peers import require_peer, require_root
from site_lab import site_lab
from small_registrar import SmallRegistrar, body

from provisioning.address import Mac
from provisioning.intent import (
    AccountIntent,
    HandsetIntent,
    LampPolicyIntent,
    LocaleIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
    SipTransport,
)
from provisioning.secret import Secret
from rig.errors import RigError
from rig.handset.base import AnswerMode
from rig.handset.netns import own_network_namespace
from rig.handset.softphone import SoftphoneHandset
from rig.timeline import LampState

pytestmark = [pytest.mark.interop(peer="baresip"), pytest.mark.root]


@pytest.fixture
def namespace():
    require_root()
    require_peer("baresip")
    with own_network_namespace():
        yield


def intent(address, *, transport=SipTransport.UDP, mwi=MwiMode.SUBSCRIBE, user="1001"):
    account = AccountIntent(
        index=1,
        label="Anna",
        display_name="Anna",
        user=user,
        auth_user=user,
        password=Secret("not to be seen"),
        domain="demo.example",
        registrar_host=address[0],
        registrar_port=address[1],
        transport=transport,
        register_expires_s=60,
        voicemail_number="*97",
        mwi=MwiIntent(mwi),
    )
    return HandsetIntent(
        name="anna-soft",
        mac=Mac.parse("00:15:65:12:34:56"),
        model="softphone",
        accounts=(account,),
        line_keys=(),
        lamp=LampPolicyIntent(),
        locale=LocaleIntent(),
        provisioning=ProvisioningIntent("http://127.0.0.1"),
        admin_password=Secret("x"),
    )


@pytest.fixture
async def registrar(namespace):
    registrar = SmallRegistrar(first_body=body(0))
    await registrar.start()
    yield registrar
    await registrar.close()


def command_line(pid):
    """Arguments of a process; empty if there is none."""
    path = Path(f"/proc/{pid}/cmdline")
    return path.read_bytes() if path.exists() else b""


async def until(reached, timeout_s=5):
    async with asyncio.timeout(timeout_s):
        while not reached():  # noqa: ASYNC110 - lamps of a foreign program have no event here
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("transport", [SipTransport.UDP, SipTransport.TCP])
async def test_its_lamp_follows_our_notify_and_it_leaves_with_goodbyes(registrar, transport):
    phone = SoftphoneHandset("anna-soft", intent(registrar.address, transport=transport))
    events = []
    phone.lamp.subscribe(events.append)
    try:
        await phone.boot()
        await registrar.wait_subscribed()
        await until(lambda: phone.summaries)
        assert phone.lamp.state() is LampState.OFF
        assert await registrar.notify(body(1)) == 200
        await until(lambda: phone.lamp.state() is LampState.STEADY)
        assert phone.lamp.state("account:1") is LampState.STEADY
        assert await registrar.notify(b"Messages-Waiting: yes\r\nFax-Message: 1/0\r\n") == 200
        assert await registrar.notify(body(0, 1)) == 200
        await until(lambda: phone.lamp.state() is LampState.OFF)
        assert {event.sensor for event in events} == {"baresip-event"}
        assert [event.state for event in events if event.lamp == "message"] == [
            LampState.STEADY,
            LampState.OFF,
        ]
    finally:
        await phone.shut_down()
        await phone.shut_down()
    ends = [request for request in registrar.requests if request.method == "SUBSCRIBE"]
    assert ends[-1].headers.get("Expires") == "0"
    assert "expires=0" in registrar.requests[-1].headers.get("Contact")
    assert registrar.count("SUBSCRIBE") == 2


async def test_a_power_cycle_says_no_goodbye_and_darkens_the_lamp(registrar):
    registrar.first_body = body(2)
    phone = SoftphoneHandset("anna-soft", intent(registrar.address))
    states = []
    phone.lamp.subscribe(lambda event: event.lamp == "message" and states.append(event.state))
    try:
        await phone.boot()
        await until(lambda: phone.lamp.state().lit)
        first = registrar.requests[0].call_id
        await phone.power_cycle()
        await until(lambda: phone.lamp.state().lit)
        assert states == [LampState.STEADY, LampState.OFF, LampState.STEADY]
        assert registrar.count("REGISTER") == 2
        assert registrar.requests[-2].call_id != first
        assert all(request.headers.get("Expires") != "0" for request in registrar.requests)
    finally:
        await phone.shut_down()


async def test_without_mwi_it_neither_subscribes_nor_takes_unsolicited_news(registrar):
    phone = SoftphoneHandset("anna-soft", intent(registrar.address, mwi=MwiMode.UNSOLICITED))
    try:
        await phone.boot()
        user = next(iter(registrar.contacts))
        assert await registrar.notify_unsolicited(user, body(1)) in {481, 489}
        assert registrar.count("SUBSCRIBE") == 0
        assert phone.lamp.state() is LampState.OFF
    finally:
        await phone.shut_down()


async def test_the_message_key_dials_its_number_and_a_refusal_is_told(registrar):
    phone = SoftphoneHandset("anna-soft", intent(registrar.address))
    try:
        await phone.boot()
        call = await phone.press_message_key()
        with pytest.raises(RigError, match="refused with 486"):
            await call.wait_established(5)
        assert call.final_status == 486
        assert not call.established
        invite = next(r for r in registrar.requests if r.method == "INVITE")
        assert invite.uri.startswith("sip:*97@demo.example")
        with pytest.raises(RigError, match="no do-not-disturb"):
            await phone.set_dnd(on=True)
        with pytest.raises(RigError, match="account 1 only"):
            await phone.dial("1", account=2)
    finally:
        await phone.shut_down()


async def test_its_password_is_neither_in_a_file_nor_in_the_process_list(registrar):
    phone = SoftphoneHandset("anna-soft", intent(registrar.address))
    try:
        await phone.boot()
        folder = phone._program.heard_folder.parent
        for path in folder.rglob("*"):
            assert not path.is_file() or b"not to be seen" not in path.read_bytes()
        pid = phone._program._process.pid
        assert b"not to be seen" not in command_line(pid)
    finally:
        await phone.shut_down()
    assert not folder.exists()
    assert command_line(pid) == b""


async def test_a_registrar_that_is_not_there_is_named(namespace):
    phone = SoftphoneHandset("anna-soft", intent(("127.0.0.1", 5999)))
    try:
        await phone._program.start(phone._take)
        await phone.command("uanew", phone._account_line())
        with pytest.raises(RigError, match=r"not registered within .*127\.0\.0\.1:5999"):
            await phone.wait_ready(0.5)
    finally:
        await phone.shut_down()


async def test_a_missing_program_is_named_with_the_package():
    phone = SoftphoneHandset("x", intent(("127.0.0.1", 5999)), program="no-such-baresip")
    with pytest.raises(RigError, match="apt install baresip-core"):
        await phone.boot()
    with pytest.raises(RigError, match="does not run"):
        await phone.dial("1")
    await phone.set_answer_mode(AnswerMode.RING)
    await phone.shut_down()


def test_what_this_driver_cannot_do_is_refused_at_once():
    with pytest.raises(RigError, match="not TLS"):
        SoftphoneHandset("x", intent(("127.0.0.1", 1), transport=SipTransport.TLS))


# -- with the embedded platform and emulated handsets -------------------------------------------


@pytest.fixture
async def site(namespace, tmp_path):
    # libre 1.1.0 gives up when one of the challenges is not MD5, instead of taking the other.
    async with site_lab(tmp_path / "store", algorithms=("MD5",)) as lab:
        yield lab


async def test_it_leaves_a_message_and_hears_the_greeting_of_a_busy_phone(site):
    (anna,) = await site.boot("anna")
    await anna.set_answer_mode(AnswerMode.BUSY)
    phone = SoftphoneHandset("clara", site.site.intent("clara"))
    try:
        await phone.boot()
        call = await phone.dial("101")
        await call.wait_established(15)
        assert await call.wait_prompt("beep", 15) == "beep"
        assert "greeting.busy" in call.heard
        await call.speak(2)
        await call.hang_up()
        await until(lambda: anna.lamp.state().lit)
    finally:
        await phone.shut_down()
    assert site.platform.internal_errors == 0


async def test_it_retrieves_its_message_by_digits_and_its_lamp_goes_out(site):
    (anna,) = await site.boot("anna")
    phone = SoftphoneHandset("greta", site.site.intent("greta"))
    try:
        await phone.boot()
        await phone.set_answer_mode(AnswerMode.BUSY)
        call = await anna.dial("108")
        await call.wait_established(15)
        await call.wait_prompt("beep", 15)
        await call.speak(2)
        await call.hang_up()
        await until(lambda: phone.lamp.state().lit)
        call = await phone.press_message_key()
        await call.wait_established(10)
        await call.wait_prompt("portal.enter_pin", 10)
        await call.send_digits(site.pin("108") + "#")
        await call.wait_prompt("portal.main", 10)
        await call.send_digits("1")
        await call.wait_prompt("portal.message", 10)
        await call.send_digits("7")
        await until(lambda: not phone.lamp.state().lit, 10)
        await call.hang_up()
    finally:
        await phone.shut_down()


async def test_it_answers_and_is_called_by_an_emulated_handset(site):
    (anna,) = await site.boot("anna")
    phone = SoftphoneHandset("greta", site.site.intent("greta"))
    incoming = []
    phone.on_incoming_call = incoming.append
    try:
        await phone.boot()
        await phone.set_answer_mode(AnswerMode.ANSWER)
        call = await anna.dial("108")
        await call.wait_established(10)
        await incoming[0].wait_established(5)
        assert incoming[0].final_status == 200
        await call.hang_up()
        await incoming[0].wait_ended(5)
        assert not incoming[0].established
    finally:
        await phone.shut_down()

"""An emulated handset from the first fetch to the lamp, by itself against a small registrar."""

from __future__ import annotations

import asyncio
import socket

import pytest
from handset_lab import HandsetLab, account, intent
from small_registrar import body

from provisioning.intent import MwiMode
from rig.errors import RigError
from rig.handset.emulated.hook import HandsetHook
from rig.sip.message import Request
from rig.timeline import LampState

FAX = b"Messages-Waiting: yes\r\nFax-Message: 1/0 (0/0)\r\n"


@pytest.fixture
async def lab():
    lab = HandsetLab()
    await lab.start()
    yield lab
    await lab.close()


@pytest.mark.parametrize("fetch_by", ["http", "tftp"])
async def test_a_yealink_boots_in_its_order_and_subscribes(lab, fetch_by):
    handset = lab.handset(intent("T46U"), fetch_by=fetch_by)
    await handset.boot()
    missing = 404 if fetch_by == "http" else -1
    assert [(path.lstrip("/"), status) for path, status in lab.fetches] == [
        ("805ec01a2b01.boot", missing),
        ("y000000000000.boot", missing),
        ("y000000000108.cfg", 200),
        ("805ec01a2b01.cfg", 200),
        ("805ec01a2b01-local.cfg", missing),
    ]
    agents = {record.user_agent for record in lab.log.records}
    told = "Yealink SIP-T46U 108.86.0.90 80:5e:c0:1a:2b:01"
    assert agents == ({told} if fetch_by == "http" else {""})
    register = lab.registrar.requests[0]
    assert str(register.to.uri) == "sip:anna@beispiel.example"
    assert register.contacts[0].uri.host == "127.0.10.4"
    await lab.registrar.wait_subscribed()
    assert handset.intent.accounts[0].voicemail_number == "+493023125900"
    assert handset.fetched == ("y000000000108.cfg", "805ec01a2b01.cfg")


@pytest.mark.parametrize("fetch_by", ["http", "tftp"])
async def test_fetches_come_from_the_handsets_own_address(lab, fetch_by):
    handset = lab.handset(intent("T46U"), fetch_by=fetch_by, host="127.0.10.77")
    await handset.boot()
    assert {record.client[0] for record in lab.log.records} == {"127.0.10.77"}


async def test_a_snom_follows_its_list_of_setting_files(lab):
    handset = lab.handset(intent("D785"))
    await handset.boot()
    served = [path for path, status in lab.fetches if status == 200]
    assert len(served) >= 2
    assert set(handset.fetched) == {path.lstrip("/") for path in served}
    assert handset.intent.accounts[0].user == "anna"


@pytest.mark.requirement("R65")
async def test_the_lamp_follows_the_subscription(lab):
    handset = lab.handset(intent("T46U"))
    events = []
    handset.lamp.subscribe(events.append)
    await handset.boot()
    await lab.registrar.wait_subscribed()
    assert await lab.registrar.notify(body(1)) == 200
    assert handset.lamp.state() is LampState.SLOW
    assert handset.lamp.state("account:1").lit
    assert await lab.registrar.notify(FAX) == 200
    assert handset.lamp.state().lit
    assert await lab.registrar.notify(body(0, 1)) == 200
    assert handset.lamp.state() is LampState.OFF
    assert await lab.registrar.notify(FAX) == 200
    assert handset.lamp.state() is LampState.OFF
    common = [event.state for event in events if event.lamp == "message"]
    assert common == [LampState.SLOW, LampState.OFF]
    assert {event.handset for event in events} == {"anna"}


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"Voice-Message: 1/0\r\n", "application/simple-message-summary", 400),
        (body(1), "text/plain", 415),
        (b"", "", 200),
    ],
)
async def test_bad_bodies_are_refused_and_leave_the_lamp(lab, content, content_type, status):
    handset = lab.handset(intent("T46U"))
    await handset.boot()
    await lab.registrar.wait_subscribed()
    await lab.registrar.notify(body(1))
    assert await lab.registrar.notify(content, content_type=content_type) == status
    assert handset.lamp.state().lit


async def test_the_last_state_stays_when_the_subscription_is_terminated(lab):
    handset = lab.handset(intent("T46U"))
    await handset.boot()
    await lab.registrar.wait_subscribed()
    await lab.registrar.notify(body(1))
    assert await lab.registrar.notify(b"", state="terminated;reason=deactivated") == 200
    assert handset.lamp.state().lit


async def test_unsolicited_news_is_taken_only_in_that_mode(lab):
    handset = lab.handset(intent("T46U", account(mwi=MwiMode.UNSOLICITED)))
    await handset.boot()
    assert await lab.registrar.notify_unsolicited("anna", body(1)) == 200
    assert handset.lamp.state().lit
    assert await lab.registrar.notify_unsolicited("anna", b"junk") == 400
    assert await lab.registrar.notify_unsolicited("anna", body(0)) == 200
    assert not handset.lamp.state().lit
    assert lab.registrar.count("SUBSCRIBE") == 0


@pytest.mark.parametrize(("mode", "status"), [(MwiMode.SUBSCRIBE, 481), (MwiMode.OFF, 489)])
async def test_unsolicited_news_is_refused_otherwise(lab, mode, status):
    handset = lab.handset(intent("T46U", account(mwi=mode)))
    await handset.boot()
    assert await lab.registrar.notify_unsolicited("anna", body(1)) == status
    assert not handset.lamp.state().lit


async def test_a_notify_for_a_user_it_does_not_have_is_not_found(lab):
    handset = lab.handset(intent("T46U", account(mwi=MwiMode.UNSOLICITED)))
    await handset.boot()
    contact = lab.registrar.contacts["anna"]
    lab.registrar.contacts["bob"] = contact.replace("anna@", "bob@")
    lab.registrar.flows["bob"] = lab.registrar.flows["anna"]
    assert await lab.registrar.notify_unsolicited("bob", body(1)) == 404


async def test_two_mailboxes_have_an_icon_each_and_share_the_common_lamp(lab):
    handset = lab.handset(
        intent(
            "T46U",
            account(1, "anna", mwi=MwiMode.UNSOLICITED),
            account(2, "empfang", mwi=MwiMode.UNSOLICITED),
        )
    )
    await handset.boot()

    def lamps():
        return tuple(
            handset.lamp.state(lamp).lit for lamp in ("message", "account:1", "account:2")
        )

    assert lamps() == (False, False, False)
    await lab.registrar.notify_unsolicited("empfang", body(1))
    assert lamps() == (True, False, True)
    await lab.registrar.notify_unsolicited("anna", body(2))
    assert lamps() == (True, True, True)
    await lab.registrar.notify_unsolicited("empfang", body(0, 1))
    assert lamps() == (True, True, False)
    await lab.registrar.notify_unsolicited("anna", body(0, 2))
    assert lamps() == (False, False, False)


async def test_a_power_cycle_is_dark_and_dumb_and_comes_back_as_somebody_new(lab):
    lab.registrar.first_body = body(1)
    handset = lab.handset(intent("T46U"))
    await handset.boot()
    await lab.registrar.wait_subscribed()
    async with asyncio.timeout(5):
        while not handset.lamp.state().lit:  # noqa: ASYNC110 - the lamp has no event to await
            await asyncio.sleep(0.01)
    states = []
    handset.lamp.subscribe(lambda event: event.lamp == "message" and states.append(event.state))
    lab.registrar.subscriptions.clear()
    await handset.power_cycle()
    await lab.registrar.wait_subscribed()
    await lab.registrar.notify(body(1))
    assert states == [LampState.OFF, LampState.SLOW]
    registers = [r for r in lab.registrar.requests if r.method == "REGISTER"]
    assert len(registers) == 2
    assert registers[0].call_id != registers[1].call_id
    subscribes = [r for r in lab.registrar.requests if r.method == "SUBSCRIBE"]
    assert len({request.call_id for request in subscribes}) == len(subscribes) == 2
    assert len(lab.fetches) == 10


async def test_a_reboot_keeps_the_port_unless_somebody_has_taken_it(lab):
    handset = lab.handset(intent("T46U"))
    await handset.boot()
    host, port = handset.sip_address
    await handset.power_cycle()
    assert handset.sip_address == (host, port)
    await handset.lose_power()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((host, port))
        await handset.boot()
        assert handset.sip_address[0] == host
        assert handset.sip_address[1] not in {0, port}


async def test_shutting_down_unsubscribes_and_unregisters_once(lab):
    handset = lab.handset(intent("T46U"))
    await handset.boot()
    await lab.registrar.wait_subscribed()
    await lab.registrar.notify(body(1))
    await handset.shut_down()
    await handset.shut_down()
    assert not handset.lamp.state().lit
    ends = [(r.method, r.headers.get("Expires")) for r in lab.registrar.requests[-2:]]
    assert ends[0] == ("SUBSCRIBE", "0")
    assert ends[1][0] == "REGISTER"
    assert "0" in (ends[1][1], lab.registrar.requests[-1].contacts[0].param("expires"))
    with pytest.raises(RigError, match="is off"):
        await handset.dial("1")


async def test_check_sync_makes_it_fetch_again_with_goodbyes(lab):
    handset = lab.handset(intent("T46U"))
    await handset.boot()
    await lab.registrar.wait_subscribed()
    rows = [
        ("From", "<sip:anna@beispiel.example>;tag=x"),
        ("To", "<sip:anna@beispiel.example>"),
        ("Event", "check-sync;reboot=true"),
        ("Subscription-State", "terminated"),
    ]
    request = Request("NOTIFY", lab.registrar.contacts["anna"], rows)
    assert (await lab.registrar.send(request, "anna")).status == 200
    await lab.registrar.wait_for("REGISTER", 3)
    await lab.registrar.wait_for("SUBSCRIBE", 3)
    assert len(lab.fetches) == 10
    unregistered = [r for r in lab.registrar.requests if r.method == "REGISTER"][1]
    assert "0" in (unregistered.headers.get("Expires"), unregistered.contacts[0].param("expires"))


async def test_an_unknown_event_is_answered_489_and_options_200(lab):
    handset = lab.handset(intent("T46U"))
    await handset.boot()
    rows = [("From", "<sip:x@y>;tag=x"), ("To", "<sip:anna@beispiel.example>")]
    uri = lab.registrar.contacts["anna"]
    event = [("Event", "nonsense"), ("Subscription-State", "active")]
    answer = await lab.registrar.send(Request("NOTIFY", uri, [*rows, *event]), "anna")
    assert answer.status == 489
    assert "message-summary" in answer.headers.get("Allow-Events")
    answer = await lab.registrar.send(Request("OPTIONS", uri, rows), "anna")
    assert answer.status == 200
    assert "NOTIFY" in answer.headers.get("Allow")


async def test_a_missing_file_is_named(lab):
    handset = lab.handset(intent("T46U"))
    lab.content.replace({})
    with pytest.raises(RigError, match=r"anna: boot: 805ec01a2b01\.cfg is required"):
        await handset.boot()
    assert lab.registrar.requests == []


async def test_a_malformed_file_is_named(lab):
    handset = lab.handset(intent("D785"))
    lab.content.alter = lambda _, content: content.replace(b"</settings>", b"")
    with pytest.raises(RigError, match=r"anna: boot: malformed file: \w+\.xml:\d+"):
        await handset.boot()


async def test_a_server_that_is_not_there_is_named(lab):
    handset = lab.handset(intent("T46U"))
    await lab.http.close()
    with pytest.raises(RigError, match=r"anna: boot: http://127\.0\.0\.1:\d+/805ec01a2b01\.boot"):
        await handset.boot()


async def test_files_without_an_account_are_named(lab):
    handset = lab.handset(intent("T46U"))
    lab.content.alter = lambda _, content: content.replace(b"enable = 1", b"enable = 0")
    with pytest.raises(RigError, match=r"805ec01a2b01\.cfg configure no account"):
        await handset.boot()


async def test_a_changed_file_changes_what_the_handset_does(lab):
    handset = lab.handset(intent("T46U"))
    switch = (b"account.1.subscribe_mwi = 1", b"account.1.subscribe_mwi = 0")
    lab.content.alter = lambda _, content: content.replace(*switch)
    await handset.boot()
    assert handset.intent.accounts[0].mwi.mode is not MwiMode.SUBSCRIBE
    assert lab.registrar.count("SUBSCRIBE") == 0


async def test_a_refused_registration_says_which_account_and_why(lab):
    handset = lab.handset(intent("T46U"))
    lab.registrar.stack.on_request = lambda incoming: incoming.respond(403)
    with pytest.raises(RigError, match=r"account 1: register: .*refused with 403"):
        await handset.boot()


class _Deaf(HandsetHook):
    """Refuses every NOTIFY, and keeps the common lamp dark."""

    def notify_status(self, request):
        return 489

    def lamp(self, lamp, state, cause):
        return LampState.OFF if lamp == "message" else state


async def test_the_hook_refuses_notifies(lab):
    handset = lab.handset(intent("T46U"), hook=_Deaf())
    await handset.boot()
    await lab.registrar.wait_subscribed()
    assert await lab.registrar.notify(body(1)) == 489
    assert not handset.lamp.state("account:1").lit


class _DarkLed(HandsetHook):
    def lamp(self, lamp, state, cause):
        return LampState.OFF if lamp == "message" else state


async def test_the_hook_has_the_last_word_on_a_led(lab):
    handset = lab.handset(intent("T46U"), hook=_DarkLed())
    await handset.boot()
    await lab.registrar.wait_subscribed()
    assert await lab.registrar.notify(body(1)) == 200
    assert not handset.lamp.state().lit
    assert handset.lamp.state("account:1").lit


class _Mute(HandsetHook):
    def outgoing(self, message, flow):
        is_subscribe = isinstance(message, Request) and message.method == "SUBSCRIBE"
        return None if is_subscribe else message


async def test_the_hook_drops_what_is_sent(lab):
    handset = lab.handset(intent("T46U"), hook=_Mute())
    await handset.boot()
    await asyncio.sleep(0.2)
    assert lab.registrar.count("REGISTER") == 1
    assert lab.registrar.count("SUBSCRIBE") == 0

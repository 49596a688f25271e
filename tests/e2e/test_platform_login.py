"""Who gets into a mailbox by the portal, who does not, and what the owner hears of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from call_kit import CallLab, Talker, TrunkPeer, call_lab, hears
from mail_sink import MailSink
from platform_kit import (
    ANNA,
    BERT,
    CARL,
    DOMAIN,
    DORA,
    PORTAL,
    leave_message,
    make_site,
    with_user,
)

from provisioning.secret import Secret
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig, StartTls
from rig.mailbox_platform.embedded.portal.portal import PortalState
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu, load_portal_menu
from rig.mailbox_platform.embedded.voicemail.pin_book import PinPolicy
from rig.mailbox_platform.embedded.voicemail.voicemail_transfer import CallTransfer
from rig.media.prompt import marker

pytestmark = pytest.mark.waits

PIN, CARLS_PIN = "135791", "246802"


def quick(**changes: object) -> PortalMenu:
    """The menu of the package with short silences."""
    return replace(load_portal_menu(), **{"login_delays_s": (0.1, 0.2, 0.3), **changes})  # type: ignore[arg-type]  # values come by name


async def press(phone: Talker, keys: str) -> None:
    await phone.stream.send_digits(keys, on_s=0.06, off_s=0.06)


async def wrong_login(lab: CallLab, phone: Talker, entries: list[str]) -> list[str]:
    """Try to get in until the portal hangs up; gives back what was heard."""
    before = phone.byes
    heard = len(phone.stream.heard)
    await phone.talk_to(PORTAL)
    for place, entry in enumerate(entries):
        await phone.until(lambda place=place: _asked(phone, heard) == place + 1, 20)
        await press(phone, entry)
    await phone.until(lambda: phone.byes == before + 1, 20)
    await phone.until(lambda: lab.platform._up._voicemail.calls == 0)
    return list(phone.stream.heard[heard:])


def _asked(phone: Talker, since: int) -> int:
    return sum(1 for p in phone.stream.heard[since:] if p.startswith("portal.enter_"))


async def test_vm_por_06_three_tries_a_lock_and_the_owner_is_told(tmp_path: Path) -> None:
    menu = quick(lock_after=3, lock_s=60)
    async with call_lab(tmp_path, portal_menu=menu) as lab:
        anna, carl = lab.phones[ANNA], lab.phones[CARL]
        heard = await wrong_login(lab, anna, ["111222#"] * 3)
        assert heard.count("portal.bad_pin") == 3
        assert heard[-1] == "portal.goodbye"
        # Locked: not even the right PIN ...
        assert lab.platform.store.login_failures(ANNA).count == 3
        await anna.talk_to(PORTAL)
        await anna.until(lambda: anna.stream.heard[-1] == "portal.enter_pin")
        before = anna.stream.heard.count("portal.bad_pin")
        await press(anna, PIN + "#")
        await anna.until(lambda: anna.stream.heard.count("portal.bad_pin") == before + 1)
        # ... and nobody else is touched by that.
        await carl.talk_to(PORTAL)
        await hears(carl, "portal.enter_pin")
        await press(carl, CARLS_PIN + "#")
        await hears(carl, "portal.main")
        assert "portal.wrong_pins" not in carl.stream.heard
        # After its time the lock is gone, and the owner hears what happened.
        lab.later_s = 61
        await hears(anna, "portal.enter_pin")
        await press(anna, PIN + "#")
        await hears(anna, "portal.mailbox_was_locked")
        await hears(anna, "portal.wrong_pins")
        await hears(anna, "portal.main")
        assert lab.platform.store.login_failures(ANNA).count == 0


@pytest.mark.parametrize("told", [True, False])
async def test_sec_4_owner_is_told_of_a_lock_by_mail_if_that_is_set(
    tmp_path: Path, told: bool
) -> None:
    sink = await MailSink().open()
    mail = MailConfig(
        host="127.0.0.1",
        port=sink.port,
        sender="mailbox@pbx.example",
        starttls=StartTls.NEVER,
        tell_lockouts=told,
    )
    menu = quick(lock_after=2)
    async with call_lab(tmp_path, portal_menu=menu, mail=mail) as lab:
        options = MailboxOptions(email_notify="anna@pbx.example")
        await lab.platform.set_mailbox_options(ANNA, options)
        anna = lab.phones[ANNA]
        # The second wrong PIN locks; the third call's tries must not mail again.
        await wrong_login(lab, anna, ["111222#"] * 3)
        await wrong_login(lab, anna, ["111222#"] * 3)
        if told:
            (taken,) = await sink.until(1)
            assert taken.recipients == ("anna@pbx.example",)
            assert taken.message["Subject"] == "Ihre Mailbox ist gesperrt"
            text = taken.message.get_content()
            assert "Anna Arnold" in text
            assert "111222" not in text
            assert PIN not in text
        else:
            assert lab.platform.store.login_failures(ANNA).count >= 2
        assert len(lab.platform.mail_records()) == (1 if told else 0)
        assert len(sink.mails) == (1 if told else 0)
    await sink.close()


async def test_vm_por_07_unknown_mailbox_sounds_like_a_wrong_pin(tmp_path: Path) -> None:
    async with call_lab(tmp_path, portal_menu=quick()) as lab:
        dora = lab.phones[DORA]
        two = ["999#", "111222#"] * 3
        unknown = await wrong_login(lab, dora, two)
        known = await wrong_login(lab, dora, ["101#", "111222#"] * 3)
        assert unknown == known


@pytest.mark.parametrize("by_alias", [True, False])
async def test_r19_identification_by_alias_can_be_switched_off(
    tmp_path: Path, by_alias: bool
) -> None:
    async with call_lab(tmp_path, identify_by_alias=by_alias) as lab:
        bert, anna = lab.phones[BERT], lab.phones[ANNA]
        await bert.talk_to(PORTAL)
        await hears(bert, "portal.enter_pin" if by_alias else "portal.enter_mailbox")
        await anna.talk_to(PORTAL)
        await hears(anna, "portal.enter_pin")


async def test_vm_por_04_from_does_not_let_anybody_in(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        await lab.platform.set_mailbox_options(ANNA, MailboxOptions(auto_login=True))
        dora = lab.phones[DORA]
        # Dora says that she is Anna in every header that she can write.
        claims = [
            ("P-Asserted-Identity", f"<sip:{ANNA}@{DOMAIN}>"),
            ("P-Preferred-Identity", f"<sip:{ANNA}@{DOMAIN}>"),
            ("Remote-Party-ID", f"<sip:{ANNA}@{DOMAIN}>"),
        ]
        own = dora.user
        dora.user = replace(own, sip_user=ANNA)
        await dora.talk_to(PORTAL, headers=claims)
        dora.user = own
        await hears(dora, "portal.enter_mailbox")


@pytest.mark.parametrize(
    ("rows", "asked"),
    [
        # From says that it is Anna; what the carrier vouches for decides.
        ([], None),
        ([("P-Asserted-Identity", "<sip:+4989777777@carrier.example>")], None),
        ([("P-Preferred-Identity", f"<sip:{ANNA}@carrier.example>")], None),
        ([("P-Asserted-Identity", f"<sip:{ANNA}@carrier.example>")], ANNA),
        ([("P-Asserted-Identity", f"<sip:{ANNA}@carrier.example>"), ("Privacy", "id")], None),
    ],
)
async def test_vm_por_04_of_the_trunk_only_the_asserted_number_counts(
    tmp_path: Path, rows: list[tuple[str, str]], asked: str | None
) -> None:
    carrier = TrunkPeer()
    address = await carrier.open()
    async with call_lab(tmp_path, trusted_peers=(address,)) as lab:
        final = await carrier.call(lab.platform, PORTAL, caller=ANNA, rows=rows)
        assert final.status == 200
        (session,) = lab.platform._up._voicemail._sessions
        portal = session.finish.__self__._portal
        assert portal._candidate == asked
        assert portal.state is (PortalState.ASK_PIN if asked else PortalState.ASK_MAILBOX)
    await carrier.stack.close()


async def test_vm_por_04_a_message_still_names_who_is_said_to_call(tmp_path: Path) -> None:
    carrier = TrunkPeer()
    address = await carrier.open()
    async with call_lab(tmp_path, trusted_peers=(address,)) as lab:
        await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
        assert (await carrier.call(lab.platform, CARL)).status == 200
        (leg,) = lab.mailbox_legs
        assert leg.from_.uri.user_unescaped == "+4989777777"
        assert "P-Asserted-Identity" not in leg.headers
        assert "Privacy" not in leg.headers
    await carrier.stack.close()


@pytest.mark.parametrize("privacy", ["id", "user", "header;id", "none"])
async def test_vm_por_12_suppressed_number_is_treated_as_a_stranger(
    tmp_path: Path, privacy: str
) -> None:
    async with call_lab(tmp_path) as lab:
        await lab.platform.set_mailbox_options(ANNA, MailboxOptions(auto_login=True))
        for number in (ANNA, BERT):
            phone = lab.phones[number]
            await phone.talk_to(PORTAL, headers=[("Privacy", privacy)])
            await hears(phone, "portal.main" if privacy == "none" else "portal.enter_mailbox")


async def test_vm_por_08_first_login_must_choose_and_hanging_up_keeps_the_duty(
    tmp_path: Path,
) -> None:
    policy = PinPolicy(change_at_first_login=True)
    async with call_lab(tmp_path, pin_policy=policy) as lab:
        anna = lab.phones[ANNA]
        call = await anna.talk_to(PORTAL)
        await hears(anna, "portal.enter_pin")
        await press(anna, PIN + "#")
        await hears(anna, "portal.must_change_pin")
        await press(anna, "112233#")
        await hears(anna, "portal.repeat_new_pin")
        assert (await call.request("BYE")).status == 200
        assert lab.platform.self_service.pins.must_change(ANNA)
        assert lab.platform.self_service.pins.check(ANNA, PIN)


async def test_vm_por_10_expired_pin_must_be_replaced(tmp_path: Path) -> None:
    policy = PinPolicy(expires_days=1e-9)
    async with call_lab(tmp_path, pin_policy=policy) as lab:
        lab.platform.self_service.pins.change(ANNA, Secret("864202"))
        anna = lab.phones[ANNA]
        await anna.talk_to(PORTAL)
        await hears(anna, "portal.enter_pin")
        await press(anna, "864202#")
        await hears(anna, "portal.pin_expired")
        await hears(anna, "portal.enter_new_pin")
        await press(anna, "864202#")
        await hears(anna, "portal.pin_same")
        await press(anna, "112233#")
        await hears(anna, "portal.repeat_new_pin")
        await press(anna, "112233#")
        await hears(anna, "portal.main")
        assert lab.platform.self_service.pins.check(ANNA, "112233")


# -- call back --------------------------------------------------------------------------------


async def at_the_message(lab: CallLab, sender: Talker, **call: object) -> Talker:
    """A message in Carl's mailbox, and Carl listening to it."""
    await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True, auto_login=True))
    if call:
        talk = await sender.talk_to(CARL, **call)
        await hears(sender, "beep")
        await sender.stream.speak(1.5)
        await talk.request("BYE")
    else:
        await leave_message(sender, CARL, speak_s=1.5)
    carl = lab.phones[CARL]
    await carl.until(lambda: len(lab.platform.store.messages(CARL)) == 1)
    await carl.talk_to(PORTAL)
    await hears(carl, "portal.main")
    await press(carl, "1")
    await hears(carl, "portal.message")
    return carl


async def test_vm_msg_06_call_back_connects_owner_and_sender(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        dora = lab.phones[DORA]
        carl = await at_the_message(lab, dora)
        dora.answer = "answer"
        await press(carl, "5")
        await carl.until(lambda: bool(dora.invites), 10)
        invite = dora.invites[0].request
        assert invite.from_.uri.user_unescaped == CARL
        assert "Diversion" not in invite.headers
        await carl.until(lambda: bool(carl.offers), 10)
        for source, sink in ((carl, dora), (dora, carl)):
            sign = marker(f"from {source.user.number}")
            await source.stream.speak(0.3, marker=sign)
            await hears(sink, sign)
        assert lab.platform._up._voicemail.calls == 0, "the mailbox is out of the call"
        assert (await lab.platform.counts(CARL)).new == 1, "called back is not heard"
        assert (await dora.in_dialog(dora.dialogs[0], "BYE")).status == 200
        await carl.until(lambda: carl.byes == 1)
        await lab.until_idle()


async def test_vm_msg_06_sender_who_does_not_answer_leaves_the_owner_in_the_portal(
    tmp_path: Path,
) -> None:
    async with call_lab(tmp_path) as lab:
        dora = lab.phones[DORA]
        carl = await at_the_message(lab, dora)
        dora.answer = 486
        await press(carl, "5")
        await hears(carl, "portal.no_call_back")
        await press(carl, "7")
        await hears(carl, "portal.deleted")
        assert (await lab.platform.counts(CARL)).new == 0


async def test_vm_msg_06_owner_who_hangs_up_while_it_rings_ends_it(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        dora = lab.phones[DORA]
        await lab.platform.set_mailbox_options(
            CARL, MailboxOptions(all_calls=True, auto_login=True)
        )
        await leave_message(dora, CARL)
        carl = lab.phones[CARL]
        call = await carl.talk_to(PORTAL)
        await hears(carl, "portal.main")
        await press(carl, "1")
        await hears(carl, "portal.message")
        await press(carl, "5")
        await carl.until(lambda: bool(dora.invites), 10)
        assert (await call.request("BYE")).status == 200
        await dora.until(lambda: dora.cancels == 1)
        await lab.until_idle()
        assert (await lab.platform.counts(CARL)).new == 1


async def test_vm_msg_06_withheld_number_cannot_be_called_back(tmp_path: Path) -> None:
    async with call_lab(tmp_path) as lab:
        dora = lab.phones[DORA]
        carl = await at_the_message(lab, dora, headers=[("Privacy", "id")])
        await press(carl, "5")
        await hears(carl, "portal.no_call_back")
        assert dora.invites == []


async def test_call_back_from_a_phone_outside_does_not_leave_the_site(tmp_path: Path) -> None:
    """PIN and number alone must not open a way to call at the owner's expense."""
    site = make_site()
    user = site.users[CARL]
    assert user.mailbox is not None
    carrier = TrunkPeer()
    address = await carrier.open()
    site = with_user(site, replace(user, mailbox=replace(user.mailbox, transfer_on_zero=BERT)))
    async with call_lab(tmp_path, site, trunk=address, trusted_peers=(address,)) as lab:
        assert (await carrier.call(lab.platform, PORTAL)).status == 200
        (session,) = lab.platform._up._voicemail._sessions
        transfer = CallTransfer(session.call)
        session.transfer = transfer
        assert await transfer.to("+49900111222", CARL) is False
        assert carrier.invites == []
        # The number that the owner has set for callers is another matter.
        lab.phones[BERT].answer = "answer"
        assert await transfer.to(BERT, CARL) is True
    await carrier.stack.close()

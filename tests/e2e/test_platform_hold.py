"""A caller who puts the mailbox on hold: not gone, and not silent."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from call_kit import CallLab, Talker, call_lab, hears
from platform_kit import ANNA, BERT, CARL, DORA, PORTAL, OutgoingCall, sdp

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.media.prompt import marker, prompt_pcm
from rig.media.tones import speech

pytestmark = pytest.mark.waits

POLICY = DepositPolicy(vanished_s=0.5, silence_s=0.7, no_audio_s=0.5, max_message_s=30)
HELD_S = 1.5
"""Longer than every limit of media together would allow."""


async def recording(lab: CallLab, caller: str = DORA) -> tuple[Talker, OutgoingCall]:
    await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
    dora = lab.phones[caller]
    call = await dora.talk_to(CARL)
    await hears(dora, "beep")
    return dora, call


def offer(dora: Talker, hold: str) -> bytes:
    body = sdp(dora.stream.local_port)
    if hold == "0.0.0.0":  # the hold of RFC 2543
        return body.replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 0.0.0.0")
    return body + f"a={hold}\r\n".encode()


async def held_and_resumed(lab: CallLab, caller: str, hold: str) -> None:
    dora, call = await recording(lab, caller)
    await dora.stream.speak(1.2)
    assert (await dora.in_dialog(call.dialog, "INVITE", body=offer(dora, hold))).status == 200
    await asyncio.sleep(HELD_S)
    assert dora.byes == 0
    body = offer(dora, "sendrecv")
    assert (await dora.in_dialog(call.dialog, "INVITE", body=body)).status == 200
    await dora.stream.speak(1.2)
    # Back in the call it counts again: silence on the wire is the end.
    await dora.until(lambda: dora.byes == 1, 10)


async def test_a_hold_suspends_the_limits_of_media(tmp_path: Path) -> None:
    async with call_lab(tmp_path, deposit=POLICY) as lab:
        holds = {ANNA: "sendonly", BERT: "inactive", DORA: "0.0.0.0"}
        await asyncio.gather(*(held_and_resumed(lab, *case) for case in holds.items()))
        messages = await lab.until_message(CARL, 3)
        assert {message.caller for message in messages} == set(holds)
        assert min(message.duration_s for message in messages) > 2.2  # both parts are in it


async def test_the_longest_message_ends_a_hold(tmp_path: Path) -> None:
    policy = DepositPolicy(vanished_s=0.5, silence_s=0.7, no_audio_s=0.5, max_message_s=2.5)
    async with call_lab(tmp_path, deposit=policy) as lab:
        dora, call = await recording(lab)
        await dora.stream.speak(1.2)
        body = offer(dora, "inactive")
        assert (await dora.in_dialog(call.dialog, "INVITE", body=body)).status == 200
        await dora.until(lambda: dora.byes == 1, 15)
        (message,) = await lab.until_message(CARL)
        assert message.duration_s < 2.5


async def test_who_has_never_sent_audio_cannot_hold(tmp_path: Path) -> None:
    policy = DepositPolicy(vanished_s=0.5, silence_s=0.7, no_audio_s=0.5, max_message_s=600)
    async with call_lab(tmp_path, deposit=policy) as lab:
        await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
        dora = lab.phones[DORA]
        call = await dora.call(CARL, body=offer(dora, "inactive"))
        assert (await call.result()).status == 200
        dora.stack.add_dialog(call.dialog.call_id, call.dialog.local_tag, dora.inside)
        await dora.until(lambda: dora.byes == 1, 20)
        assert (await lab.platform.counts(CARL)).new == 0


async def test_a_message_that_was_played_to_nobody_is_not_heard(tmp_path: Path) -> None:
    """The owner takes another call in the middle of a message: the lamp stays lit."""
    async with call_lab(tmp_path) as lab:
        store, carl = lab.platform.store, lab.phones[CARL]
        store.add(CARL, DORA, prompt_pcm(marker("told")) + speech(0.4))
        call = await carl.talk_to(PORTAL)
        await hears(carl, "portal.enter_pin")
        await carl.stream.send_digits("246802#1", on_s=0.06, off_s=0.06)
        await hears(carl, "portal.message", 15)
        held = offer(carl, "inactive")
        assert (await carl.in_dialog(call.dialog, "INVITE", body=held)).status == 200
        await asyncio.sleep(2.5)  # much longer than the message
        assert (await lab.platform.counts(CARL)).new == 1
        assert carl.byes == 0
        back = offer(carl, "sendrecv")
        assert (await carl.in_dialog(call.dialog, "INVITE", body=back)).status == 200
        await hears(carl, marker("told"))
        await hears(carl, "portal.after_message")
        assert (await lab.platform.counts(CARL)).new == 0
        assert (await call.request("BYE")).status == 200

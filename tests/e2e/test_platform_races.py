"""Calls to the mailbox that end badly: closed soon, a whole message or none, and the lamp agrees.

What closes a call is named beside each case. The limits are those of the product, 5 s at most
(`test_limits_of_the_product` holds them); waiting is generous, because the machine may be busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from call_kit import CallLab, Talker, call_lab, hears
from platform_kit import CARL, DORA, OutgoingCall, sdp

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.media.g711 import SAMPLE_RATE_HZ
from rig.sip.dialog import Dialog
from rig.sip.message import Request, Response
from rig.sip.message_summary import parse_summary
from rig.sip.sdp import SessionDescription

pytestmark = pytest.mark.waits

NOTHING, MESSAGE, EITHER = (0,), (1,), (0, 1)
SPOKEN_S = 1.6
Case = Callable[[CallLab, Talker], Awaitable[tuple[int, ...]]]


async def recording(dora: Talker, speak_s: float = 0.0) -> OutgoingCall:
    """A call that is being recorded."""
    call = await dora.talk_to(CARL)
    await hears(dora, "beep")
    if speak_s:
        await dora.stream.speak(speak_s)
    return call


async def placed(dora: Talker, body: bytes | None = None) -> OutgoingCall:
    """An INVITE that nobody waits for."""
    return await dora.call(CARL, body=sdp(dora.stream.local_port) if body is None else body)


async def bye(call: OutgoingCall) -> None:
    assert (await call.request("BYE")).status == 200


async def cancel_at_once(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    """CANCEL behind the INVITE: it meets the 200, or is faster."""
    call = await placed(dora)
    call.outgoing.cancel()
    if (await call.result()).status == 200:
        await bye(call)
    return NOTHING


async def cancel_crosses_the_200(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    """CANCEL leaves when the mailbox has been asked, and may have answered."""
    call = await placed(dora)
    await dora.until(lambda: bool(lab.mailbox_legs))
    call.outgoing.cancel()
    final = await call.result()
    assert final.status in {200, 487}
    if final.status == 200:
        await bye(call)
    return NOTHING


async def bye_in_the_greeting(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    await bye(await dora.talk_to(CARL))
    return NOTHING


async def speech_and_bye_in_the_greeting(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    call = await dora.talk_to(CARL)
    await dora.stream.speak(0.5)
    await bye(call)
    return NOTHING


async def bye_at_the_beep(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    await bye(await recording(dora))
    return NOTHING


async def bye_after_a_word(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    await bye(await recording(dora, 0.4))
    return NOTHING


async def bye_after_a_message(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    await bye(await recording(dora, SPOKEN_S))
    return MESSAGE


async def bye_sent_twice(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    call = await recording(dora, SPOKEN_S)
    request = call.dialog.make_request("BYE")
    first = dora.stack.request(request, dora.flow)
    second = dora.stack.request(call.dialog.make_request("BYE"), dora.flow)
    assert (await first.final(5)).status == 200
    assert (await second.final(5)).status == 481
    return MESSAGE


async def no_ack(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    """No ACK, and RTP all the time: the platform's limit for the ACK closes it."""
    call = await placed(dora)
    final = await call.outgoing.final(10)
    assert final.status == 200
    dialog = Dialog.as_caller(call.outgoing.request, final)
    dora.stack.add_dialog(dialog.call_id, dialog.local_tag, dora.inside)
    dora._follow(final.body)
    speaking = asyncio.create_task(dora.stream.speak(12))
    await dora.until(lambda: dora.byes == 1, 20)
    assert "cause=408" in (dora.requests[-1].request.headers.get("Reason") or "")
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)
    return EITHER


async def no_rtp(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    """Not one packet: the mailbox's limit for the first one closes it."""
    await dora.talk_to(CARL)
    await dora.until(lambda: dora.byes == 1, 20)
    return NOTHING


async def vanished(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    """Speech, then nothing, not even a BYE: the mailbox's limit for silence on the wire."""
    await recording(dora, SPOKEN_S)
    # The limit for a silent caller, who still sends packets, would take longer than this.
    await dora.until(lambda: dora.byes == 1, DepositPolicy().silence_s - 1)
    return MESSAGE


async def caller_only_sends(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    call = await placed(dora, sdp(dora.stream.local_port) + b"a=sendonly\r\n")
    final = await call.result()
    audio = SessionDescription.parse(final.body).audio
    assert audio is not None
    assert audio.direction in {"recvonly", "inactive"}
    dora._follow(final.body)
    # It cannot hear the beep: it speaks for long enough to be recorded in any case.
    await dora.stream.speak(8)
    await bye(call)
    return MESSAGE


async def caller_only_listens(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    call = await placed(dora, sdp(dora.stream.local_port) + b"a=recvonly\r\n")
    final = await call.result()
    dora.stack.add_dialog(call.dialog.call_id, call.dialog.local_tag, dora.inside)
    assert final.status == 200
    await dora.until(lambda: dora.byes == 1, 25)
    return NOTHING


async def new_offer_while_recording(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    """Hold and resume: the message goes on in the same recording."""
    call = await recording(dora, 1.0)
    here = sdp(dora.stream.local_port)
    for direction in (b"a=sendonly\r\n", b"a=sendrecv\r\n"):
        assert (await dora.in_dialog(call.dialog, "INVITE", body=here + direction)).status == 200
    await dora.stream.speak(1.0)
    await bye(call)
    return MESSAGE


async def offer_without_a_codec_while_recording(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    call = await recording(dora, 1.0)
    foreign = sdp(dora.stream.local_port).replace(b"8 101", b"97").replace(b"8 PCMA", b"97 X")
    assert (await dora.in_dialog(call.dialog, "INVITE", body=foreign)).status == 488
    await dora.stream.speak(1.0)
    await bye(call)
    return MESSAGE


async def no_common_codec(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    offer = sdp(dora.stream.local_port).replace(b"8 101", b"97").replace(b"8 PCMA", b"97 X")
    assert (await (await placed(dora, offer)).result()).status == 488
    return NOTHING


async def srtp_only(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    offer = sdp(dora.stream.local_port).replace(b"RTP/AVP", b"RTP/SAVP")
    offer += b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\r\n"
    assert (await (await placed(dora, offer)).result()).status == 488
    return NOTHING


async def offer_that_is_no_sdp(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    final: Response = await (await placed(dora, b"v=0\r\nnonsense")).result()
    assert final.status in {400, 488}
    return NOTHING


async def same_invite_by_another_way(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    """RFC 3261 section 8.2.2.2: the same request with another branch is a merged one."""
    call = await placed(dora)
    sent = call.outgoing.request
    rows = [(n, v) for n, v in sent.headers if n.lower() != "via"]
    merged = dora.stack.request(Request("INVITE", sent.uri, rows, sent.body), dora.flow)
    first, second = await call.result(), await merged.final(10)
    assert (first.status, second.status) == (200, 482)
    dora._follow(first.body)
    await hears(dora, "beep")
    await dora.stream.speak(SPOKEN_S)
    await bye(call)
    return MESSAGE


async def wrong_tags(lab: CallLab, dora: Talker) -> tuple[int, ...]:
    """A BYE of somebody who knows the Call-ID alone ends nothing."""
    call = await recording(dora)
    forged = call.dialog.make_request("BYE")
    forged.headers.set("To", f"{forged.headers.get('To')}x")
    assert (await dora.stack.request(forged, dora.flow).final(5)).status == 481
    await dora.stream.speak(SPOKEN_S)
    await bye(call)
    return MESSAGE


CASES: list[Case] = [
    cancel_at_once,
    cancel_crosses_the_200,
    bye_in_the_greeting,
    speech_and_bye_in_the_greeting,
    bye_at_the_beep,
    bye_after_a_word,
    bye_after_a_message,
    bye_sent_twice,
    no_ack,
    no_rtp,
    vanished,
    caller_only_sends,
    caller_only_listens,
    new_offer_while_recording,
    offer_without_a_codec_while_recording,
    no_common_codec,
    srtp_only,
    offer_that_is_no_sdp,
    same_invite_by_another_way,
    wrong_tags,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
async def test_sec_4_a_deposit_closes_with_a_whole_message_or_none(
    tmp_path: Path, case: Case
) -> None:
    async with call_lab(tmp_path) as lab:
        await lab.platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
        carl, dora = lab.phones[CARL], lab.phones[DORA]
        expected = await case(lab, dora)
        await lab.until_idle()
        store = lab.platform.store
        await store.check()  # what was to be written has been written, or never will be
        counts = await lab.platform.counts(CARL)
        messages = store.messages(CARL)
        assert counts.new == len(messages)
        assert counts.new in expected
        for message in messages:
            # Whole: the audio is there, as long as is said of it, and holds what was spoken.
            pcm = store.audio(message.message_id)
            assert len(pcm) / 2 / SAMPLE_RATE_HZ == pytest.approx(message.duration_s, abs=0.05)
            assert message.duration_s >= DepositPolicy().min_message_s
            assert message.caller == DORA

        def told() -> int:
            """New messages as the phone was told last."""
            voice = parse_summary(carl.notifies[-1].body).voice if carl.notifies else None
            return 0 if voice is None else voice.new

        await carl.until(lambda: told() == counts.new)
        assert lab.platform.internal_errors == 0


def test_limits_of_the_product() -> None:
    policy = DepositPolicy()
    assert policy.no_audio_s <= 5
    assert policy.vanished_s <= 5
    assert PlatformConfig().mailbox_ack_s <= 5

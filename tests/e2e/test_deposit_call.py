"""Leaving a message, with real audio streams and without signalling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from full_disk import full_disk
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import RigError
from rig.mailbox_platform.embedded.store.store import MailboxUsage, MessageStore, StoredMessage
from rig.mailbox_platform.embedded.voicemail.deposit import Deposit, DepositEnd
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.media.prompt import marker
from rig.media.prompt_detector import PromptDetector
from rig.media.stream import AudioStream
from rig.media.tones import silence

pytestmark = pytest.mark.waits

BOX = "+4930100"
QUICK = DepositPolicy(min_message_s=0.3, silence_s=0.5, no_audio_s=1.5, max_message_s=1.6)


@dataclass
class Line:
    """A caller and the mailbox's side of the call."""

    caller: AudioStream
    stream: AudioStream
    store: MessageStore

    def deposit(self, policy: DepositPolicy = QUICK) -> Deposit:
        return Deposit(
            self.stream,
            self.store,
            mailbox=BOX,
            caller="+49171",
            greeting="greeting.busy",
            policy=policy,
        )


@pytest.fixture
async def line(tmp_path) -> AsyncIterator[Line]:
    store = MessageStore(tmp_path, durable=False)
    caller, stream = AudioStream(), AudioStream(detect=False)
    caller.set_remote(stream.local_address)
    stream.set_remote(caller.local_address)
    yield Line(caller, stream, store)
    caller.close()
    stream.close()
    store.close()


async def finished(deposit: Deposit) -> StoredMessage | None:
    """The caller hangs up; what is kept."""
    deposit.finish()
    return await deposit.settled()


async def test_a_message_is_kept_when_the_caller_hangs_up(line):
    deposit = line.deposit()
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("greeting.busy", 2)
    await line.caller.wait_prompt("beep", 2)
    sign = marker("one")
    await line.caller.speak(0.2, marker=sign)
    message = await finished(deposit)
    running.cancel()
    assert message is not None
    assert message.duration_s == pytest.approx(0.84, abs=0.1)
    assert message.caller == "+49171"
    assert PromptDetector().feed(line.store.audio(message.message_id)) == [sign]
    assert line.store.counts(BOX).new == 1
    assert await finished(deposit) is message
    assert line.store.counts(BOX).new == 1


async def test_the_last_packets_before_the_end_are_not_lost(line):
    deposit = line.deposit(DepositPolicy(min_message_s=1.0))
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    await line.caller.speak(1.0)
    message = await finished(deposit)  # packets may still wait in the socket
    running.cancel()
    assert message is not None
    assert message.duration_s == pytest.approx(1.0, abs=0.05)


async def test_hash_ends_the_recording_and_is_thanked_for(line):
    deposit = line.deposit()
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    await line.caller.speak(0.5)
    await line.caller.send_digits("#", on_s=0.06)
    await line.caller.wait_prompt("deposit.thanks", 2)
    await running
    assert (deposit.end, line.store.counts(BOX).new) == (DepositEnd.KEY, 1)


async def test_hash_skips_the_greeting(line):
    deposit = line.deposit()
    running = asyncio.create_task(deposit.run())
    await asyncio.sleep(0.05)
    await line.caller.send_digits("#", on_s=0.06)
    await line.caller.wait_prompt("beep", 1)
    assert line.caller.heard == ("beep",)
    deposit.finish()
    running.cancel()
    assert line.store.counts(BOX).new == 0


async def test_hanging_up_during_the_greeting_leaves_nothing(line):
    deposit = line.deposit()
    running = asyncio.create_task(deposit.run())
    await line.caller.speak(0.2)
    assert await finished(deposit) is None
    running.cancel()
    assert deposit.end is DepositEnd.CALLER
    assert line.store.messages(BOX) == ()


async def test_hanging_up_at_the_beep_leaves_nothing(line):
    deposit = line.deposit()
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    assert await finished(deposit) is None
    running.cancel()


async def test_too_short_is_no_message(line):
    deposit = line.deposit(DepositPolicy(min_message_s=1.0))
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    await line.caller.speak(0.6)
    assert await finished(deposit) is None
    running.cancel()
    assert line.store.messages(BOX) == ()


async def test_silence_is_no_message_and_ends_the_call(line):
    deposit = line.deposit()
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    await line.caller.play(silence(0.8))
    await asyncio.wait_for(running, 2)
    assert (deposit.end, deposit.message) == (DepositEnd.SILENCE, None)


async def test_a_click_is_no_message(line):
    deposit = line.deposit()
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    await line.caller.speak(0.06)
    await line.caller.play(silence(0.4))
    assert await finished(deposit) is None
    running.cancel()
    assert line.store.messages(BOX) == ()


async def test_no_rtp_at_all_ends_the_call(line):
    deposit = line.deposit()
    await asyncio.wait_for(deposit.run(), 4)
    assert (deposit.end, deposit.message) == (DepositEnd.NO_AUDIO, None)


async def test_a_long_message_is_cut_and_kept(line):
    deposit = line.deposit()
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    speaking = asyncio.create_task(line.caller.speak(5))
    await line.caller.wait_prompt("deposit.too_long", 4)
    await running
    line.caller.stop_playing()
    await speaking
    assert deposit.end is DepositEnd.TOO_LONG
    assert deposit.message is not None
    assert deposit.message.duration_s < 1.7


async def test_a_tone_warns_before_the_longest_message_ends(line):
    policy = DepositPolicy(min_message_s=0.3, max_message_s=2.6, warn_s=1.2)
    deposit = line.deposit(policy)
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    speaking = asyncio.create_task(line.caller.speak(8))
    await line.caller.wait_prompt("deposit.warning", 5)
    assert deposit.end is None
    await line.caller.wait_prompt("deposit.too_long", 5)
    await running
    line.caller.stop_playing()
    await speaking
    assert deposit.end is DepositEnd.TOO_LONG
    assert deposit.message is not None
    assert 1.0 < deposit.message.duration_s <= 2.6
    assert line.caller.heard[-3:] == ("beep", "deposit.warning", "deposit.too_long")


async def test_a_short_limit_has_no_room_for_a_warning(line):
    deposit = line.deposit(DepositPolicy(max_message_s=1.0, warn_s=0.6))
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    await line.caller.speak(0.3)
    await line.caller.wait_prompt("deposit.too_long", 5)
    await running
    assert "deposit.warning" not in line.caller.heard


async def test_silence_after_the_message_is_cut_off(line):
    deposit = line.deposit(DepositPolicy(min_message_s=0.3, silence_s=0.8, tail_s=0.1))
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    await line.caller.speak(0.6)
    await line.caller.play(silence(1.0))
    await asyncio.wait_for(running, 3)
    assert deposit.end is DepositEnd.SILENCE
    assert deposit.message is not None
    assert deposit.message.duration_s == pytest.approx(0.7, abs=0.1)


async def test_a_full_mailbox_says_so(line):
    line.store.add(BOX, "", b"\x00\x00" * 8000)
    deposit = line.deposit(DepositPolicy(max_messages=1))
    await deposit.run()
    await line.caller.wait_prompt("greeting.mailbox_full", 1)
    assert (deposit.end, line.store.counts(BOX).new) == (DepositEnd.FULL, 1)
    assert line.caller.heard == ("greeting.mailbox_full",)


async def test_two_callers_at_once_both_leave_a_message(line):
    caller, stream = AudioStream(), AudioStream(detect=False)
    caller.set_remote(stream.local_address)
    stream.set_remote(caller.local_address)
    other = Line(caller, stream, line.store)
    deposits = [line.deposit(), other.deposit()]
    running = [asyncio.create_task(deposit.run()) for deposit in deposits]

    async def leave(audio: AudioStream, name: str) -> None:
        await audio.wait_prompt("beep", 3)
        await audio.speak(0.1, marker=marker(name))

    await asyncio.gather(leave(line.caller, "a"), leave(caller, "b"))
    messages = [await finished(deposit) for deposit in deposits]
    for task in running:
        task.cancel()
    caller.close()
    stream.close()
    heard = [PromptDetector().feed(line.store.audio(m.message_id)) for m in messages if m]
    assert heard == [[marker("a")], [marker("b")]]


async def test_a_caller_hears_that_the_message_could_not_be_kept(line):
    told = []
    line.store.subscribe(told.append)
    deposit = line.deposit()
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    await line.caller.speak(0.5)
    with full_disk():
        await line.caller.send_digits("#", on_s=0.06)
        await line.caller.wait_prompt("deposit.not_kept", 4)
    await running
    assert (deposit.end, deposit.message) == (DepositEnd.NOT_KEPT, None)
    assert "deposit.thanks" not in line.caller.heard
    assert (line.store.counts(BOX).new, told) == (0, [])


async def test_on_a_full_disk_the_next_caller_is_told_before_speaking_and_then_all_is_well(line):
    with full_disk():
        with pytest.raises(RigError):
            line.store.add(BOX, "", b"\x01\x00" * 80)
        deposit = line.deposit()
        await deposit.run()
        await line.caller.wait_prompt("deposit.not_kept", 2)
    assert line.caller.heard == ("deposit.not_kept",)
    assert deposit.end is DepositEnd.NOT_KEPT
    again = line.deposit()  # there is room again; nothing was restarted
    running = asyncio.create_task(again.run())
    await line.caller.wait_prompt("beep", 3)
    await line.caller.speak(0.5)
    assert await finished(again) is not None
    running.cancel()
    assert line.store.counts(BOX).new == 1


async def test_a_mailbox_is_full_by_length_too(line):
    line.store.add(BOX, "", b"\x00\x00" * 8000 * 9)
    full = line.deposit(DepositPolicy(max_audio_s=9.5, max_message_s=5))
    await full.run()
    await line.caller.wait_prompt("greeting.mailbox_full", 1)
    assert (full.end, line.store.counts(BOX).new) == (DepositEnd.FULL, 1)


async def test_a_message_is_cut_where_the_room_of_the_mailbox_ends(line):
    line.store.add(BOX, "", b"\x00\x00" * 8000 * 9)
    deposit = line.deposit(DepositPolicy(max_audio_s=10.8, max_message_s=5))
    running = asyncio.create_task(deposit.run())
    await line.caller.wait_prompt("beep", 3)
    speaking = asyncio.create_task(line.caller.speak(4))
    await line.caller.wait_prompt("deposit.too_long", 4)
    await running
    line.caller.stop_playing()
    await speaking
    assert deposit.message is not None
    assert line.store.usage(BOX).audio_s <= 10.8


async def test_of_two_callers_for_the_last_place_one_is_kept_and_the_other_is_told(line):
    caller, stream = AudioStream(), AudioStream(detect=False)
    caller.set_remote(stream.local_address)
    stream.set_remote(caller.local_address)
    other = Line(caller, stream, line.store)
    policy = DepositPolicy(min_message_s=0.3, max_messages=1)
    deposits = [line.deposit(policy), other.deposit(policy)]
    running = [asyncio.create_task(deposit.run()) for deposit in deposits]

    async def leave(audio: AudioStream) -> None:
        await audio.wait_prompt("beep", 3)
        await audio.speak(0.6)
        await audio.send_digits("#", on_s=0.06)

    await asyncio.gather(leave(line.caller), leave(caller))
    await asyncio.gather(*running)
    caller.close()
    stream.close()
    assert sorted(deposit.end for deposit in deposits) == [DepositEnd.FULL, DepositEnd.KEY]
    assert line.store.counts(BOX).new == 1


@given(
    messages=st.integers(0, 12),
    audio_s=st.floats(0, 120),
    most=st.integers(1, 10),
    most_s=st.floats(1, 100),
)
def test_room_is_never_more_than_there_is(messages, audio_s, most, most_s):
    policy = DepositPolicy(max_messages=most, max_audio_s=most_s, max_message_s=60)
    room_s = policy.room_s(MailboxUsage(messages, audio_s))
    assert room_s == 0 or policy.min_message_s <= room_s <= min(60, most_s - audio_s)
    if messages >= most:
        assert room_s == 0

"""Calls of an emulated handset: ringing, answering, refusing, diverting, dialling, talking."""

from __future__ import annotations

import asyncio

import pytest
from handset_lab import HandsetLab, account, intent

from provisioning.intent import DivertIntent, DivertsIntent, MwiMode
from rig.errors import RigError
from rig.handset.base import AnswerMode
from rig.handset.emulated.hook import HandsetHook
from rig.media.stream import AudioStream
from rig.sip.diversion import parse_diversions
from rig.sip.sdp import SessionDescription, make_answer, make_offer
from rig.sip_transport.call import Call, CallRefused, place_call
from rig.timeline import LampState

pytestmark = pytest.mark.waits

CALLER = "<sip:caller@beispiel.example>"


class Far:
    """The other side of a call: a stack with one audio stream."""

    def __init__(self, stack):
        self.stack = stack
        self.audio = AudioStream("127.0.0.1")
        self.calls = []

    def connect(self, sdp):
        remote = SessionDescription.parse(sdp).audio
        self.audio.set_remote((remote.address, remote.port), 8)

    async def ring(self, handset, user="anna"):
        """Call the handset at its own address."""
        host, port = handset.sip_address
        offer = make_offer("127.0.0.1", self.audio.local_port, session_id=1)
        flow = self.stack.flow_to((host, port))
        return await place_call(
            self.stack,
            flow,
            request_uri=f"sip:{user}@{host}:{port}",
            from_=CALLER,
            sdp=offer.to_bytes(),
        )

    def answer_all(self):
        """Answer every INVITE from now on."""
        before = self.stack.on_request

        def requested(incoming):
            if incoming.request.method != "INVITE":
                before(incoming)
                return
            call = Call.incoming(incoming)
            self.calls.append(call)
            offer = SessionDescription.parse(incoming.request.body)
            answer = make_answer(offer, "127.0.0.1", self.audio.local_port, session_id=2)
            call.accept(answer.to_bytes())
            self.connect(incoming.request.body)

        self.stack.on_request = requested


@pytest.fixture
async def lab():
    lab = HandsetLab()
    await lab.start()
    yield lab
    await lab.close()


@pytest.fixture
async def far(lab):
    far = Far(lab.registrar.stack)
    yield far
    far.audio.close()


async def booted(lab, *, diverts=None, missed=False, **more):
    one = account(mwi=MwiMode.UNSOLICITED, diverts=diverts)
    handset = lab.handset(intent("T46U", one, missed=missed), **more)
    await handset.boot()
    return handset


async def refused(call):
    with pytest.raises(CallRefused):
        await call.wait_answered(5)
    return call.final_status


async def test_it_rings_and_a_caller_who_gives_up_is_a_missed_call(lab, far):
    handset = await booted(lab, missed=True)
    call = await far.ring(handset)
    rings = asyncio.Event()
    call.on_ringing = lambda _: rings.set()
    await asyncio.wait_for(rings.wait(), 5)
    assert call.provisionals[-1] == 180
    assert len(handset.calls) == 1
    assert handset.calls[0].ringing
    await call.hang_up()
    assert handset.missed_calls == 1
    assert handset.call_log[0].missed
    assert "caller@beispiel.example" in handset.call_log[0].remote
    assert handset.lamp.state().lit
    assert not handset.lamp.state("account:1").lit
    handset.look_at_calls()
    assert not handset.lamp.state().lit


async def test_a_missed_call_leaves_the_lamp_when_the_policy_says_so(lab, far):
    handset = await booted(lab)
    call = await far.ring(handset)
    await asyncio.sleep(0.1)
    await call.hang_up()
    assert handset.missed_calls == 1
    assert handset.lamp.state() is LampState.OFF


class _LampByMissedCall(HandsetHook):
    def __init__(self):
        self.missed = False

    def on_missed_call(self):
        self.missed = True

    def lamp(self, lamp, state, cause):
        return LampState.SLOW if self.missed and lamp == "message" else state


async def test_a_seeded_fault_lights_the_lamp_at_a_missed_call(lab, far):
    handset = await booted(lab, hook=_LampByMissedCall())
    call = await far.ring(handset)
    await asyncio.sleep(0.1)
    await call.hang_up()
    assert handset.lamp.state() is LampState.SLOW


async def test_it_answers_talks_and_hears_and_no_audio_port_is_left(lab, far):
    handset = await booted(lab)
    await handset.set_answer_mode(AnswerMode.ANSWER)
    call = await far.ring(handset)
    await call.wait_answered(5)
    far.connect(call.remote_sdp)
    mine = handset.calls[0]
    assert mine.established
    assert mine.final_status == 200
    await far.audio.play("greeting.busy")
    assert await mine.wait_prompt("greeting.", 3) == "greeting.busy"
    await mine.send_digits("1#")
    await mine.speak(0.3)
    await asyncio.sleep(0.1)
    assert far.audio.digits_heard == "1#"
    assert far.audio.packets_received > 10
    await mine.hang_up()
    await call.wait_ended(5)
    assert handset.calls == ()
    assert mine.heard == ("greeting.busy",)
    with pytest.raises(RigError, match="no audio now"):
        await mine.speak(1)
    assert handset.missed_calls == 0
    assert handset.call_log[0].answered


async def test_busy_in_a_call_and_dnd_refuse_with_their_status(lab, far):
    handset = await booted(lab)
    await handset.set_answer_mode(AnswerMode.BUSY)
    assert await refused(await far.ring(handset)) == 486
    await handset.set_answer_mode(AnswerMode.ANSWER)
    await handset.set_dnd(on=True)
    assert await refused(await far.ring(handset)) == 480
    handset.dnd_status = 486
    assert await refused(await far.ring(handset)) == 486
    await handset.set_dnd(on=False)
    first = await far.ring(handset)
    await first.wait_answered(5)
    assert await refused(await far.ring(handset)) == 486
    await first.hang_up()
    assert handset.missed_calls == 0
    assert await refused(await far.ring(handset, "nobody")) == 404


@pytest.mark.parametrize(
    ("diverts", "mode", "reason"),
    [
        (DivertsIntent(always=DivertIntent(True, "107")), AnswerMode.ANSWER, "unconditional"),
        (DivertsIntent(busy=DivertIntent(True, "107")), AnswerMode.BUSY, "user-busy"),
        (DivertsIntent(no_answer=DivertIntent(True, "107", 6)), AnswerMode.RING, "no-answer"),
    ],
)
async def test_it_diverts_by_302_and_says_why(lab, far, diverts, mode, reason):
    handset = await booted(lab, diverts=diverts)
    await handset.set_answer_mode(mode)
    started = asyncio.get_running_loop().time()
    call = await far.ring(handset)
    with pytest.raises(CallRefused):
        await call.wait_answered(10)
    waited_s = asyncio.get_running_loop().time() - started
    assert call.final_status == 302
    assert str(call.redirected_to[0].uri) == "sip:107@beispiel.example"
    entry = parse_diversions(call.final_response.headers)[0]
    assert entry.reason == reason
    assert entry.name_addr.uri.user == "anna"
    assert (waited_s > 5.5) == (reason == "no-answer")
    assert handset.missed_calls == 0


async def test_the_message_key_dials_what_the_file_says(lab, far):
    handset = await booted(lab)
    far.answer_all()
    call = await handset.press_message_key()
    await call.wait_established(5)
    invite = far.calls[0].request
    assert invite.uri == "sip:+493023125900@beispiel.example"
    assert str(invite.from_.uri) == "sip:anna@beispiel.example"
    assert invite.contacts[0].uri.user == "anna"
    await far.audio.play("portal.enter_pin")
    assert await call.wait_prompt("portal.", 3) == "portal.enter_pin"
    await far.calls[0].hang_up()
    await call.wait_ended(5)
    assert not call.established
    assert handset.call_log[0].outgoing


async def test_a_refused_call_tells_its_status(lab):
    handset = await booted(lab)
    call = await handset.dial("#31#")
    with pytest.raises(RigError, match="486"):
        await call.wait_established(5)
    assert call.final_status == 486
    assert lab.registrar.requests[-1].uri == "sip:%2331%23@beispiel.example"
    with pytest.raises(RigError, match="no account 2"):
        await handset.dial("1", account=2)


async def test_a_power_cut_drops_the_call_without_a_bye(lab, far):
    handset = await booted(lab)
    far.answer_all()
    call = await handset.dial("1")
    await call.wait_established(5)
    byes = lab.registrar.count("BYE")
    await handset.power_cycle()
    assert handset.calls == ()
    assert lab.registrar.count("BYE") == byes
    assert not call.established
    assert far.calls[0].state == "established"

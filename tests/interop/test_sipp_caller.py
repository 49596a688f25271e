"""SIPp as a caller against our own stack: answered, refused, forwarded, challenged."""

from __future__ import annotations

import asyncio

import pytest
from peers import require_peer, require_root
from site_lab import site_lab

from provisioning.secret import Secret
from rig.errors import RigError
from rig.handset.base import AnswerMode
from rig.handset.netns import own_network_namespace
from rig.handset.sipp_caller import SippCaller, responses_in
from rig.sip.digest import DigestJudge, DigestVerifier
from rig.sip.sdp import SessionDescription, make_answer
from rig.sip.tokens import SeededTokens
from rig.sip_transport.stack import SipStack

ANSWERED, BUSY, FORWARDED = "+493023125101", "+493023125102", "+493023125103"
DIVERSION = "<sip:+493023125103@demo.example>;reason=user-busy;counter=1"
PASSWORD = Secret("a password with 1 blank")


@pytest.fixture
def namespace():
    require_root()
    require_peer("sipp")
    with own_network_namespace():
        yield


class Callee:
    """Answers INVITE by the number that is called."""

    def __init__(self, verifier=None):
        self.stack = SipStack()
        self.stack.on_request = self.requested
        self.verifier = verifier
        self.seen = []
        self.invites = []

    async def start(self):
        await self.stack.listen("127.0.0.1")
        return self.stack.address

    def requested(self, incoming):
        request = incoming.request
        self.seen.append(request.method)
        if request.method != "INVITE":
            incoming.respond(200)
            return
        self.invites.append(request)
        if self.verifier and not self.verifier.verify(request, self.stack.now).ok:
            challenges = self.verifier.challenges(self.stack.now)
            rows = [("WWW-Authenticate", challenge) for challenge in challenges]
            incoming.respond(401, headers=rows)
            return
        number = request.to.uri.user
        if number == BUSY:
            incoming.respond(180)
            incoming.respond(486)
            return
        if number == FORWARDED:
            incoming.respond(181, headers=[("Diversion", DIVERSION)])
        offer = SessionDescription.parse(request.body)
        answer = make_answer(offer, "127.0.0.1", 20000, session_id=1)
        host, port = self.stack.address
        incoming.respond(
            200,
            headers=[("Contact", f"<sip:callee@{host}:{port}>")],
            body=answer.to_bytes(),
            content_type="application/sdp",
        )


def caller(**more):
    return SippCaller("+493023125199", "demo.example", **more)


@pytest.mark.interop(peer="sipp")
@pytest.mark.root
@pytest.mark.parametrize(
    ("number", "status", "diversion", "exit_code"),
    [(ANSWERED, 200, (), 0), (BUSY, 486, (), 1), (FORWARDED, 200, (DIVERSION,), 0)],
)
async def test_the_outcome_of_a_call_is_told(namespace, number, status, diversion, exit_code):
    callee = Callee()
    target = await callee.start()
    outcome = await caller().call(number, target, talk_s=0.5)
    await callee.stack.close()
    assert outcome.final_status == status
    assert outcome.diversion == diversion
    assert outcome.exit_code == exit_code
    assert ("BYE" in callee.seen) == (status == 200)
    assert outcome.duration_s >= (0.5 if status == 200 else 0)


@pytest.mark.interop(peer="sipp")
@pytest.mark.root
@pytest.mark.parametrize(("password", "status"), [(PASSWORD, 200), (Secret("wrong"), None)])
async def test_digest_lets_the_right_password_in_and_no_other(namespace, password, status):
    judge = DigestJudge(
        "demo.example",
        lambda user: PASSWORD if user == "anna" else None,
        SeededTokens("callee").cnonce,
        algorithms=("MD5",),
    )
    callee = Callee(DigestVerifier(judge))
    target = await callee.start()
    sipp = caller(auth_user="anna", password=password)
    outcome = await sipp.call(ANSWERED, target, talk_s=0.2)
    await callee.stack.close()
    assert outcome.final_status == status
    assert outcome.statuses[0] == 401


@pytest.mark.interop(peer="sipp")
@pytest.mark.root
async def test_headers_of_the_caller_reach_the_callee(namespace):
    callee = Callee()
    target = await callee.start()
    sipp = caller(headers=(("Diversion", "<sip:5@x>;reason=no-answer"), ("X-A", "<b>&c")))
    await sipp.call(ANSWERED, target, talk_s=0.1)
    await callee.stack.close()
    assert callee.invites[0].headers.get("Diversion") == "<sip:5@x>;reason=no-answer"
    assert callee.invites[0].headers.get("X-A") == "<b>&c"


async def test_a_missing_program_is_named_with_the_package():
    with pytest.raises(RigError, match="apt install sip-tester"):
        await caller(program="no-such-sipp").call("1", ("127.0.0.1", 5060))


async def test_a_password_that_sipp_cannot_be_told_is_refused_without_showing_it():
    with pytest.raises(RigError, match="cannot be told") as caught:
        await caller(auth_user="anna", password=Secret("x;y")).call("1", ("127.0.0.1", 5060))
    assert "x;y" not in str(caught.value)


def test_the_message_log_is_cut_by_its_lengths():
    message = b"SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    log = (
        b"-----\nUDP message sent (9 bytes):\n\nACK sip:x\n"
        + b"-----\nUDP message received [%d] bytes :\n\n" % len(message)
        + message
        + b"\n-----\nUDP message received [4] bytes :\n\njunk\n"
    )
    assert [response.status for response in responses_in(log)] == [486]


def test_the_password_is_not_in_the_scenario():
    scenario = caller(auth_user="anna", password=PASSWORD).scenario("1", 1.0)
    assert PASSWORD.reveal() not in scenario
    assert "[field0]" in scenario


@pytest.mark.interop(peer="sipp")
@pytest.mark.root
async def test_a_caller_of_the_embedded_platform_is_forwarded_to_the_mailbox(namespace, tmp_path):
    async with site_lab(tmp_path / "store", algorithms=("MD5",)) as lab:
        (anna,) = await lab.boot("anna")
        await anna.set_answer_mode(AnswerMode.BUSY)
        clara = lab.site.user("103")
        sipp = SippCaller(
            clara.sip_user,
            lab.site.domain,
            auth_user=clara.auth_user,
            password=clara.password,
        )
        outcome = await sipp.call("101", lab.platform.sip_address, talk_s=8.0)
        assert outcome.final_status == 200
        assert outcome.statuses[0] in {401, 407}
        assert 181 in outcome.statuses
        assert outcome.exit_code == 0
        async with asyncio.timeout(5):
            while not anna.lamp.state().lit:  # noqa: ASYNC110 - a lamp is looked at
                await asyncio.sleep(0.02)
        assert lab.platform.internal_errors == 0

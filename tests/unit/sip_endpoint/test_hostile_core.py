"""Damaged messages against core, dialogs, subscriber and notifier: never an exception."""

from __future__ import annotations

import random

import pytest

from rig.sip import event as ev
from rig.sip.dialog import Dialog
from rig.sip.errors import MessageError
from rig.sip.event import Flow
from rig.sip.lint import screen
from rig.sip.message import Request
from rig.sip.notification import NotifierPolicy, judge_subscribe
from rig.sip.subscription import Subscriber
from rig.sip.tokens import SeededTokens
from rig.sip.user_agent import UserAgentCore

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "SUBSCRIBE", "NOTIFY", "OPTIONS", "REGISTER")
FLOW = Flow("UDP", ("127.0.0.1", 5060), ("127.0.0.1", 5090))
STREAM = Flow("TCP", ("127.0.0.1", 5060), ("127.0.0.1", 5090))
POLICY = NotifierPolicy(packages=("message-summary",), content_types=("text/plain",))
ROUNDS = 400


def sound(method: str, number: int, call_id: str, tag: str) -> bytes:
    return (
        f"{method} sip:us@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bK{number % 7};rport\r\n"
        f'From: "Peer" <sip:peer@example.test>;tag=peer{number % 3}\r\n'
        f"To: <sip:us@example.test>;tag={tag}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {number % 5} {method}\r\nContact: <sip:peer@127.0.0.1:5090>\r\n"
        "Event: message-summary\r\nSubscription-State: active;expires=60\r\n"
        "Expires: 60\r\nRecord-Route: <sip:127.0.0.1;lr>\r\nMax-Forwards: 70\r\n"
        "Content-Length: 4\r\n\r\nbody"
    ).encode()


def damage(data: bytes, chance: random.Random) -> bytes:
    octets = bytearray(data)
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(octets))
        kind = chance.randrange(4)
        if kind == 0:
            octets[at] = chance.randrange(256)
        elif kind == 1:
            del octets[at : at + chance.randint(1, 20)]
        elif kind == 2:
            pieces = [b"\r\n", b",", b";", b"<", b'"', b"=", b"\xff", b"tag="]
            octets[at:at] = chance.choice(pieces)
        else:
            octets = octets[: at + 1]
        if not octets:
            return b""
    return bytes(octets)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_comes(seed: int) -> None:
    chance = random.Random(seed)
    tokens = SeededTokens(str(seed))
    core = UserAgentCore(tokens)
    subscriber = Subscriber(
        target_uri="sip:us@example.test",
        aor="sip:us@example.test",
        contact="<sip:us@127.0.0.1>",
        tokens=tokens,
    )
    subscriber.start(0)
    handled = 0
    for number in range(ROUNDS):
        now = number * 0.05
        method = chance.choice(METHODS)
        data = damage(sound(method, number, subscriber.call_id, subscriber.local_tag), chance)
        core.receive(data, FLOW, now)
        core.receive(data, STREAM, now)
        core.handle_timer(now)
        while (event := core.next_event()) is not None:
            if not isinstance(event, ev.RequestReceived):
                continue
            request: Request = event.request
            if screen(request, methods=METHODS, content_types={request.content_type}).status:
                core.send_response(event.key, core.make_response(event.key, 400), now)
                continue
            handled += 1
            if request.method == "NOTIFY":
                status = subscriber.take_notify(request, now).status
            elif request.method == "SUBSCRIBE":
                status = judge_subscribe(request, POLICY).status
            else:
                dialog = Dialog.as_callee(request, "us", "<sip:us@127.0.0.1>")
                dialog.in_order(request)
                status = 200
            core.send_response(event.key, core.make_response(event.key, status), now)
        core.data_to_send()
    assert handled > ROUNDS / 20
    core.handle_timer(ROUNDS + 100.0)
    core.handle_timer(ROUNDS + 200.0)
    assert core.transactions == 0


def test_the_damage_is_real() -> None:
    chance = random.Random(1)
    core = UserAgentCore(SeededTokens("x"))
    for number in range(100):
        core.receive(damage(sound("NOTIFY", number, "c", "t"), chance), FLOW, float(number))
    bad = 0
    while (event := core.next_event()) is not None:
        bad += isinstance(event, ev.BadMessageReceived)
        if isinstance(event, ev.BadMessageReceived):
            assert isinstance(event.error, MessageError)
    assert bad > 20

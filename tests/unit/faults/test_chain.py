"""Several faults of one component: each is asked, and each sees what the others have made."""

from __future__ import annotations

import inspect

import pytest

from provisioning.transport.hook import ServerHook
from rig.faults.chain import WAYS, chained, chained_paths
from rig.faults.circumstances import Circumstances, conflict, together
from rig.faults.compose import NOTIFY, alter, body, drop, on_handset, on_network, on_platform
from rig.handset.emulated.hook import HandsetHook
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.event import Flow
from rig.sip.message import Request
from rig.sip.message_summary import Counts, MessageSummary
from rig.sip.parser import parse_message
from rig.timeline import LampState

KINDS = (PlatformHook, HandsetHook, ServerHook)
FLOW = Flow("UDP", ("127.1.1.1", 5060), ("127.1.1.10", 5060))
NOTIFY_TEXT = """\
NOTIFY sip:anna@127.1.1.10 SIP/2.0
Via: SIP/2.0/UDP 127.1.1.1;branch=z9hG4bK1
From: <sip:anna@b.example>;tag=p
To: <sip:anna@b.example>;tag=h
Call-ID: c
CSeq: 1 NOTIFY
Max-Forwards: 70
Event: message-summary
Subscription-State: active;expires=60
Content-Type: application/simple-message-summary
Content-Length: 49

Messages-Waiting: yes
Voice-Message: 1/0 (0/0)
"""


def notify() -> Request:
    message = parse_message(NOTIFY_TEXT.replace("\n", "\r\n").encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_every_question_of_a_hook_has_a_way_to_be_put_to_several(kind: type) -> None:
    questions = {
        name for name, value in vars(kind).items() if inspect.isfunction(value) and name[0] != "_"
    } - {"send", "crash"}
    assert WAYS[kind].keys() == questions


def test_one_hook_stays_itself_and_none_is_none() -> None:
    alone = PlatformHook()
    assert chained(PlatformHook, [alone]) is alone
    assert chained(PlatformHook, []) is None


def test_what_one_has_made_is_what_the_next_is_given() -> None:
    hook = chained(
        PlatformHook,
        [
            on_platform(
                alter(NOTIFY, body("yes", "no")),
                greeting=lambda kind: f"{kind}.one",
                loop_guard=lambda numbers, most: ([*numbers, "x"], most + 1),
            ),
            on_platform(
                alter(NOTIFY, body("no", "perhaps")),
                greeting=lambda kind: f"{kind}.two",
                loop_guard=lambda numbers, most: (numbers, most * 2),
                summary=lambda mailbox, subscriber, told: MessageSummary(waiting=not told.waiting),
            ),
        ],
    )
    assert hook is not None
    assert hook.greeting("g") == "g.one.two"
    assert hook.loop_guard([], 5) == (["x"], 12)
    assert hook.summary("1", "2", MessageSummary(waiting=False)).waiting
    sent = hook.outgoing(notify(), FLOW)
    assert isinstance(sent, Request)
    assert b"Messages-Waiting: perhaps" in sent.body


@pytest.mark.parametrize("first", [True, False])
def test_what_one_drops_no_other_sees(first: bool) -> None:
    seen: list[Request] = []

    class Watches(PlatformHook):
        def outgoing(self, message, flow):
            seen.append(message)
            return message

    hooks = [on_platform(drop(NOTIFY)), Watches()]
    hook = chained(PlatformHook, hooks if first else hooks[::-1])
    assert hook is not None
    assert hook.outgoing(notify(), FLOW) is None
    assert len(seen) == (0 if first else 1)


def test_every_one_may_forbid_and_the_first_word_counts() -> None:
    asked: list[str] = []

    def forbid(mailbox: str) -> bool:
        asked.append(mailbox)
        return False

    hook = chained(
        PlatformHook,
        [
            on_platform(before_notify=forbid, visit=lambda request, number: 0),
            on_platform(before_notify=forbid, visit=lambda request, number: 486),
            on_platform(visit=lambda request, number: 603),
        ],
    )
    assert hook is not None
    assert not hook.before_notify("101")
    assert asked == ["101", "101"]
    assert hook.visit(notify(), "101") == 486


def test_what_a_component_gives_all_of_them_get() -> None:
    hooks = [on_handset(lamp=lambda lamp, state, cause: LampState.OFF), HandsetHook()]
    hook = chained(HandsetHook, hooks)
    assert hook is not None
    sent: list[bytes] = []
    hook.send = lambda data, flow: sent.append(data)
    for one in hooks:
        one.send(b"x", FLOW)
    assert sent == [b"x", b"x"]
    assert hook.lamp("message", LampState.SLOW, "notify") is LampState.OFF


def test_a_method_that_nobody_alters_stays_that_of_the_component() -> None:
    """The platform looks closely at its messages only for a hook that has something to say."""
    hook = chained(PlatformHook, [on_platform(greeting=str), PlatformHook()])
    assert type(hook).visit is PlatformHook.visit
    assert type(hook).before_notify is PlatformHook.before_notify


def test_servers_ask_each_other_for_the_answer() -> None:
    class Renames(ServerHook):
        def answer(self, path, look_up):
            return look_up(path.upper())

    class Adds(ServerHook):
        def answer(self, path, look_up):
            return look_up(path + "b")

    hook = chained(ServerHook, [Renames(), Adds()])
    assert hook is not None
    found: list[str] = []
    hook.answer("a", found.append)
    assert found == ["AB"]


def test_a_network_does_one_thing_after_the_other() -> None:
    lossy = on_network(drop(NOTIFY.where(body="no")))
    mends = on_network(alter(NOTIFY, body("yes", "no")))
    late = chained_paths([mends, lambda payload, _: ((0.2, payload), (0.3, payload))])
    told = notify().to_bytes()
    assert chained_paths([mends, lossy])(told, True) == []
    assert chained_paths([lossy, mends])(told, True) != told
    delays = [delay for delay, _ in late(told, True)]
    assert delays == [0.2, 0.3]


def test_circumstances_of_two_faults_hold_together() -> None:
    one = Circumstances(extra_files={"a": b"1"}, file=lambda name, content: content + b"1")
    two = Circumstances(fetch_by="tftp", file=lambda name, content: content + b"2")
    both = together([one, two])
    assert (both.fetch_by, dict(both.extra_files)) == ("tftp", {"a": b"1"})
    assert both.file is not None
    assert both.file("x", b"0") == b"012"
    assert not conflict(one, two)
    assert conflict(two, Circumstances(fetch_by="http"))
    assert together([]) == Circumstances()


def test_counts_survive_a_chain_that_says_nothing() -> None:
    hook = chained(PlatformHook, [PlatformHook(), PlatformHook()])
    assert hook is not None
    told = MessageSummary(waiting=True, voice=Counts(1, 0, 0, 0))
    assert hook.summary("1", "2", told) is told

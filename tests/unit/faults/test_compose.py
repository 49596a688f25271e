"""Parts that faults are composed of: each does its deed, to what is meant and to nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from rig.errors import UsageError
from rig.faults.compose import (
    NOTIFY,
    SUBSCRIBE,
    Match,
    Rule,
    alter,
    body,
    body_bytes,
    delay,
    drop,
    duplicate,
    header,
    in_files,
    octets,
    on_handset,
    on_network,
    on_platform,
    reorder,
    request,
    response,
    set_header,
    setting,
    status,
    summary,
    together,
    uri,
    without,
    without_setting,
)
from rig.faults.seed import Seed
from rig.faults.sip_rule import Message, Sending, apply
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.timeline import LampState

FLOW = Flow("UDP", ("127.1.1.1", 5060), ("127.1.1.10", 5060))
TOLD = b"Messages-Waiting: yes\r\nVoice-Message: 1/0 (0/0)\r\n"


def notify(number: int = 1, *, text: bytes = TOLD, user: str = "anna") -> Request:
    """A NOTIFY that a parser has read, the so-manieth of its dialog."""
    built = Request(
        "NOTIFY",
        f"sip:{user}@127.1.1.10",
        [
            ("Via", f"SIP/2.0/UDP 127.1.1.1;branch=z9hG4bK{user}{number}"),
            ("From", "<sip:anna@b.example>;tag=p"),
            ("To", "<sip:anna@b.example>;tag=h"),
            ("Call-ID", "one"),
            ("CSeq", f"{number} NOTIFY"),
            ("Event", "message-summary"),
        ],
        text,
    )
    read = parse_message(built.to_bytes())
    assert isinstance(read, Request)
    return read


def answer(code: int, method: str = "SUBSCRIBE") -> Response:
    return Response(
        code,
        "OK",
        [
            ("Via", "SIP/2.0/UDP 127.1.1.10;branch=z9hG4bKs"),
            ("From", "<sip:anna@b.example>;tag=h"),
            ("To", "<sip:anna@b.example>;tag=p"),
            ("Call-ID", "one"),
            ("CSeq", f"7 {method}"),
        ],
    )


def struck(rule: Rule, message: Message) -> list[Sending]:
    return apply([rule], message.copy(), "handset")


def only(rule: Rule, message: Message) -> Message:
    (sending,) = struck(rule, message)
    assert not isinstance(sending.message, bytes)
    return sending.message


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        (NOTIFY, True),
        (NOTIFY.where(body="Waiting: yes"), True),
        (NOTIFY.where(body="Waiting: no"), False),
        (NOTIFY.where(uri="^sip:anna@"), True),
        (NOTIFY.where(uri="^sip:otto@"), False),
        (NOTIFY.where(headers={"To": "tag="}), True),
        (NOTIFY.where(headers={"To": None}), False),
        (NOTIFY.where(headers={"Contact": None}), True),
        (NOTIFY.where(towards="handset"), True),
        (NOTIFY.where(towards="platform"), False),
        (request("NOTIFY", event="presence"), False),
        (SUBSCRIBE, False),
        (response(), False),
        (Match(), True),
        (Match(method="NOTIFY"), True),
        (Match(status=200), False),
    ],
)
def test_a_predicate_means_what_it_says(match: Match, meant: bool) -> None:
    assert match(notify(), "handset") is meant


@pytest.mark.parametrize(
    ("match", "meant"),
    [
        (response(200, "SUBSCRIBE"), True),
        (response(range(200, 300)), True),
        (response(202), False),
        (response(200, "NOTIFY"), False),
        (request("SUBSCRIBE"), False),
        (Match(method="SUBSCRIBE"), True),
        (Match(uri="anna"), False),
    ],
)
def test_a_predicate_means_responses_by_what_they_answer(match: Match, meant: bool) -> None:
    assert match(answer(200), "handset") is meant


def test_deeds_change_one_thing_each() -> None:
    told = notify()
    assert struck(drop(NOTIFY), told) == []
    assert only(alter(NOTIFY, header("To", "anna", "otto")), told).headers.get("To") == (
        "<sip:otto@b.example>;tag=h"
    )
    assert only(alter(NOTIFY, set_header("Event", "x")), told).headers.get("Event") == "x"
    assert "Event" not in only(alter(NOTIFY, without("Event")), told).headers
    changed = only(alter(NOTIFY, uri("anna", "otto")), told)
    assert isinstance(changed, Request)
    assert changed.uri == "sip:otto@127.1.1.10"
    shorter = only(alter(NOTIFY, body_bytes(lambda text: text[:-2])), told)
    assert shorter.body == TOLD[:-2]
    assert b"Content-Length: %d\r\n" % (len(TOLD) - 2) in shorter.to_bytes()
    refused = only(alter(response(200), status(404)), answer(200))
    assert (refused.start_line, status(202)(told)) == ("SIP/2.0 404 Not Found", told)
    one_more = alter(NOTIFY, summary(lambda s: replace(s, waiting=False)))
    assert only(one_more, told).body.startswith(b"Messages-Waiting: no\r\n")
    assert only(one_more, notify(text=b"\t\t")).body == b"\t\t"
    raw = alter(
        NOTIFY, octets(lambda data: data.replace(b"Content-Length: ", b"Content-Length: 9"))
    )
    (sending,) = struck(raw, told)
    assert b"Content-Length: 9" in sending.octets
    assert told.body == TOLD


def test_deeds_follow_each_other_until_one_drops() -> None:
    both = alter(NOTIFY, body("yes", "no"), header("Event", "message-summary", "presence"))
    assert only(both, notify()).body.startswith(b"Messages-Waiting: no")
    assert struck(alter(NOTIFY, lambda _: None, body("yes", "no")), notify()) == []
    rules = [alter(NOTIFY, body("yes", "no")), delay(NOTIFY.where(body="no"), 2.0)]
    (sending,) = apply(rules, notify(), "handset")
    assert sending.delay_s == 2.0


def test_copies_delays_and_another_order() -> None:
    twice = struck(duplicate(NOTIFY, 2), notify())
    assert [s.delay_s for s in twice] == [0.0, 0.001, 0.002]
    assert len({s.octets for s in twice}) == 1
    assert [s.delay_s for s in struck(delay(NOTIFY, 1.5), notify())] == [1.5]
    swapped = reorder(NOTIFY)
    assert struck(swapped, notify(1)) == []
    assert struck(swapped, notify(1)) == []
    cseqs = [
        s.message.cseq.number for s in struck(swapped, notify(2)) if isinstance(s.message, Request)
    ]
    assert cseqs == [2, 1]


def test_how_often_a_rule_strikes() -> None:
    rule = drop(NOTIFY, skip=1, times=2)
    passed = [n for n in range(1, 6) if struck(rule, notify(n))]
    assert (passed, rule.hits) == ([1, 4, 5], 2)


def test_retransmissions_share_the_fate_of_their_message() -> None:
    rule = drop(NOTIFY, times=1)
    assert [struck(rule, notify(1)) for _ in range(3)] == [[], [], []]
    assert rule.hits == 1
    assert struck(rule, notify(2))
    lossy = drop(NOTIFY, times=2, each_transmission=True)
    assert [bool(struck(lossy, notify(1))) for _ in range(4)] == [False, False, True, True]


def test_a_share_is_chance_that_can_be_repeated() -> None:
    def kept() -> list[int]:
        rule = drop(NOTIFY, share=0.2, random=Random(7).random)
        return [n for n in range(200) if struck(rule, notify(n))]

    assert kept() == kept()
    assert 140 < len(kept()) < 180
    with pytest.raises(UsageError, match=r"random=Random\(7\)"):
        drop(NOTIFY, share=0.2)


def test_what_cannot_be_recognised_passes() -> None:
    odd = notify()
    odd.headers.remove("Via")
    assert len(struck(drop(NOTIFY), odd)) == 1


async def test_a_hook_sends_at_once_what_is_due_and_the_rest_beside_it() -> None:
    sent: list[tuple[bytes, Flow]] = []
    hook = on_platform(duplicate(NOTIFY))
    hook.send = lambda data, flow: sent.append((data, flow))
    told = notify()
    assert hook.outgoing(told.copy(), FLOW) == told
    assert sent == []
    await asyncio.sleep(0.02)
    assert sent == [(told.to_bytes(), FLOW)]
    late = on_handset(delay(request(), 0.005))
    late.send = hook.send
    assert late.outgoing(told.copy(), FLOW) is None
    await asyncio.sleep(0.03)
    assert len(sent) == 2


def test_a_direction_says_which_side_of_a_component_is_struck() -> None:
    deaf = on_handset(alter(NOTIFY.where(towards="handset"), body("yes", "no")))
    taken = deaf.incoming(notify(), FLOW)
    assert taken is not None
    assert taken.body.startswith(b"Messages-Waiting: no")
    assert deaf.outgoing(notify(), FLOW) == notify()
    mute = on_platform(drop(SUBSCRIBE.where(towards="platform")), drop(NOTIFY))
    assert mute.incoming(notify(), FLOW) == notify()
    assert mute.outgoing(notify(), FLOW) is None


def test_behaviour_is_given_by_the_name_of_its_method() -> None:
    dead = on_handset(lamp=lambda lamp, state, cause: LampState.OFF)
    assert dead.lamp("message", LampState.FAST, "notify") is LampState.OFF
    assert dead.message_key("900") == "900"
    assert on_platform(greeting=lambda kind: "greeting.busy").greeting("x") == "greeting.busy"
    for wrong in ("lmap", "outgoing", "rules"):
        with pytest.raises(UsageError, match=wrong):
            on_handset(**{wrong: print})


def test_the_network_passes_what_no_rule_means_untouched() -> None:
    path = on_network(drop(NOTIFY.where(towards="handset", headers={"To": "tag="})))
    told = notify().to_bytes()
    assert path(told, False) == told
    assert not path(told, True)
    assert path(b"\r\n\r\n", True) == b"\r\n\r\n"
    slow = on_network(delay(NOTIFY, 0.5))
    assert slow(told, True) == ((0.5, told),)


YEALINK = b"account.1.subscribe_mwi = 1\naccount.1.subscribe_mwi_to_vm = 0\n"
SNOM = b'<user_mailbox idx="1" perm="">anna</user_mailbox>\n<x>1</x>\n'
POLY = b'<a msg.mwi.1.subscribe="anna" msg.mwi.1.callBack="900"/>\n'
GRANDSTREAM = b'<item name="account.1.sip.subscribe.forMwi">Yes</item>\n'


@pytest.mark.parametrize(
    ("content", "key", "changed", "gone"),
    [
        (
            YEALINK,
            "account.1.subscribe_mwi",
            YEALINK.replace(b"mwi = 1", b"mwi = new"),
            YEALINK.partition(b"\n")[2],
        ),
        (SNOM, "user_mailbox", SNOM.replace(b"anna", b"new"), SNOM.partition(b"\n")[2]),
        (
            POLY,
            "msg.mwi.1.subscribe",
            POLY.replace(b"anna", b"new"),
            b'<a msg.mwi.1.callBack="900"/>\n',
        ),
        (
            GRANDSTREAM,
            "account.1.sip.subscribe.forMwi",
            GRANDSTREAM.replace(b"Yes", b"new"),
            b"",
        ),
    ],
)
def test_a_setting_is_found_in_every_vendors_syntax(
    content: bytes, key: str, changed: bytes, gone: bytes
) -> None:
    other = setting(key, "new")
    assert other("a.cfg", content) == changed
    assert other.hits == 1
    assert without_setting(key)("a.cfg", content) == gone
    absent = setting(key + "x", "new")
    assert absent("a.cfg", content) == content
    assert absent.hits == 0


def test_files_are_chosen_by_name_and_changes_follow_each_other() -> None:
    common = in_files(r"^(account.1.subscribe_mwi =).*", r"\1 0", name=r"^y0{8}")
    assert common("805ec0.cfg", YEALINK) == YEALINK
    assert common("y000000000000.cfg", YEALINK).startswith(b"account.1.subscribe_mwi = 0\n")
    both = together(common, without_setting("account.1.subscribe_mwi_to_vm"))
    assert both("y000000000000.cfg", YEALINK) == b"account.1.subscribe_mwi = 0\n"


def test_the_example_of_the_howto_does_what_it_says() -> None:
    page = Path(__file__).parents[3] / "docs" / "howto" / "compose_a_fault.md"
    names: dict[str, object] = {}
    code = page.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    exec(code, names)
    seed = names["seed"]
    assert isinstance(seed, Seed)
    assert seed.platform is not None
    sent = seed.platform.outgoing(notify(), FLOW)
    assert isinstance(sent, Request)
    assert sent.body == TOLD[:-2]

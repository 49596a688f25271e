"""Messages between agents and runs: what is right comes back, what is not is refused."""

from __future__ import annotations

import json

import pytest

from rig.agent import protocol as p
from rig.timeline import LampState

LAMP = p.LampData("lamp", "anna", "message", LampState.SLOW, "virtual", 0.01)
LAMP_DATA = json.loads(p.write(p.EVENT, p.Event("e", 1, 1.0, LAMP)))["data"]
SAMPLES = [
    (p.STATUS, p.Status("here", "r", "e", 1.5, 7, ("anna",), ("press",), 0)),
    (p.EVENT, p.Event("e", 1, 2.5, LAMP)),
    (p.EVENT, p.Event("e", 2, 2.5, p.FetchData("fetch", {"path": "/a", "status": 200}))),
    (p.EVENT, p.Event("e", 3, 2.5, p.CaptureData("capture", "eth0", {"INVITE": 2}, 0))),
    (p.ASK, p.AskClock("clock", "q")),
    (p.ASK, p.AskAgain("again", "e", 5, 9)),
    (p.ASK, p.AskReport("report")),
    (p.ASK, p.AskDo("do", "w", "r", "power", "anna")),
    (p.ANSWER, p.TellClock("clock", "q", "r", 3.25)),
    (p.ANSWER, p.TellLost("lost", "e", 9)),
    (p.ANSWER, p.TellDone("done", "w", "no")),
]


@pytest.mark.parametrize(("form", "message"), SAMPLES, ids=lambda each: type(each).__name__)
def test_every_message_comes_back(form, message) -> None:
    assert p.read(form, p.write(form, message)) == message


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"seq": "1"},
        {"at": -1.0},
        {"at": "now"},
        {"extra": 1},
        {"data": {"kind": "lamp"}},
        {"data": {"kind": "shell", "command": "rm"}},
        {"data": LAMP_DATA | {"state": "purple"}},
        {"epoch": "x" * 600},
    ],
)  # fmt: skip
def test_what_is_not_exactly_right_is_refused(change) -> None:
    right = json.loads(p.write(p.EVENT, p.Event("e", 1, 2.5, LAMP)))
    with pytest.raises(p.AgentMessageError):
        p.read(p.EVENT, json.dumps(right | change).encode())


@pytest.mark.parametrize("octets", [b"", b"null", b"[]", b"\xff\xfe", b"{", b"NaN", b"[" * 5000])
def test_noise_is_refused(octets: bytes) -> None:
    for form in (p.STATUS, p.EVENT, p.ASK, p.ANSWER):
        with pytest.raises(p.AgentMessageError):
            p.read(form, octets)


def test_what_is_too_long_is_refused_unread() -> None:
    with pytest.raises(p.AgentMessageError, match="65537 octets; expected up to 65536"):
        p.read(p.EVENT, b" " * 65537)


@pytest.mark.parametrize("verb", ["reboot", "shell", ""])
def test_there_are_two_verbs(verb: str) -> None:
    text = json.dumps({"ask": "do", "id": "1", "run": "r", "verb": verb, "handset": "a"})
    with pytest.raises(p.AgentMessageError):
        p.read(p.ASK, text.encode())


def test_topics() -> None:
    assert p.agent_of(p.topic("berlin-2", "event")) == ("berlin-2", "event")
    for name in ("phonerig/1/x", "phonerig/1/a/b/c", "other/1/a/event", "phonerig/1/A/event"):
        with pytest.raises(p.AgentMessageError):
            p.agent_of(name)

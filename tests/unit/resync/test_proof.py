"""Who has applied, who has not, and why: every link of the chain, and what nobody saw."""

from __future__ import annotations

import json

import pytest

from provisioning.profile_files import Resync
from rig.handset.emulated.resync_rule import Turn, turn_for
from rig.resync.bindings import Binding, is_new
from rig.resync.notify import event_for, resync_request
from rig.resync.proof import FetchSighting, Result, Seen, Wanted, prove
from rig.resync.sightings import FetchFile, Sightings
from rig.sip.parser import parse_message

FILE = "805ec01a2b01.cfg"
WANTED = Wanted((FILE,), reboot=False, subscribes=True)
GOT = (FetchSighting(1.0, FILE, 200),)
WHOLE = {
    "asked": True, "status": 200, "fetches": GOT, "served": {FILE: True}, "bound": True,
    "registered": True, "subscribed": True,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "result", "why"),
    [
        ({}, Result.APPLIED, "fetched, registered anew, subscribed"),
        (
            {"registered": False, "subscribed": False},
            Result.APPLIED,
            "fetched, stayed registered, kept its subscription",
        ),
        (
            {"fetches": (FetchSighting(1.0, FILE, 304),), "registered": False, "subscribed": None},
            Result.APPLIED,
            "has its files already, stayed registered",
        ),
        ({"asked": False}, Result.NOT_APPLIED, "not registered, so nobody"),
        ({"status": None, "fetches": ()}, Result.NOT_APPLIED, "did not answer the NOTIFY"),
        ({"status": None}, Result.APPLIED, "fetched"),  # it came all the same
        ({"status": 489, "fetches": ()}, Result.NOT_APPLIED, "489: it does not know the event"),
        ({"status": 603, "fetches": ()}, Result.NOT_APPLIED, "603: it refused"),
        ({"fetches": ()}, Result.NOT_APPLIED, "never fetched"),
        (
            {"fetches": (FetchSighting(1.0, FILE, 404),)},
            Result.NOT_APPLIED,
            f"it asked for {FILE} and got 404",
        ),
        (
            {"fetches": (FetchSighting(1.0, "y000000000108.cfg", 200),)},
            Result.NOT_APPLIED,
            "none of its own files came",
        ),
        ({"served": {FILE: False}}, Result.NOT_APPLIED, "still gives out an old content"),
        ({"bound": False}, Result.NOT_APPLIED, "it fetched, but is not registered any more"),
        ({"subscribed": False}, Result.NOT_APPLIED, "did not subscribe"),
        ({"fetches": None}, Result.UNKNOWN, "nobody has seen its fetches"),
        ({"bound": None, "registered": None}, Result.UNKNOWN, "nobody has seen its registration"),
        ({"fetches": None, "bound": False}, Result.NOT_APPLIED, "it was asked, but is not"),
    ],
)
def test_the_first_missing_link_is_the_reason(change, result, why) -> None:
    proof = prove(WANTED, Seen(**(WHOLE | change)))
    assert proof.result is result
    assert why in proof.why


def test_a_reboot_wants_a_new_registration() -> None:
    seen = Seen(**(WHOLE | {"registered": False}))
    assert prove(WANTED, seen).result is Result.APPLIED
    wanted = Wanted((FILE,), reboot=True, subscribes=True)
    assert "no restart" in prove(wanted, seen).why


GRANDSTREAM = Resync("sip_notify", "check-sync", "check-sync;reboot=true", ("resync",))
YEALINK = Resync("sip_notify", "check-sync;reboot=false", "check-sync;reboot=true")
POLY = Resync("sip_notify", "check-sync", "check-sync")
SPA = Resync("sip_notify", "resync", "reboot_now", ("check-sync", "reboot=true"))
CISCO = Resync(
    "sip_notify", "service-control", "service-control",
    body="action=check-version\n", reboot_body="action=restart\n",
)  # fmt: skip


@pytest.mark.parametrize(
    ("resync", "event", "body", "turn"),
    [
        (YEALINK, "check-sync;reboot=false", b"", Turn.FETCH),
        (YEALINK, "check-sync; reboot=TRUE", b"", Turn.RESTART),
        (YEALINK, "check-sync", b"", Turn.FETCH),
        (YEALINK, "resync", b"", None),
        (POLY, "check-sync", b"", Turn.RESTART),
        (GRANDSTREAM, "check-sync", b"", Turn.FETCH),
        (GRANDSTREAM, "resync", b"", Turn.FETCH),
        (GRANDSTREAM, "Resync", b"", None),  # a token is case-sensitive
        (SPA, "reboot_now", b"", Turn.RESTART),
        (SPA, "reboot=true", b"", Turn.RESTART),
        (SPA, "resync", b"", Turn.FETCH),
        (SPA, "report", b"", None),
        (CISCO, "service-control", b"action=check-version\r\n", Turn.FETCH),
        (CISCO, "service-control", b"action=restart\r\nRegisterCallId={x}\r\n", Turn.RESTART),
        (CISCO, "service-control", b"", None),
    ],
)
def test_what_a_handset_does_with_an_event(resync, event, body, turn) -> None:
    assert turn_for(resync, event, body) is turn


def test_the_event_and_body_that_are_sent() -> None:
    assert event_for(GRANDSTREAM, reboot=False) == "check-sync"
    assert event_for(GRANDSTREAM, reboot=True) == "check-sync;reboot=true"
    assert event_for(GRANDSTREAM, reboot=False, other=1) == "resync"
    assert event_for(POLY, reboot=False, other=1) == "check-sync"
    request = resync_request("sip:a@192.0.2.1", "service-control", CISCO, ("192.0.2.9", 5060))
    assert request.body == b"action=check-version\r\n"
    assert request.headers.get("Content-Type") == "text/plain"
    restart = resync_request("sip:a@h", "x", CISCO, ("192.0.2.9", 5060), reboot=True)
    assert restart.body == b"action=restart\r\n"
    assert "Content-Type" not in resync_request("sip:a@h", "x", POLY, ("h", 1)).headers


def test_a_binding_is_new_by_its_contact_or_its_end() -> None:
    before = [Binding("sip:a@h", 100.0)]
    assert not is_new(before, [Binding("sip:a@h", 101.0)])
    assert is_new(before, [Binding("sip:a@h", 103.0)])
    assert is_new(before, [Binding("sip:a@h:5062", 50.0)])
    assert not is_new(before, [])


def response(method: str, *headers: str, status: int = 200) -> bytes:
    lines = [
        f"SIP/2.0 {status} x", "Via: SIP/2.0/UDP h;branch=z9hG4bK1",
        "From: <sip:anna@b.example>;tag=1", "To: <sip:anna@b.example>;tag=2",
        "Call-ID: c", f"CSeq: 1 {method}", *headers,
        "Content-Length: 0", "", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("message", "registered", "subscribed"),
    [
        (response("REGISTER", "Contact: <sip:anna@h>;expires=60"), True, False),
        (response("REGISTER"), False, False),  # it has left
        (response("REGISTER", "Contact: <sip:anna@h>", status=403), False, False),
        (response("SUBSCRIBE", "Expires: 3600"), False, True),
        (response("SUBSCRIBE", "Expires: 0"), False, False),
        (response("SUBSCRIBE", status=489), False, False),
    ],
)
def test_only_what_was_accepted_counts(message, registered, subscribed) -> None:
    sightings = Sightings({}, {"sip:anna@b.example": "desk"}, sip_watched=True)
    sightings.heard(5.0, parse_message(message))
    assert sightings.registered_since("desk", 4.0) is registered
    assert sightings.subscribed_since("desk", 4.0) is subscribed
    assert sightings.registered_since("desk", 6.0) is False


def test_fetches_are_read_from_a_file_that_grows(tmp_path) -> None:
    path = tmp_path / "fetches.jsonl"
    path.write_text('{"event": "serving"}\n')
    told = []
    follow = FetchFile(path, told.append)
    sightings = Sightings({"sub/a.cfg": "desk"}, {}, fetches_watched=True)
    line = (
        '{"event": "fetch", "at": 5.0, "path": "/cfg/sub/a.cfg?x=1", "handset": "", "status": 200}'
    )
    with path.open("a") as out:
        out.write(line[:40])
        out.flush()
        follow.read_into(sightings)
        assert sightings.fetches_of("desk", 0.0) == ()
        out.write(line[40:] + "\n")
    follow.read_into(sightings)
    assert sightings.fetches_of("desk", 0.0) == (FetchSighting(5.0, "sub/a.cfg", 200),)
    assert sightings.fetches_of("desk", 6.0) == ()
    assert told == []
    follow.close()


BAD = {
    "no JSON": "no json",
    "no object": "[1]",
    "half a line": '{"event": "fetch", "at": 5.0, "pa',
    "no path": '{"event": "fetch", "at": 5.0, "handset": "", "status": 200}',
    "an instant too large": f'{{"event": "fetch", "at": 1{"0" * 400}, "handset": ""}}',
    "a bottomless list": "[" * 50_000,
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_told_and_may_have_been_a_fetch(tmp_path, bad) -> None:
    path, told = tmp_path / "fetches.jsonl", []
    path.touch()
    follow = FetchFile(path, told.append)
    sightings = Sightings({"a.cfg": "desk", "b.cfg": "lobby"}, {}, fetches_watched=True)

    def line(name, status, handset=""):
        said = {"event": "fetch", "at": 5.0, "path": name, "handset": handset, "status": status}
        return json.dumps(said) + "\n"

    lost = line("none", 404, "lobby") + line("shared", 200, "lobby") + line("b.cfg", 404)
    path.write_text(f"{line('a.cfg', 404)}{bad}\n{line('a.cfg', 200)}{lost}")
    follow.read_into(sightings)
    follow.close()
    assert len(told) == 1
    assert told[0].startswith(f"--fetches {path}: passed over ")
    assert sightings.fetches_of("desk", 0.0) == (FetchSighting(5.0, "a.cfg", 200),)
    assert sightings.fetches_of("lobby", 0.0) is None, "its own file may have come"
    assert sightings.fetches_of("nobody", 0.0) is None

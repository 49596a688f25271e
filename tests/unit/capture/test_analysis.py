"""What ``phonerig capture analyze`` tells of a file: waiting, calls, broken rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from frame_kit import A, B, answer, packet, rtp, sip

from rig.capture.analysis import CaptureAnalysis, analyse_capture
from rig.capture.export import export_packets
from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import Frame, read_frames, write_pcapng
from rig.capture.recorder import PacketRecorder

MWI = (
    "Event: message-summary\r\nSubscription-State: active;expires=60\r\n"
    "Contact: <sip:vm@192.0.2.1>\r\nContent-Type: application/simple-message-summary\r\n"
)


def notify(nth: int, body: bytes) -> bytes:
    return sip("NOTIFY", nth, headers=MWI, body=body).replace(
        b"To: <sip:anna@b.example>", b"To: <sip:anna@b.example>;tag=2"
    )


def analysed(tmp_path: Path, *packets: CapturedPacket) -> CaptureAnalysis:
    recorder, path = PacketRecorder(), tmp_path / "run.pcapng"
    for each in packets:
        recorder.add(each)
    export_packets(path, recorder.packets)
    return analyse_capture(path)


def test_message_waiting_is_listed_with_its_answer(tmp_path: Path) -> None:
    full = b"Messages-Waiting: yes\r\nVoice-Message: 3/2 (0/0)\r\n"
    result = analysed(
        tmp_path,
        packet(notify(1, full), 1.0),
        packet(answer(200, "NOTIFY", 1), 1.1, source=B, destination=A),
        packet(notify(2, b""), 2.0),
        packet(notify(3, b"Messages-Waiting: no\r\n"), 3.0),
        packet(answer(481, "NOTIFY", 3), 3.1, source=B, destination=A),
    )
    assert [(m.packet, m.account, m.waiting, m.counts, m.answer) for m in result.mwi] == [
        (1, "anna", True, "3/2", 200),
        (3, "anna", None, "", None),
        (4, "anna", False, "", 481),
    ]
    assert result.mwi[0].state == "active;expires=60"
    assert (result.methods["NOTIFY"], result.statuses[481]) == (3, 1)
    assert result.findings == []


def test_a_body_that_breaks_the_rules_is_a_finding_with_packet_and_clause(tmp_path: Path) -> None:
    result = analysed(tmp_path, packet(notify(1, b"Voice-Message: three/2\r\n"), 1.0))
    assert result.mwi[0].waiting is None
    assert result.findings
    assert {f.packet for f in result.findings} == {1}
    assert any("RFC 3842" in f.clause for f in result.findings)


def test_subscriptions_are_listed(tmp_path: Path) -> None:
    headers = "Event: message-summary\r\nExpires: 3600\r\nContact: <sip:anna@192.0.2.1>\r\n"
    result = analysed(
        tmp_path,
        packet(sip("SUBSCRIBE", 1, headers=headers), 1.0),
        packet(answer(489, "SUBSCRIBE", 1), 1.1, source=B, destination=A),
    )
    (line,) = result.subscribes
    assert (line.account, line.expires_s, line.answer) == ("anna", 3600, 489)


def test_calls_are_listed_with_what_they_say_of_their_diversion(tmp_path: Path) -> None:
    headers = (
        "Contact: <sip:emil@192.0.2.1>\r\n"
        "Diversion: <sip:101@b.example>;reason=user-busy;counter=1\r\n"
        "History-Info: <sip:101@b.example>;index=1\r\n"
        "History-Info: <sip:vm@b.example;cause=486>;index=1.1\r\n"
    )
    result = analysed(
        tmp_path,
        packet(sip("INVITE", 1, headers=headers), 1.0),
        packet(answer(180, "INVITE", 1), 1.1, source=B, destination=A),
        packet(answer(486, "INVITE", 1), 1.2, source=B, destination=A),
    )
    (call,) = result.calls
    assert (call.caller, call.target, call.answer) == ("emil", "sip:anna@b.example", 486)
    assert len(call.diversion) == 1
    assert "user-busy" in call.diversion[0]
    assert call.history == ("1 101", "1.1 vm;cause=486")


def test_retransmissions_are_counted_and_judged_once(tmp_path: Path) -> None:
    bad = sip("INVITE", 1).replace(b"Max-Forwards: 70\r\n", b"")
    result = analysed(tmp_path, *(packet(bad, at) for at in (1.0, 1.5, 2.5)))
    assert (result.messages, result.retransmissions, result.sightings) == (3, 2, 3)
    assert sum("Max-Forwards" in f.text for f in result.findings) == 1
    assert len(result.calls) == 1


def test_streams_and_other_packets_are_told_apart(tmp_path: Path) -> None:
    here, there = ("192.0.2.1", 4000), ("192.0.2.2", 4002)
    result = analysed(
        tmp_path,
        *(packet(rtp(n), 1 + n / 50, source=here, destination=there) for n in range(5)),
        packet(b"garbage", 2.0),
    )
    assert [s.packets for s in result.streams] == [5]
    assert [f.text for f in result.findings] == ["not a SIP message, on a port that speaks SIP"]
    assert result.messages == 0


def test_what_the_capture_cut_is_counted_and_blamed_on_nobody(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    export_packets(path, [packet(notify(1, b"Messages-Waiting: yes\r\n"), 1.0, number=1)])
    (whole,) = read_frames(path)
    write_pcapng(path, ["wire"], [Frame(1.0, 101, whole.data[:-9], whole.length, 0, 1)])
    result = analyse_capture(path)
    assert (result.truncated, result.cut, result.messages, result.findings) == (1, 1, 0, [])


@pytest.mark.parametrize("user", ["", "anna"])
def test_an_address_without_user_part_is_no_crash(tmp_path: Path, user: str) -> None:
    text = notify(1, b"Messages-Waiting: yes\r\n")
    if not user:
        text = text.replace(b"<sip:anna@b.example>;tag=2", b"<sip:b.example>;tag=2")
    assert [m.account for m in analysed(tmp_path, packet(text)).mwi] == [user]

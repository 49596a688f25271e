"""What ``phonerig capture analyze`` tells of a file: waiting, calls, broken rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from frame_kit import A, B, answer, frame, ip4, packet, rtp, sip, tcp, udp

from rig.capture.analysis import CaptureAnalysis, Limits, analyse_capture
from rig.capture.capture_file import read_frames
from rig.capture.export import export_packets
from rig.capture.frame import Frame
from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import write_pcapng
from rig.capture.recorder import PacketRecorder
from rig.verdict.oracles.finding import Severity

MWI = (
    "Event: message-summary\r\nSubscription-State: active;expires=60\r\n"
    "Contact: <sip:vm@192.0.2.1>\r\nContent-Type: application/simple-message-summary\r\n"
)


def told(status: int, nth: int) -> bytes:
    return answer(status, "NOTIFY", nth).replace(b"anna@b.example>", b"anna@b.example>;tag=2")


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
        packet(told(200, 1), 1.1, source=B, destination=A),
        packet(notify(2, b""), 2.0),
        packet(notify(3, b"Messages-Waiting: no\r\n"), 3.0),
        packet(told(481, 3), 3.1, source=B, destination=A),
    )
    assert [(m.packet, m.account, m.waiting, m.counts, m.answer) for m in result.mwi] == [
        (1, "anna", True, "3/2", 200),
        (3, "anna", None, "", None),
        (4, "anna", False, "", 481),
    ]
    assert result.mwi[0].state == "active;expires=60"
    assert (result.methods["NOTIFY"], result.statuses[481]) == (3, 1)
    assert not [f for f in result.findings if f.severity is Severity.FAULT and f.certain]


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
    (finding,) = result.findings
    assert "not a SIP message, on a port that speaks SIP" in finding.text
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


def test_what_an_account_was_told_is_a_history_of_changes(tmp_path: Path) -> None:
    bodies = [b"yes 1/0", b"yes 1/0", b"yes 2/0", b"no 0/2"]
    texts = [b"Messages-Waiting: %s\r\nVoice-Message: %s\r\n" % tuple(b.split()) for b in bodies]
    result = analysed(tmp_path, *(packet(notify(n, t), float(n)) for n, t in enumerate(texts)))
    (account,) = result.accounts
    assert (account.account, account.notifies) == ("anna", 4)
    assert [(c.packet, c.waiting, c.counts) for c in account.changes] == [
        (1, True, "1/0"), (3, True, "2/0"), (4, False, "0/2")
    ]  # fmt: skip


def test_a_subscription_tells_what_was_granted_and_how_often_it_was_served(tmp_path: Path) -> None:
    headers = "Event: message-summary\r\nExpires: 3600\r\nContact: <sip:anna@192.0.2.1>\r\n"
    granted = answer(200, "SUBSCRIBE", 1).replace(b"Max-", b"Expires: 600\r\nMax-")
    told = notify(2, b"Messages-Waiting: no\r\n").replace(b"NOTIFY-2", b"SUBSCRIBE-1")
    result = analysed(
        tmp_path,
        packet(sip("SUBSCRIBE", 1, headers=headers), 1.0),
        packet(granted, 1.1, source=B, destination=A),
        packet(told, 1.2, source=B, destination=A),
    )
    (line,) = result.subscribes
    assert (line.expires_s, line.granted_s, line.notifies, line.answer) == (3600, 600, 1, 200)


def test_a_redirected_call_tells_where_to(tmp_path: Path) -> None:
    moved = answer(302, "INVITE", 1).replace(
        b"Max-", b"Contact: <sip:102@b.example>, <sip:103@b.example>\r\nMax-"
    )
    result = analysed(
        tmp_path, packet(sip("INVITE", 1), 1.0), packet(moved, 1.1, source=B, destination=A)
    )
    assert result.calls[0].moved_to == ("sip:102@b.example", "sip:103@b.example")


def test_the_same_fault_in_many_packets_is_one_finding(tmp_path: Path) -> None:
    bad = [sip("INVITE", n).replace(b"Max-Forwards: 70\r\n", b"") for n in range(30)]
    result = analysed(tmp_path, *(packet(text, float(n)) for n, text in enumerate(bad)))
    (finding,) = (f for f in result.findings if "Max-Forwards" in f.text)
    assert (finding.packet, finding.count) == (1, 30)
    assert finding.where == "packet 1 (30 times)"


def test_a_response_between_two_proxies_is_no_fault(tmp_path: Path) -> None:
    via = b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nFrom"
    findings = analysed(tmp_path, packet(answer().replace(b"From", via, 1))).findings
    assert {finding.severity for finding in findings} <= {Severity.NOTE}


def test_tables_are_bounded_and_say_what_they_left_out(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    texts = [notify(n, b"Messages-Waiting: no\r\n") for n in range(20)]
    export_packets(path, [packet(t, float(n), number=n) for n, t in enumerate(texts)])
    result = analyse_capture(path, limits=Limits(rows=5, events=8))
    assert (len(result.mwi), len(result.events), result.messages) == (5, 8, 20)
    assert result.left_out == {"mwi": 15, "events": 12}
    assert result.accounts[0].notifies == 20


def test_damage_in_the_middle_leaves_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    export_packets(path, [packet(sip(nth=n), float(n), number=n) for n in range(5)])
    data = path.read_bytes()
    path.write_bytes(data[:-4] + b"\xff" * 4)
    result = analyse_capture(path)
    assert result.messages == 4
    assert "the file is damaged; read up to there" in result.notes[0]
    path.write_bytes(data[:-30])
    result = analyse_capture(path)
    assert result.messages == 4
    assert "cut off" in result.notes[0]


def test_holes_cuts_and_torn_datagrams_are_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    frames = [
        frame(ip4(tcp(sip(transport="TCP"), 1), 6), link=101, number=1),
        frame(ip4(tcp(sip(nth=2, transport="TCP"), 5000), 6), link=101, number=2),
        frame(ip4(udp(sip())[:200], more=True), link=101, number=3),
        frame(ip4(udp(sip()))[:-5], link=101, number=4, cut=5),
    ]
    write_pcapng(path, ["wire"], frames)
    result = analyse_capture(path)
    assert (result.gap_count, result.torn_datagrams, result.cut) == (1, 1, 1)
    notes = " ".join(result.notes)
    for words in ("1 holes in TCP streams", "packet 2", "1 IP datagrams lack", "cut short", "cut"):
        assert words in notes


def test_fetches_streams_and_messages_stand_on_one_timeline(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    phone, server = ("192.0.2.7", 41_000), ("192.0.2.9", 69)
    packets = [
        packet(b"\0\x01a.cfg\0octet\0", 1.0, source=phone, destination=server),
        packet(b"\0\3\0\1PLANTED", 1.1, source=(server[0], 50_000), destination=phone),
        packet(b"\0\4\0\1", 1.2, source=phone, destination=(server[0], 50_000)),
        packet(sip(), 2.0),
        *(packet(rtp(n), 3 + n / 50, source=("192.0.2.1", 4000)) for n in (1, 2, 4, 4, 5)),
    ]
    export_packets(path, [replace(p, number=n) for n, p in enumerate(packets, start=1)])
    result = analyse_capture(path)
    assert [type(e).__name__ for e in result.events] == ["FetchSeen", "SipSeen", "RtpStreamSeen"]
    assert [(f.path, f.status, f.octets) for f in result.fetches] == [("a.cfg", 200, 7)]
    assert [(s.packets, s.lost) for s in result.streams] == [(4, 1)]
    assert "PLANTED" not in repr(result)

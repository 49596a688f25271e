"""Builds run records with every outcome, secrets and hostile texts in every place."""

from __future__ import annotations

from rig.capture.correlate import Correlator
from rig.capture.packet import CapturedPacket
from rig.report.record import RunRecord, ScenarioRecord, scenario_record
from rig.timeline import (
    ActionDone,
    Address,
    CaptureHealth,
    FetchSeen,
    LampSeen,
    LampState,
    MailboxSeen,
    RtpStreamSeen,
    Tap,
    Timeline,
    TimelineEvent,
)
from rig.verdict.evidence import Addresses, ConfigDifference, Evidence, HandsetFacts
from rig.verdict.fault_class import Component
from rig.verdict.finding import Finding, Proof, ProofKind, RigFault, Verdict
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.outcome import Outcome
from rig.verdict.rule_table import rule_table
from rig.verdict.said import said

START = 1_795_345_729.0
PHONE: Address = ("127.83.12.10", 5060)
CALLER: Address = ("127.83.12.15", 5060)
PLATFORM: Address = ("127.83.12.1", 5060)
MAILBOX: Address = ("127.83.12.1", 5062)
RELAY: Address = ("127.83.12.3", 40_000)
HOSTILE = "<script>alert('x')</script>&\"<img src=x onerror=y>"
PIN = "PIN4711"

NAMES = {
    "127.83.12.1:5060": "platform",
    "127.83.12.1:5062": "mailbox",
    "127.83.12.10": "anna",
    "127.83.12.15": "emil",
    "127.83.12.1": "mailbox",
    "127.83.12.3": "network",
}


def sip(first: str, nth: int, *, headers: str = "", body: str = "", method: str = "") -> bytes:
    method = method or first.partition(" ")[0]
    return (
        f"{first}\r\nVia: SIP/2.0/UDP 127.83.12.1;branch=z9hG4bK{method}{nth}\r\n"
        f'From: "{HOSTILE.replace(chr(34), "")}" <sip:emil@b.example>;tag=1\r\n'
        f"To: <sip:anna@b.example>;tag=2\r\nCall-ID: c{nth}\r\nCSeq: {nth} {method}\r\n"
        f"Max-Forwards: 70\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def notify(nth: int, waiting: str = "yes", counts: str = "1/0") -> bytes:
    return sip(
        "NOTIFY sip:anna@127.83.12.10 SIP/2.0",
        nth,
        headers="Event: message-summary\r\nSubscription-State: active;expires=60\r\n"
        "Content-Type: application/simple-message-summary\r\n",
        body=f"Messages-Waiting: {waiting}\r\nVoice-Message: {counts} (0/0)\r\n",
    )


class Story:
    """Packets and events of one scenario; instants are seconds from its start."""

    def __init__(self) -> None:
        self.packets: list[CapturedPacket] = []
        self.events: list[TimelineEvent] = []

    def send(self, at: float, source: Address, destination: Address, payload: bytes, *,
             taps: tuple[tuple[Tap, bool | None], ...] = ((Tap.WIRE, None),)) -> None:  # fmt: skip
        for tap, outbound in taps:
            self.packets.append(
                CapturedPacket(START + at, tap, "UDP", source, destination, payload,
                               len(self.packets) + 1, outbound)
            )  # fmt: skip

    def evidence(self, duration_s: float = 10.0) -> Evidence:
        correlator = Correlator()
        correlator.feed_all(self.packets)
        timeline = Timeline(list(self.events))
        timeline.merge(*correlator.events())
        facts = HandsetFacts(
            name="anna",
            sip_addresses=Addresses((PHONE,)),
            intent=None,  # type: ignore[arg-type]  # reports do not look at it
            differences=(
                ConfigDifference("accounts[1].mwi.mode", "subscribe", "off", "0015.cfg", 31,
                                 "mwi.subscribe"),
                ConfigDifference("accounts[1].password", "PLANTEDa", "PLANTEDb", "0015.cfg", 9),
            ),
        )  # fmt: skip
        return Evidence(
            timeline=timeline,
            started_at=START,
            ended_at=START + duration_s,
            handsets={"anna": facts},
            platform_addresses=frozenset({PLATFORM}),
            voicemail_addresses=frozenset({MAILBOX}),
            taps=frozenset({Tap.WIRE}),
        )


def story() -> Story:
    """A call to a busy phone, a deposit, a NOTIFY, the lamp; with everything reports show."""
    told = Story()
    told.send(0.001, CALLER, PLATFORM, sip("INVITE sip:101@b.example SIP/2.0", 1, headers=(
        'Authorization: Digest username="emil", nonce="n", response="PLANTEDresponse", '
        'cnonce="PLANTEDcnonce"\r\n')))  # fmt: skip
    told.send(0.002, PLATFORM, PHONE, sip("INVITE sip:anna@127.83.12.10 SIP/2.0", 2))
    told.send(0.003, PHONE, PLATFORM, sip(f"SIP/2.0 486 {HOSTILE}", 2, method="INVITE"))
    told.send(0.004, PLATFORM, MAILBOX, sip("INVITE sip:vm@127.83.12.1 SIP/2.0", 3, headers=(
        "Diversion: <sip:101@b.example>;reason=user-busy;counter=1\r\n")))  # fmt: skip
    told.send(2.0, PLATFORM, PHONE, b"rubbish <b>" + HOSTILE.encode())
    told.send(5.0, PLATFORM, PHONE, notify(4))
    told.send(5.001, PHONE, PLATFORM, sip("SIP/2.0 200 OK", 4, method="NOTIFY"))
    told.send(6.0, PLATFORM, PHONE, notify(5, "no", "0/1"))
    told.send(6.5, PLATFORM, PHONE, notify(5, "no", "0/1"))
    told.events += [
        LampSeen(at=START - 1, handset="anna", lamp="message", state=LampState.OFF),
        ActionDone(at=START, actor="emil", what=f"dials 101 {HOSTILE}"),
        RtpStreamSeen(at=START + 0.01, ended_at=START + 2.5, source=(MAILBOX[0], 7000),
                      destination=(CALLER[0], 8000), ssrc=1, payload_type=0, packets=125, lost=1,
                      prompts=("greeting.busy", "beep"), digits=PIN),
        MailboxSeen(at=START + 4.999, mailbox="101", new=1, saved=0, cause="deposit"),
        LampSeen(at=START + 5.01, handset="anna", lamp="message", state=LampState.SLOW),
        LampSeen(at=START + 5.02, handset="anna", lamp="account:1", state=LampState.STEADY),
        LampSeen(at=START + 6.01, handset="anna", lamp="message", state=LampState.OFF),
        FetchSeen(at=START + 7, transport="http", client=(PHONE[0], 51000),
                  path=f"/0015{HOSTILE}.cfg", handset="anna", status=200, octets=99,
                  duration_s=0.01, user_agent=HOSTILE),
        CaptureHealth(at=START + 8, tap=Tap.WIRE, packets=9, dropped=0, running=True),
    ]  # fmt: skip
    return told


def measured(value: float | None = 0.01) -> Measurement:
    return Measurement("lamp_on_latency_s[anna.message]", value, "s", Limit("<=", 2.0, HOSTILE),
                       where="packet 6", note=HOSTILE)  # fmt: skip


def finding(packet: int = 6) -> Finding:
    table = rule_table("mwi")
    return Finding(
        row=next(rule for rule in table.rules if rule.id == "count_wrong"),
        table=table,
        component=Component.PLATFORM,
        facts={"handset": "anna", "said": f"the count is wrong {HOSTILE}", "held": HOSTILE},
        proofs=(
            Proof(ProofKind.PACKET, said("packet_number", number=packet),
                  'response="PLANTEDproof"', START + 5, packet),
            Proof(ProofKind.FILE, "0015.cfg:31", HOSTILE),
            Proof(ProofKind.PACKET, said("packet_number", number=packet),
                  "Messages-Waiting: yes, Voice-Message: 1/0", START + 5, packet),
        ),
        handset="anna",
        certain=False,
    )  # fmt: skip


VERDICTS = {
    "passing": Verdict(measurements=[measured()]),
    "failing": Verdict(measurements=[measured(3.0)], findings=[finding()]),
    "broken": Verdict(
        rig_faults=[RigFault(Outcome.ERROR, said("rig_capture_stopped", tap="wire", why=HOSTILE))]
    ),
    "undecided": Verdict(measurements=[measured(None)]),
}


def scenario(name: str, told: Story | None = None) -> ScenarioRecord:
    evidence = (told or story()).evidence()
    title = f"The scenario {name} {HOSTILE}"
    return scenario_record(name, title, ("R1", "R2"), evidence, VERDICTS[name], NAMES)


def run_record() -> RunRecord:
    """Every outcome once."""
    skipped = ScenarioRecord(
        "skipped", "Needs a lamp", ("R3",), Outcome.SKIPPED, "no lamp sensor", START, 0.0
    )
    first = scenario("passing")
    return RunRecord(
        title="Run",
        site=HOSTILE,
        capture="interface lo",
        started_at=START,
        duration_s=12.5,
        version="1.2.3",
        environment={"handsets": "emulated"},
        handsets=[
            {"name": "anna", "model": "T46U", "driver": "emulated", "address": PHONE[0],
             "maturity": "documented"}
        ],
        fetches=[e for e in first.events if e["kind"] == "fetch"],
        losses=[{"handset": "anna", "field": "lamp", "wanted": "slow", "got": "fast",
                 "reason": HOSTILE}],
        scenarios=[first, *(scenario(n) for n in ("failing", "broken", "undecided")), skipped],
    )  # fmt: skip

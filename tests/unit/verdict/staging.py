"""Stages evidence for verdict tests: a healthy story on the wire that each test then spoils.

Everything goes through the real correlator as packets, so that the verdicts see just what a
capture would give them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from provisioning.address import Mac
from provisioning.intent import (
    AccountIntent,
    HandsetIntent,
    LampPolicyIntent,
    LocaleIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
    SipTransport,
)
from provisioning.secret import Secret
from rig.capture.correlate import Correlator
from rig.capture.packet import CapturedPacket
from rig.timeline import (
    Address,
    CaptureHealth,
    LampSeen,
    LampState,
    MailboxSeen,
    Tap,
    Timeline,
    TimelineEvent,
)
from rig.verdict.evidence import Addresses, Evidence, Expectation, HandsetFacts, LampExpectation
from rig.verdict.finding import Verdict
from rig.verdict.judge import judge

PLATFORM: Address = ("127.1.1.1", 5060)
VOICEMAIL: Address = ("127.1.1.1", 5062)
PHONE: Address = ("127.1.1.10", 5060)
CALLER: Address = ("127.1.1.11", 5060)
BOX = "+493023125101"
CONTACT = f"Contact: <sip:anna@{PHONE[0]}:{PHONE[1]}>\n"
NOTIFY_HEAD = (
    "Event: message-summary\nSubscription-State: active;expires=3600\n"
    "Content-Type: application/simple-message-summary\n"
)


def intent(
    name: str = "anna", user: str = "anna", mode: MwiMode = MwiMode.SUBSCRIBE
) -> HandsetIntent:
    account = AccountIntent(
        index=1,
        label=name,
        display_name=name,
        user=user,
        auth_user=user,
        password=Secret("x"),
        domain="beispiel.example",
        registrar_host=PLATFORM[0],
        registrar_port=PLATFORM[1],
        transport=SipTransport.UDP,
        register_expires_s=3600,
        voicemail_number="+493023125900",
        mwi=MwiIntent(mode),
    )
    return HandsetIntent(
        name=name,
        mac=Mac.parse("00:15:65:00:00:01"),
        model="T46U",
        accounts=(account,),
        line_keys=(),
        lamp=LampPolicyIntent(),
        locale=LocaleIntent(),
        provisioning=ProvisioningIntent("http://127.1.1.2"),
        admin_password=Secret("y"),
    )


@dataclass
class Stage:
    """A story under construction; instants are seconds from its start.

    The wire is one tap unless ``taps`` says otherwise.
    """

    packets: list[CapturedPacket] = field(default_factory=list)
    events: list[TimelineEvent] = field(default_factory=list)
    expectations: list[Expectation] = field(default_factory=list)
    facts: HandsetFacts = field(
        default_factory=lambda: HandsetFacts(
            name="anna",
            sip_addresses=Addresses((PHONE,)),
            intent=intent(),
            applied=intent(),
            files=("001565000001.cfg",),
            mailboxes={1: BOX},
        )
    )
    caller: HandsetFacts = field(
        default_factory=lambda: HandsetFacts(
            name="emil",
            sip_addresses=Addresses((CALLER,)),
            intent=intent("emil", "emil"),
            mailboxes={},
        )
    )
    others: dict[str, HandsetFacts] = field(default_factory=dict)
    end: float = 10.0
    healthy_capture: bool = True
    cseq: int = 0

    def send(
        self, at: float, source: Address, destination: Address, text: str, body: str = ""
    ) -> None:
        """Put one UDP datagram on the wire."""
        head = text.strip("\n").replace("\n", "\r\n")
        data = f"{head}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode()
        self.packets.append(
            CapturedPacket(
                at=at,
                tap=Tap.WIRE,
                transport="UDP",
                source=source,
                destination=destination,
                payload=data,
                number=len(self.packets) + 1,
            )
        )

    def transaction(
        self,
        at: float,
        method: str,
        source: Address,
        destination: Address,
        *,
        user: str = "anna",
        status: int | None = 200,
        headers: str = "",
        body: str = "",
        call_id: str = "",
        uri: str = "",
        to_tag: str = "",
        transmissions: int = 1,
        answer_headers: str = "",
    ) -> None:
        """A request, as often as it is transmitted, and its final response."""
        self.cseq += 1
        common = (
            f"Via: SIP/2.0/UDP {source[0]}:{source[1]};branch=z9hG4bK{method}{self.cseq}\n"
            f"From: <sip:{user}@beispiel.example>;tag=f{method}\n"
            f"To: <sip:{user}@beispiel.example>{f';tag={to_tag}' if to_tag else ''}\n"
            f"Call-ID: {call_id or method}\n"
            f"CSeq: {self.cseq} {method}\n"
        )
        target = uri or f"sip:{user}@{destination[0]}:{destination[1]}"
        for nth in range(transmissions):
            self.send(
                at + 0.5 * nth,
                source,
                destination,
                f"{method} {target} SIP/2.0\n{common}Max-Forwards: 70\n{headers}".rstrip("\n"),
                body,
            )
        if status is not None:
            self.send(
                at + 0.001,
                destination,
                source,
                f"SIP/2.0 {status} X\n{common}{answer_headers}".rstrip("\n"),
            )

    def register(self, at: float = 0.0) -> None:
        self.transaction(at, "REGISTER", PHONE, PLATFORM, headers=CONTACT)

    def subscribe(
        self,
        at: float = 0.1,
        status: int | None = 200,
        *,
        relay: Address | None = None,
        to: Address = PLATFORM,
        call_id: str = "sub",
        expires_s: int = 3600,
    ) -> None:
        """The phone subscribes; through a relay its request is seen on both sides of it."""
        self.transaction(
            at,
            "SUBSCRIBE",
            PHONE,
            to,
            status=status,
            call_id=call_id,
            headers=f"{CONTACT}Event: message-summary\nExpires: {expires_s}\n",
            answer_headers=f"Expires: {expires_s}\n",
        )
        if relay is not None:
            asked = next(p for p in reversed(self.packets) if b"SUBSCRIBE sip" in p.payload)
            self.packets.append(replace(asked, at=asked.at + 1e-4, source=relay))

    def notify(
        self,
        at: float,
        body: str,
        *,
        status: int | None = 200,
        call_id: str = "sub",
        transmissions: int = 1,
        to: Address = PHONE,
        **more: str,
    ) -> None:
        self.transaction(
            at,
            "NOTIFY",
            PLATFORM,
            to,
            status=status,
            call_id=call_id,
            body=body,
            transmissions=transmissions,
            **(
                {
                    "uri": f"sip:anna@{PHONE[0]}:{PHONE[1]}",
                    "to_tag": "fSUBSCRIBE" if call_id == "sub" else "",
                    "headers": NOTIFY_HEAD,
                }
                | more
            ),
        )

    def mailbox(self, at: float, new: int, saved: int = 0, cause: str = "deposit") -> None:
        self.events.append(MailboxSeen(at=at, mailbox=BOX, new=new, saved=saved, cause=cause))

    def lamp(self, at: float, state: LampState, lamp: str = "message") -> None:
        self.events.append(LampSeen(at=at, handset="anna", lamp=lamp, state=state))

    def expect_lamp(
        self, *, lit: bool, since: float = 5.0, new: int | None = 1, **more: object
    ) -> None:
        expectation = LampExpectation(
            handset="anna",
            lamp="message",
            lit=lit,
            since=since,
            until=self.end,
            mailbox=BOX,
            new=new,
        )
        self.expectations.append(replace(expectation, **more))

    def evidence(self) -> Evidence:
        correlator = Correlator()
        correlator.feed_all(sorted(self.packets, key=lambda p: p.at))
        timeline = Timeline(list(self.events))
        if self.healthy_capture:
            timeline.merge(
                CaptureHealth(at=self.end, tap=Tap.WIRE, packets=9, dropped=0, running=True)
            )
        timeline.merge(*correlator.events())
        return Evidence(
            timeline=timeline,
            started_at=0.0,
            ended_at=self.end,
            handsets={"anna": self.facts, "emil": self.caller, **self.others},
            platform_addresses=frozenset({PLATFORM, VOICEMAIL}),
            voicemail_addresses=frozenset({VOICEMAIL}),
            taps=frozenset({Tap.WIRE}),
            expectations=self.expectations,
        )

    def judge(self) -> Verdict:
        return judge(self.evidence())


def summary(new: int, saved: int = 0, *, flag: str | None = None) -> str:
    word = flag or ("yes" if new else "no")
    return f"Messages-Waiting: {word}\r\nVoice-Message: {new}/{saved} (0/0)\r\n"


def healthy(*, relay: Address | None = None) -> Stage:
    """A phone subscribes; a message comes; the lamp goes on."""
    stage = Stage()
    stage.mailbox(-1.0, 0, cause="start")
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    stage.subscribe(relay=relay)
    stage.notify(0.15, summary(0))
    stage.mailbox(5.001, 1)
    stage.notify(5.002, summary(1))
    stage.lamp(5.01, LampState.SLOW)
    stage.expect_lamp(lit=True)
    return stage

"""Small conversations on a simulated wire, for oracles to listen to.

Everything goes as octets through the real correlator, so that the oracles get just what a
capture would give them. An edit is a pattern and its replacement, applied to the octets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from rig.capture.correlate import Correlator
from rig.capture.packet import CapturedPacket
from rig.timeline import Address, RtpStreamSeen, Tap, TimelineEvent
from rig.verdict.oracles.engine import CaptureEnd, judge_capture
from rig.verdict.oracles.finding import OracleFinding
from rig.verdict.oracles.view import shown_address

PHONE: Address = ("192.0.2.10", 5060)
OTHER: Address = ("192.0.2.11", 5060)
PLATFORM: Address = ("192.0.2.1", 5060)
PROXY: Address = ("192.0.2.2", 5060)
CONTACT = "sip:anna@192.0.2.10:5060"
DOMAIN = "b.example"

Edit = tuple[bytes, bytes]
Edits = tuple[Edit, ...]


def edited(data: bytes, edits: Edits) -> bytes:
    """Apply edits; one that changes nothing is a mistake in the test."""
    for old, new in edits:
        changed = re.sub(old, new, data, flags=re.MULTILINE)
        assert changed != data, f"{old!r} changes nothing in {data!r}"
        data = changed
    return data


@dataclass
class Asked:
    """A request that was sent."""

    method: str
    source: Address
    destination: Address
    rows: list[str]
    transport: str
    data: bytes
    to_tag: str


@dataclass
class Talk:
    """A conversation under construction."""

    now: float = 0.0
    packets: list[CapturedPacket] = field(default_factory=list)
    streams: list[TimelineEvent] = field(default_factory=list)
    cseqs: dict[tuple[str, Address], int] = field(default_factory=dict)
    branches: int = 0

    def wait(self, seconds: float) -> Talk:
        self.now += seconds
        return self

    def put(
        self, data: bytes, source: Address, destination: Address, transport: str = "UDP"
    ) -> None:
        self.packets.append(
            CapturedPacket(
                at=self.now,
                tap=Tap.WIRE,
                transport=transport,
                source=source,
                destination=destination,
                payload=data,
                number=len(self.packets) + 1,
            )
        )
        self.now += 0.001

    def ask(
        self,
        method: str,
        *,
        source: Address = PHONE,
        destination: Address = PLATFORM,
        uri: str = "",
        call: str = "c",
        cseq: int | None = None,
        caller: str = "anna",
        callee: str = "anna",
        from_tag: str = "p",
        to_tag: str = "",
        rows: tuple[str, ...] = (),
        body: bytes = b"",
        kind: str = "",
        transport: str = "UDP",
        branch: str = "",
        edits: Edits = (),
    ) -> Asked:
        """Send a request."""
        self.branches += 1
        if cseq is None:
            cseq = self.cseqs.get((call, source), 0) + (method != "ACK")
        self.cseqs[(call, source)] = max(cseq, self.cseqs.get((call, source), 0))
        mark = f"z9hG4bK{branch or self.branches}"
        common = [
            f"Via: SIP/2.0/{transport} {shown_address(source)};branch={mark}",
            f"From: <sip:{caller}@{DOMAIN}>;tag={from_tag}",
            f"To: <sip:{callee}@{DOMAIN}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {call}",
            f"CSeq: {cseq} {method}",
        ]
        head = [f"{method} {uri or f'sip:{callee}@{DOMAIN}'} SIP/2.0", *common]
        head += ["Max-Forwards: 70", *rows]
        head += [f"Content-Type: {kind}"] if kind else []
        head.append(f"Content-Length: {len(body)}")
        data = edited("\r\n".join((*head, "", "")).encode() + body, edits)
        self.put(data, source, destination, transport)
        return Asked(method, source, destination, common, transport, data, to_tag)

    def again(self, asked: Asked, times: int = 1, gap_s: float = 0.5) -> Talk:
        """Send the very same octets again."""
        for _ in range(times):
            self.wait(gap_s)
            self.put(asked.data, asked.source, asked.destination, asked.transport)
        return self

    def answer(
        self,
        asked: Asked,
        status: int = 200,
        *,
        tag: str = "n",
        rows: tuple[str, ...] = (),
        body: bytes = b"",
        kind: str = "",
        edits: Edits = (),
    ) -> Asked:
        """Answer a request."""
        common = list(asked.rows)
        if not asked.to_tag and tag and status > 100:
            common[2] += f";tag={tag}"
        head = [f"SIP/2.0 {status} Word", *common, *rows]
        head += [f"Content-Type: {kind}"] if kind else []
        head.append(f"Content-Length: {len(body)}")
        data = edited("\r\n".join((*head, "", "")).encode() + body, edits)
        self.put(data, asked.destination, asked.source, asked.transport)
        return asked

    def alive(self, source: Address = PHONE) -> Talk:
        """The phone shows that it is there."""
        self.answer(self.ask("OPTIONS", source=source, call=f"ping {self.now}"))
        return self

    # -- what phones and platforms do --------------------------------------------------------

    def register(
        self,
        *,
        wish: int = 3600,
        granted: int = 3600,
        status: int = 200,
        contact: str = CONTACT,
        call: str = "reg",
        edits: Edits = (),
        answer: Edits = (),
        rows: tuple[str, ...] = (),
        **more: object,
    ) -> Talk:
        asked = self.ask(
            "REGISTER",
            uri=f"sip:{DOMAIN}",
            call=call,
            rows=(f"Contact: <{contact}>", f"Expires: {wish}", *rows),
            edits=edits,
            **more,
        )
        if status:
            bound = (f"Contact: <{contact}>;expires={granted}",) if status < 300 and wish else ()
            self.answer(asked, status, rows=bound, edits=answer)
        return self

    def subscribe(
        self,
        *,
        wish: int = 3600,
        granted: int | None = None,
        status: int = 200,
        call: str = "sub",
        contact: str = CONTACT,
        edits: Edits = (),
        answer: Edits = (),
        rows: tuple[str, ...] = (),
        **more: object,
    ) -> Talk:
        asked = self.ask(
            "SUBSCRIBE",
            call=call,
            from_tag="s",
            rows=(
                "Event: message-summary",
                f"Contact: <{contact}>",
                f"Expires: {wish}",
            ),
            edits=edits,
            **more,
        )
        if status:
            given = f"Expires: {wish if granted is None else granted}"
            accepted = (given, "Contact: <sip:mwi@192.0.2.1>") if status < 300 else ()
            self.answer(asked, status, rows=(*accepted, *rows), edits=answer)
        return self

    def notify(
        self,
        new: int = 0,
        *,
        state: str = "active;expires=3590",
        status: int = 200,
        call: str = "sub",
        uri: str = CONTACT,
        source: Address = PLATFORM,
        destination: Address = PHONE,
        body: bytes | None = None,
        kind: str = "application/simple-message-summary",
        from_tag: str = "n",
        to_tag: str = "s",
        edits: Edits = (),
        **more: object,
    ) -> Talk:
        text = summary(new) if body is None else body
        asked = self.ask(
            "NOTIFY",
            source=source,
            destination=destination,
            uri=uri,
            call=call,
            from_tag=from_tag,
            to_tag=to_tag,
            rows=(
                "Event: message-summary",
                f"Subscription-State: {state}",
                "Contact: <sip:mwi@192.0.2.1>",
            ),
            body=text,
            kind=kind if text else "",
            edits=edits,
            **more,
        )
        if status:
            self.answer(asked, status)
        return self

    def healthy(self) -> Talk:
        """A phone that registers, subscribes and is told."""
        return self.register().subscribe().notify()

    def invite(
        self,
        *,
        caller: str = "emil",
        callee: str = "anna",
        source: Address = PLATFORM,
        destination: Address = PHONE,
        call: str = "call",
        rows: tuple[str, ...] = (),
        edits: Edits = (),
        **more: object,
    ) -> Asked:
        return self.ask(
            "INVITE",
            source=source,
            destination=destination,
            caller=caller,
            callee=callee,
            call=call,
            rows=(f"Contact: <sip:{caller}@{source[0]}:{source[1]}>", *rows),
            edits=edits,
            **more,
        )

    def accept(self, asked: Asked, *, callee: str = "anna", **more: object) -> Asked:
        contact = f"Contact: <sip:{callee}@{asked.destination[0]}:{asked.destination[1]}>"
        return self.answer(asked, 200, rows=(contact,), **more)

    def acknowledge(self, asked: Asked, **more: object) -> Talk:
        """The ACK to a 2xx."""
        call = asked.rows[3].partition(": ")[2]
        self.ask(
            "ACK",
            **(
                {
                    "source": asked.source,
                    "destination": asked.destination,
                    "call": call,
                    "caller": "emil",
                    "to_tag": "n",
                    "uri": f"sip:anna@{asked.destination[0]}:{asked.destination[1]}",
                }
                | more
            ),
        )
        return self

    def diverted(self, diversion: str = "", history: str = "", **more: object) -> Talk:
        """An INVITE to the mailbox, refused there to keep it short."""
        rows = (f"Diversion: {diversion}",) if diversion else ()
        rows += (f"History-Info: {history}",) if history else ()
        asked = self.invite(
            **({"callee": "vm", "destination": OTHER, "call": "div", "rows": rows} | more)
        )
        self.answer(asked, 404)
        return self

    def leg(self, status: int, *, ring_s: float = -1.0, call: str = "leg", **more: object) -> Talk:
        """The platform tries a phone: it rings if ``ring_s`` is not negative, then ends."""
        asked = self.invite(call=call)
        if ring_s >= 0:
            self.answer(asked, 180)
            self.wait(ring_s)
        if status == 487:
            cancel = self.ask(
                "CANCEL",
                source=PLATFORM,
                destination=PHONE,
                caller="emil",
                callee="anna",
                call=call,
                cseq=1,
                branch=str(self.branches),
            )
            self.answer(cancel)
        self.answer(asked, status, **more)
        return self

    # -- the verdict --------------------------------------------------------------------------

    def events(self) -> list[TimelineEvent]:
        correlator = Correlator()
        correlator.feed_all(self.packets)
        return sorted([*correlator.events(), *self.streams], key=lambda e: e.at)

    def stream(self, source: Address, destination: Address, packets: int = 200) -> Talk:
        self.streams.append(
            RtpStreamSeen(
                at=self.now,
                ended_at=self.now + packets / 50,
                source=source,
                destination=destination,
                ssrc=1,
                payload_type=8,
                packets=packets,
            )
        )
        return self

    def findings(self, *, dropped: int = 0) -> list[OracleFinding]:
        return judge_capture(self.events(), CaptureEnd(at=self.now, dropped=dropped))


def summary(new: int, old: int = 0) -> bytes:
    """A right body."""
    flag = "yes" if new else "no"
    return f"Messages-Waiting: {flag}\r\nVoice-Message: {new}/{old} (0/0)\r\n".encode()

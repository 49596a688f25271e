"""Calls as dialogs: tags, order, targets, ACK, CANCEL; and whether answers fit their requests.

Covers RFC 3261 8.2.6.2 (answers), 9.1 (CANCEL), 12.2 (requests in a dialog), 13.2.2.4 and
17.1.1.3 (ACK).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rig.errors import ProtocolError
from rig.sip.uri import Uri
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import GIVE_UP_S, Scene
from rig.verdict.oracles.shelf import Reminders, Shelf
from rig.verdict.oracles.view import SipView, aor_of, contact_uri, place_of, who

_OUTSIDE = frozenset({"REGISTER", "SUBSCRIBE", "NOTIFY", "OPTIONS", "MESSAGE", "PUBLISH"})
_NEED_CONTACT = frozenset({"INVITE"})


@dataclass(slots=True)
class _Call:
    """One INVITE dialog, by its Call-ID.

    Attributes:
        number: packet of the INVITE.
        caller: the caller's tag.
        invite: Request-URI, From and To of the INVITE, for its CANCEL.
        cseq: of the INVITE.
        attempts: transactions of its INVITEs; the ACK of a refusal belongs to one of them.
        callees: tags of the other side; several after forking.
        cseqs: highest number by tag.
        targets: contacts by tag, ``user@host:port``.
        routed: a Record-Route was seen, so that targets may be rewritten.
        accepted: when a 2xx came that waits for its ACK, its packet, and who must send it.
    """

    number: int
    caller: str
    invite: tuple[str, str, str]
    cseq: int
    attempts: set[str]
    callees: set[str] = field(default_factory=set)
    cseqs: dict[str, int] = field(default_factory=dict)
    targets: dict[str, set[str]] = field(default_factory=dict)
    routed: bool = False
    accepted: tuple[float, int, int, tuple[str, int], str] | None = None


class Dialogs(Oracle):
    """Calls, and the plain duties of answers."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._calls: Shelf[str, _Call] = Shelf()
        self._acks: Reminders[str] = Reminders()

    # -- requests --------------------------------------------------------------------------

    def request(self, view: SipView, exchange: Exchange) -> None:
        """A request begins a call or belongs to one."""
        del exchange
        if view.method in _NEED_CONTACT and contact_uri(view.message) is None:
            self.scene.report(
                "call-no-contact", [view.number], view.call_id, what=view.method, who=who(view)
            )
        if view.method in _OUTSIDE:
            return
        call = self._calls.get(view.call_id)
        if view.method == "INVITE" and not view.to_tag:
            if call is None or view.from_tag != call.caller or view.cseq > call.cseq:
                self._begin(view)
        elif call is not None and view.method == "CANCEL":
            self._cancel(view, call)
        elif call is not None:
            self._within(view, call)

    def _begin(self, view: SipView) -> None:
        call = _Call(
            number=view.number,
            caller=view.from_tag,
            invite=_ends(view),
            cseq=view.cseq,
            attempts={view.transaction},
            routed="Record-Route" in view.message.headers,
        )
        call.cseqs[view.from_tag] = view.cseq
        self._note_contact(view, call, view.from_tag)
        self._calls.put(view.call_id, call)

    @staticmethod
    def _note_contact(view: SipView, call: _Call, tag: str) -> None:
        contact = contact_uri(view.message)
        if contact is not None and contact.is_sip:
            call.targets.setdefault(tag, set()).add(place_of(contact))

    def _cancel(self, view: SipView, call: _Call) -> None:
        if view.cseq == call.cseq and _ends(view) == call.invite:
            return
        if view.from_tag in call.callees or call.cseq != view.cseq:
            known = call.cseqs.get(view.from_tag)
            if known == view.cseq:
                return  # of a re-INVITE
        self.scene.report(
            "cancel-differs", [view.number, call.number], view.call_id, who=who(view)
        )

    def _within(self, view: SipView, call: _Call) -> None:
        tags = {call.caller, *call.callees}
        packets = [view.number, call.number]
        if view.method == "ACK" and view.transaction in call.attempts:
            return  # of a refused INVITE: it goes where the INVITE went
        if call.callees and (view.from_tag not in tags or view.to_tag not in tags):
            self.scene.report(
                "dialog-tags", packets, f"{view.call_id} {view.method}", method=view.method
            )
            return
        if view.method == "ACK":
            self._ack(view, call, packets)
        else:
            before = call.cseqs.get(view.from_tag)
            if before is not None and view.cseq <= before:
                self.scene.report(
                    "dialog-cseq",
                    packets,
                    f"{view.call_id} {view.method}",
                    method=view.method,
                    got=view.cseq,
                    before=before,
                )
            call.cseqs[view.from_tag] = max(view.cseq, before or 0)
        self._judge_target(view, call, packets)
        if view.method == "INVITE":
            call.attempts.add(view.transaction)
        if view.method in {"INVITE", "UPDATE"}:
            self._note_contact(view, call, view.from_tag)

    def _ack(self, view: SipView, call: _Call, packets: list[int]) -> None:
        if call.accepted is not None:
            if view.cseq == call.accepted[2]:
                call.accepted = None
            else:
                self.scene.report(
                    "ack-cseq", packets, view.call_id, got=view.cseq, want=call.accepted[2]
                )

    def _judge_target(self, view: SipView, call: _Call, packets: list[int]) -> None:
        targets = call.targets.get(view.to_tag)
        if not targets or call.routed or "Route" in view.message.headers:
            return
        try:
            place = place_of(Uri.parse(view.request.uri))
        except ProtocolError:
            return
        if place not in targets and place.partition("@")[2] != "{}:{}".format(*view.destination):
            self.scene.report(
                "dialog-target",
                packets,
                f"{view.call_id} {place}",
                method=view.method,
                got=view.request.uri,
                want=" / ".join(sorted(targets)),
            )

    # -- answers ---------------------------------------------------------------------------

    def progress(self, view: SipView, exchange: Exchange) -> None:
        """Early dialogs have tags as well."""
        if exchange.view is not None:
            self._judge_answer(view, exchange.view)
        call = self._calls.get(view.call_id)
        if call is not None and view.method == "INVITE" and view.to_tag and view.status > 100:
            self._note_tag(view, call)

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """A final answer."""
        self._judge_answer(view, request)
        call = self._calls.get(view.call_id)
        if call is None or view.method != "INVITE" or view.status >= 300:
            return
        self._note_tag(view, call)
        if contact_uri(view.message) is None:
            self.scene.report(
                "call-no-contact",
                [view.number, request.number],
                f"{view.call_id} 2xx",
                what=f"{view.status} to INVITE",
                who=who(view),
            )
        call.accepted = (view.at, view.number, view.cseq, exchange.source, exchange.transport)
        self._acks.at(view.at + GIVE_UP_S, view.call_id)

    def _note_tag(self, view: SipView, call: _Call) -> None:
        for tag in (view.from_tag, view.to_tag):
            if tag != call.caller:
                call.callees.add(tag)
        call.routed = call.routed or "Record-Route" in view.message.headers
        self._note_contact(view, call, view.to_tag)

    def _judge_answer(self, view: SipView, request: SipView) -> None:
        """An answer copies From, To, Call-ID and CSeq."""
        wrong = []
        if view.call_id != request.call_id:
            wrong.append("Call-ID")
        if view.cseq != request.cseq:
            wrong.append("CSeq")
        if view.from_tag != request.from_tag or _differs(view, request, "from"):
            wrong.append("From")
        if (request.to_tag and view.to_tag != request.to_tag) or _differs(view, request, "to"):
            wrong.append("To")
        packets = [view.number, request.number]
        subject = f"{request.call_id} {request.method} {view.status}"
        if wrong:
            names = ", ".join(wrong)
            self.scene.report("answer-differs", packets, subject, status=view.status, what=names)
        if view.status > 100 and not view.to_tag:
            self.scene.report(
                "answer-no-tag",
                packets,
                f"{view.source[0]} {request.method} {view.status}",
                status=view.status,
                method=request.method,
            )

    # -- time ------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """A 2xx that nobody acknowledged."""
        for _, call_id in self._acks.due(now):
            call = self._calls.get(call_id)
            if call is None or call.accepted is None:
                continue
            at, number, _, caller, transport = call.accepted
            if now - at < GIVE_UP_S:
                continue
            call.accepted = None
            self.scene.report(
                "ack-missing",
                [number, call.number],
                call_id,
                at=at + GIVE_UP_S,
                peer=(caller, transport),
                seconds=f"{GIVE_UP_S:g}",
            )


def _ends(view: SipView) -> tuple[str, str, str]:
    return view.request.uri, f"{aor_of(view.message.from_)};{view.from_tag}", view.to_tag


def _differs(view: SipView, request: SipView, end: str) -> bool:
    if end == "to":
        return aor_of(view.message.to) != aor_of(request.message.to)
    return aor_of(view.message.from_) != aor_of(request.message.from_)

"""Calls as dialogs: tags, order, targets, ACK, CANCEL; and whether answers fit their requests.

Covers RFC 3261 8.2.6.2 (answers), 9.1 (CANCEL), 12.2 (requests in a dialog).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from rig.errors import ProtocolError
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.oracle import METHODS, Oracle
from rig.verdict.oracles.scene import GIVE_UP_S, Scene
from rig.verdict.oracles.shelf import Shelf
from rig.verdict.oracles.view import SipView, contact_uri, place_of, uri_of, who

IDLE_S = 8 * 3600.0
"""A call in which nothing is said for so long is forgotten."""

_OUTSIDE = frozenset({"REGISTER", "SUBSCRIBE", "NOTIFY", "OPTIONS", "MESSAGE", "PUBLISH"})
_ONE_CONTACT = frozenset({"INVITE", "SUBSCRIBE", "NOTIFY", "UPDATE"})


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


class Dialogs(Oracle):
    """Calls, and the plain duties of answers."""

    cares: ClassVar = {
        "message": _ONE_CONTACT,
        "request": METHODS - _OUTSIDE,
        "again": frozenset({"INVITE"}),
    }

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._calls: Shelf[str, _Call] = Shelf(idle_s=IDLE_S, clock=scene)
        self._over: Shelf[str, _Call] = Shelf(idle_s=GIVE_UP_S, clock=scene)

    def _call(self, call_id: str) -> _Call | None:
        return self._calls.get(call_id) or self._over.get(call_id)

    def message(self, view: SipView) -> None:
        """A dialog has one remote target, not several."""
        if view.method not in _ONE_CONTACT or view.status >= 300:
            return
        if len(view.message.headers.get_list("Contact")) > 1:
            self.scene.report(
                "contact-many",
                [view.number],
                f"{view.source[0]} {view.method}",
                method=view.method,
            )

    # -- requests --------------------------------------------------------------------------

    def request(self, view: SipView, exchange: Exchange) -> None:
        """A request begins a call or belongs to one."""
        del exchange
        if view.method == "INVITE" and contact_uri(view.message) is None:
            self.scene.report(
                "call-no-contact", [view.number], view.call_id, what=view.method, who=who(view)
            )
        if view.method == "INVITE" and not view.to_tag:
            self._judge_callee(view)
        if view.method in _OUTSIDE:
            return
        call = self._call(view.call_id)
        if view.method == "INVITE" and not view.to_tag:
            if call is None or view.from_tag != call.caller or view.cseq > call.cseq:
                self._begin(view)
        elif call is not None and view.method == "CANCEL":
            self._cancel(view, call)
        elif call is not None:
            self._within(view, call)

    def _judge_callee(self, view: SipView) -> None:
        """A call to the address of a phone, for a user that it never registered."""
        try:
            target = uri_of(view.request.uri)
        except ProtocolError:
            return
        spot = f"{target.host.lower()}:{target.port or 5060}"
        bindings = self.scene.registrations.at(spot)
        users = {binding.place.partition("@")[0] for binding in bindings}
        users |= {binding.aor.partition("@")[0] for binding in bindings}
        if users and target.user_unescaped not in users and view.destination[0] == target.host:
            self.scene.report(
                "call-target-nobody",
                [view.number, bindings[-1].number],
                f"{target.user_unescaped} {spot}",
                got=view.request.uri,
                want=", ".join(sorted(users)),
            )

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
        if view.method != "ACK":
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

    def _judge_target(self, view: SipView, call: _Call, packets: list[int]) -> None:
        targets = call.targets.get(view.to_tag)
        if not targets or call.routed or "Route" in view.message.headers:
            return
        try:
            place = place_of(uri_of(view.request.uri))
        except ProtocolError:
            return
        user, _, spot = place.partition("@")
        there = spot == "{}:{}".format(*view.destination)  # mended by an edge that helps with NAT
        if place in targets or (there and any(t.partition("@")[0] == user for t in targets)):
            return
        self.scene.report(
            "dialog-target",
            packets,
            f"{view.call_id} {place}",
            method=view.method,
            got=view.request.uri,
            want=" / ".join(sorted(targets)),
        )

    def again(self, view: SipView, exchange: Exchange) -> None:
        """An INVITE on a further hop has ACKs of its own there."""
        call = self._call(view.call_id)
        if call is not None and view.method == "INVITE" and exchange.relayed:
            call.attempts.add(view.transaction)

    # -- answers ---------------------------------------------------------------------------

    def progress(self, view: SipView, exchange: Exchange) -> None:
        """Early dialogs have tags as well."""
        if exchange.view is not None:
            self._judge_answer(view, exchange.view)
        if view.method != "INVITE" or not view.to_tag or view.status <= 100:
            return
        call = self._call(view.call_id)
        if call is not None:
            self._note_tag(view, call)

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """A final answer."""
        del exchange
        self._judge_answer(view, request)
        self._judge_refusal(view, request)
        if request.method == "BYE" or (view.status >= 300 and not request.to_tag):
            self._end(request)
        if view.method != "INVITE" or view.status >= 300:
            return
        call = self._call(view.call_id)
        if call is None:
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

    def _end(self, request: SipView) -> None:
        """A BYE was answered, or an INVITE refused: what still comes, comes soon."""
        if request.method in {"BYE", "INVITE"}:
            call = self._calls.pop(request.call_id)
            if call is not None:
                self._over.put(request.call_id, call)

    def _judge_refusal(self, view: SipView, request: SipView) -> None:
        if view.status < 300:
            return
        packets = [view.number, request.number]
        phrase = view.message.start_line.split(" ", 1)[-1]
        if request.method == "BYE" and view.status >= 300 and view.status not in {401, 407}:
            self.scene.report("bye-refused", packets, view.call_id, answer=phrase)
        moved = request.method == "INVITE" and 300 <= view.status < 400
        if moved and contact_uri(view.message) is None:
            self.scene.report("moved-nowhere", packets, view.call_id, who=who(view), answer=phrase)

    def _note_tag(self, view: SipView, call: _Call) -> None:
        for tag in (view.from_tag, view.to_tag):
            if tag != call.caller:
                call.callees.add(tag)
        call.routed = call.routed or "Record-Route" in view.message.headers
        self._note_contact(view, call, view.to_tag)

    def _judge_answer(self, view: SipView, request: SipView) -> None:
        """An answer copies From, To, Call-ID and CSeq."""
        sender, receiver = view.sender, view.receiver
        asking, asked = request.sender, request.receiver
        wrong = []
        if view.call_id != request.call_id:
            wrong.append("Call-ID")
        if view.cseq != request.cseq:
            wrong.append("CSeq")
        if sender.tag != asking.tag or sender.aor != asking.aor:
            wrong.append("From")
        if (asked.tag and receiver.tag != asked.tag) or receiver.aor != asked.aor:
            wrong.append("To")
        if wrong:
            self.scene.report(
                "answer-differs",
                [view.number, request.number],
                f"{request.call_id} {request.method} {view.status}",
                status=view.status,
                what=", ".join(wrong),
            )
        if view.status > 100 and not view.to_tag:
            self.scene.report(
                "answer-no-tag",
                [view.number, request.number],
                f"{view.source[0]} {request.method} {view.status}",
                status=view.status,
                method=request.method,
            )


def _ends(view: SipView) -> tuple[str, str, str]:
    return view.request.uri, f"{view.sender.aor};{view.from_tag}", view.to_tag

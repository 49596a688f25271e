"""Watches the upkeep of registrations. Covers RFC 3261 10, 21.4.17; RFC 3581 4."""

from __future__ import annotations

from typing import ClassVar

from rig.errors import ProtocolError
from rig.sip.name_addr import NameAddr
from rig.verdict.oracles.books import Binding
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.finding import Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import GIVE_UP_S, Scene
from rig.verdict.oracles.shelf import Reminders, Shelf
from rig.verdict.oracles.view import SipView, expires_of, place_of

MIN_REFUSABLE_S = 3600
"""423 is for less than an hour. Source: RFC 3261 10.3 step 7."""

GONE_S = 600.0
"""A phone that is silent for so long after its binding lapsed is switched off."""

HURRY_S = 10.0
HURRIES = 4
_CHALLENGES = frozenset({401, 407})


class Registrations(Oracle):
    """Keeps the bindings and judges how they are kept up."""

    cares: ClassVar = {"request": frozenset({"REGISTER"}), "answer": frozenset({"REGISTER"})}

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._reminders: Reminders[tuple[str, str]] = Reminders()
        self._cseqs: Shelf[tuple[str, str], tuple[int, int]] = Shelf()
        self._refused: Shelf[str, list[tuple[float, int]]] = Shelf()
        self._least: Shelf[str, tuple[int, int]] = Shelf()

    def request(self, view: SipView, exchange: Exchange) -> None:
        """A REGISTER is sent."""
        del exchange
        if view.method != "REGISTER":
            return
        aor = view.receiver.aor
        self._check_order(view, aor)
        expires_s = expires_of(view.message)
        if view.message.is_wildcard_contact and expires_s != 0:
            self.scene.report("reg-wildcard", [view.number], aor, who=aor)
        least = self._least.get(aor)
        if least is None:
            return
        wish = max((_wished(c, expires_s) or 0 for c in _contacts(view)), default=0)
        if 0 < wish < least[0]:
            self.scene.report(
                "reg-423-ignored", [view.number, least[1]], aor, who=aor, wish=wish, least=least[0]
            )

    def _check_order(self, view: SipView, aor: str) -> None:
        key = (view.call_id, aor)
        before = self._cseqs.get(key)
        if before is not None and view.cseq <= before[0]:
            self.scene.report(
                "reg-cseq", [view.number, before[1]], aor, who=aor, got=view.cseq, before=before[0]
            )
        self._cseqs.put(key, (view.cseq, view.number))

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """The registrar has decided."""
        del exchange
        if request.method != "REGISTER" or view.status in _CHALLENGES:
            return
        aor = request.receiver.aor
        if view.status < 300:
            self._refused.pop(aor)
            self._least.pop(aor)
            self._accepted(view, request, aor)
        elif view.status == 423:
            self._too_brief(view, request, aor)
        else:
            self._not_accepted(view, request, aor)

    def _too_brief(self, view: SipView, request: SipView, aor: str) -> None:
        packets = (view.number, request.number)
        least = (view.message.headers.get("Min-Expires") or "").strip()
        if least.isdecimal():
            self._least.put(aor, (int(least[:10]), view.number))
        else:
            self.scene.report("reg-423-bare", packets, aor, who=aor)
        wish = max(
            (_wished(c, expires_of(request.message)) or 0 for c in _contacts(request)), default=0
        )
        if wish >= MIN_REFUSABLE_S:
            self.scene.report("reg-423-wrong", packets, aor, who=aor, wish=wish)

    def _not_accepted(self, view: SipView, request: SipView, aor: str) -> None:
        phrase = view.message.start_line.split(" ", 1)[-1]
        packets = (view.number, request.number)
        self.scene.report("reg-refused", packets, f"{aor} {view.status}", who=aor, answer=phrase)
        past = self._refused.get(aor) or self._refused.put(aor, [])
        past.append((view.at, view.number))
        del past[:-HURRIES]
        if len(past) == HURRIES and past[-1][0] - past[0][0] < HURRY_S:
            self.scene.report(
                "reg-no-back-off",
                [number for _, number in reversed(past)],
                aor,
                who=aor,
                count=HURRIES,
                seconds=f"{past[-1][0] - past[0][0]:.1f}",
            )

    def _accepted(self, view: SipView, request: SipView, aor: str) -> None:
        asked_s = expires_of(request.message)
        if request.message.is_wildcard_contact:
            for binding in self.scene.registrations.of_aor(aor):
                self._remove(binding, request)
            return
        answered = {place_of(c.uri): c for c in _contacts(view)}
        for contact in _contacts(request):
            wish = _wished(contact, asked_s)
            place = place_of(contact.uri)
            if wish == 0:
                left = answered.get(place)
                if left is not None and _wished(left, expires_of(view.message)) != 0:
                    packets = (view.number, request.number)
                    self.scene.report("reg-not-removed", packets, aor, who=aor, place=place)
                known = self.scene.registrations.find(aor, place)
                if known is not None:
                    self._remove(known, request)
                continue
            given = answered.get(place)
            if given is None and len(answered) == 1 and len(_contacts(request)) == 1:
                given = next(iter(answered.values()))  # rewritten by an edge that helps with NAT
                self.scene.report(
                    "reg-contact-rewritten",
                    [view.number, request.number],
                    f"{aor} {place}",
                    who=aor,
                    place=place,
                    got=place_of(given.uri),
                )
            self._bind(view, request, aor, contact, wish, given)

    def _bind(
        self,
        view: SipView,
        request: SipView,
        aor: str,
        contact: NameAddr,
        wish: int | None,
        given: NameAddr | None,
    ) -> None:
        scene, packets, place = self.scene, (view.number, request.number), place_of(contact.uri)
        granted = None
        if given is None:
            scene.report("reg-contact-missing", packets, aor, who=aor, place=place)
            granted = expires_of(view.message)
        else:
            granted = _wished(given, expires_of(view.message))
            if granted is None:
                scene.report("reg-expiry-missing", packets, aor, who=aor)
        if granted is not None and wish is not None and granted > wish:
            scene.report("reg-expiry-longer", packets, aor, who=aor, wish=wish, got=granted)
        elif granted is not None and wish is not None and granted < wish:
            scene.report("reg-expiry-shorter", packets, aor, who=aor, wish=wish, got=granted)
        holds_s = granted if granted is not None else (3600 if wish is None else wish)
        before = scene.registrations.find(aor, place)
        self._check_upkeep(view, request, aor, place, before)
        binding = Binding(
            aor=aor,
            place=place,
            contact_host=contact.uri.host,
            flow=request.source,
            server=request.destination,
            transport=request.transport,
            number=request.number,
            accepted_number=view.number,
            call_id=request.call_id,
            registered_at=view.at,
            expires_at=view.at + holds_s,
            granted_s=holds_s,
            public=view.message.via.received or "",
        )
        scene.registrations.add(binding)
        self._reminders.at(binding.expires_at + GIVE_UP_S, (aor, place))

    def _check_upkeep(
        self, view: SipView, request: SipView, aor: str, place: str, before: Binding | None
    ) -> None:
        scene = self.scene
        if before is not None and before.removed_at is None:
            late_s = request.at - before.expires_at
            if late_s > 0 and not before.lapse_told:
                before.lapse_told = True
                scene.report(
                    "reg-refresh-late",
                    [request.number, before.accepted_number],
                    f"{aor} {place}",
                    who=aor,
                    late=f"{late_s:.1f}",
                    granted=before.granted_s,
                )
            return
        others = [
            b
            for b in scene.registrations.of_aor(aor)
            if b.place != place and b.valid(view.at) and b.flow[0] == request.source[0]
        ]
        if others:
            scene.report(
                "reg-contact-moved",
                [request.number, others[-1].number],
                f"{aor} {request.source[0]}",
                who=aor,
                place=place,
                before=others[-1].place,
            )

    def _remove(self, binding: Binding, request: SipView) -> None:
        """Un-registered; a subscription left behind will be told of to nobody."""
        binding.removed_at = request.at
        user = binding.aor.partition("@")[0]
        owner = (binding.aor, "message-summary", request.source[0])
        for sub in self.scene.subscriptions.of_owner(owner):
            if not sub.ended and not sub.leaving and sub.accepted_at is not None:
                self.scene.report(
                    "sub-left-behind",
                    [request.number, sub.asked_number],
                    f"{owner}",
                    who=user,
                    severity=Severity.NOTE,
                )

    def tick(self, now: float) -> None:
        """A binding that lapsed although its phone is there."""
        for _, key in self._reminders.due(now):
            binding = self.scene.registrations.find(*key)
            if binding is None or binding.removed_at is not None or binding.lapse_told:
                continue
            if now < binding.expires_at + GIVE_UP_S:
                continue
            newer = [
                b
                for b in self.scene.registrations.of_aor(binding.aor)
                if b.registered_at > binding.registered_at
            ]
            if newer:
                continue
            if not self.scene.heard_since(binding.flow[0], binding.expires_at):
                if now < binding.expires_at + GONE_S:
                    self._reminders.at(now + GIVE_UP_S, key)
                continue
            binding.lapse_told = True
            self.scene.report(
                "reg-not-refreshed",
                [binding.accepted_number, binding.number],
                f"{binding.aor} {binding.place}",
                at=binding.expires_at,
                who=binding.aor,
                granted=binding.granted_s,
            )


def _contacts(view: SipView) -> list[NameAddr]:
    try:
        return view.message.contacts
    except ProtocolError:
        return []


def _wished(contact: NameAddr, otherwise: int | None) -> int | None:
    """Seconds of a contact: its own parameter, else the Expires header."""
    text = contact.param("expires")
    if text is not None and text.strip().isdecimal():
        return min(int(text.strip()[:11]), 2**32 - 1)
    return otherwise

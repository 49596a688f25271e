"""What is open when a capture ends, and what was never there: the silence round a dark lamp.

A capture that somebody makes in front of a phone is short, and time in it ends with its last
packet. What is due by then is told here; the other oracles wait for the limits of the RFCs.
Covers RFC 6665 4.1.2.2, 4.2.1.2; RFC 3261 10.2.4; RFC 3842 3.1.
"""

from __future__ import annotations

from typing import ClassVar

from rig.errors import ProtocolError
from rig.timeline import Address
from rig.verdict.oracles.addresses import is_hidden
from rig.verdict.oracles.books import Binding, Subscription
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.finding import Lack
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import GIVE_UP_S, Scene
from rig.verdict.oracles.shelf import Shelf
from rig.verdict.oracles.view import SipView, event_of, shown_address, uri_of

PROMPT_S = 4.0
"""A NOTIFY that follows at once, and whose first copies are lost, has come by then."""
OVERDUE_S = 10.0
"""So long after the end of its time something is surely not refreshed any more."""
SETTLED_S = 3.0
"""A phone that wants to be told of messages has subscribed so long after it registered."""
ASKED_S = 1.0
"""So soon after it registered a phone has sent its first SUBSCRIBE."""
NAMED = 5
ONE_SIDED = 3
"""So many answers without their requests, and no request with its answer."""

MWI = "message-summary"


class OpenEnds(Oracle):
    """Looks at the books when the capture is over."""

    cares: ClassVar = {"request": frozenset({"NOTIFY"})}

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._told: Shelf[str, float] = Shelf()
        """Spots that were sent a NOTIFY of message waiting, and users."""

    def request(self, view: SipView, exchange: Exchange) -> None:
        """Somebody is told."""
        del exchange
        if view.method == "NOTIFY" and event_of(view.message)[0] == MWI:
            for spot in (shown_address(view.destination), _spot_of(view), view.receiver.name):
                self._told.put(spot, view.at)

    def end(self, now: float) -> None:
        """Tell what is open."""
        orphans = self.scene.orphans
        if len(orphans) >= ONE_SIDED and not self.scene.paired:
            self.scene.report("hole-one-way", orphans, "all", count=len(orphans))
        for sub in self.scene.subscriptions.all():
            self._untold(sub, now)
            self._lapsed(sub, now)
        bindings = self.scene.registrations.all()
        for binding in bindings:
            self._unregistered(binding, now)
        self._lamps(bindings, now)

    def _untold(self, sub: Subscription, now: float) -> None:
        """An accepted SUBSCRIBE without a NOTIFY: seconds tell it, 64*T1 are not needed."""
        if not sub.begun or sub.is_told or sub.ended or sub.leaving:
            return
        if sub.accepted_at is None or sub.accepted_at < sub.asked_at:
            return
        waited_s = now - sub.accepted_at
        if sub.call_id in self.scene.told_unseen:
            return
        if now - sub.asked_at < GIVE_UP_S:
            report_untold(self.scene, sub, waited_s, now, open_end=True)

    def _lapsed(self, sub: Subscription, now: float) -> None:
        expires_at = sub.expires_at
        if expires_at is None or sub.ended or sub.leaving or sub.renewed:
            return
        if now < expires_at + OVERDUE_S or not self.scene.heard_since(sub.host, expires_at):
            return
        self.scene.report(
            "sub-not-refreshed",
            [sub.accepted_number or sub.notify_number, sub.asked_number],
            sub.call_id,
            at=expires_at,
            who=sub.user,
            package=sub.package,
            granted=sub.granted_s,
        )

    def _unregistered(self, binding: Binding, now: float) -> None:
        if binding.removed_at is not None or binding.lapse_told:
            return
        expires_at = binding.expires_at
        mine = self.scene.registrations.of_aor(binding.aor)
        newer = any(other.registered_at > binding.registered_at for other in mine)
        heard = self.scene.heard_since(binding.flow[0], expires_at)
        if newer or now < expires_at + OVERDUE_S or not heard:
            return
        binding.lapse_told = True
        self.scene.report(
            "reg-not-refreshed",
            [binding.accepted_number, binding.number],
            f"{binding.aor} {binding.place}",
            at=expires_at,
            who=binding.aor,
            granted=binding.granted_s,
        )

    # -- who is told at all ----------------------------------------------------------------

    def _lamps(self, bindings: list[Binding], now: float) -> None:
        """Phones that were registered and never heard of messages."""
        silent: list[Binding] = []
        askers = self._askers()
        for binding in bindings:
            if not binding.valid(now):
                continue
            if self._told_at(binding) or binding.flow in askers or binding.place in askers:
                continue
            user = binding.aor.partition("@")[0]
            if user not in self._told:
                if now - binding.registered_at >= SETTLED_S:
                    silent.append(binding)
                continue
            # What is older may be left of the same phone before it was restarted.
            others = [
                other
                for other in self.scene.registrations.of_aor(binding.aor)
                if other.registered_at <= binding.registered_at
                and other.valid(now)
                and self._told_at(other) > binding.registered_at + ASKED_S
            ]
            if others:
                self.scene.report(
                    "mwi-one-of-two",
                    [binding.number, others[0].number],
                    f"{binding.aor} {binding.place}",
                    who=binding.aor,
                    place=shown_address(binding.flow),
                    other=shown_address(others[0].flow),
                )
        if silent:
            names = [binding.aor.partition("@")[0] for binding in silent]
            more = f" (+{len(names) - NAMED})" if len(names) > NAMED else ""
            self.scene.report(
                "mwi-never",
                [binding.number for binding in silent[:NAMED]],
                "all",
                who=", ".join(names[:NAMED]) + more,
            )

    def _told_at(self, binding: Binding) -> float:
        """When its phone was last told; 0 for never."""
        spots = (shown_address(binding.flow), binding.place.rpartition("@")[2])
        return max(self._told.get(spot) or 0.0 for spot in spots)

    def _askers(self) -> set[Address | str]:
        """Where SUBSCRIBEs came from, and their Contacts: their fate is told elsewhere."""
        askers: set[Address | str] = set()
        for sub in self.scene.subscriptions.all():
            if sub.package in {MWI, ""}:
                askers |= {sub.flow, *sub.contacts}
        return askers


def report_untold(
    scene: Scene, sub: Subscription, waited_s: float, at: float, *, open_end: bool = False
) -> None:
    """An accepted subscription without NOTIFY, and what is known of why.

    Args:
        scene: where it is reported.
        sub: the subscription.
        waited_s: how long nothing came.
        at: when it was due.
        open_end: the capture ended while one waited.
    """
    packets = [sub.accepted_number, sub.asked_number]
    subject = f"{sub.call_id} {sub.asked_number}"
    seconds = f"{waited_s:.1f}" if open_end else f"{waited_s:g}"
    short = open_end and waited_s < PROMPT_S
    lacks = ((Lack.END,) if short else ()) + ((Lack.WHOLE,) if open_end and scene.leaky else ())
    seen_at = sub.public or sub.flow[0]
    if is_hidden(sub.contact_host, seen_at) and not short:
        scene.report(
            "sub-no-notify-nat",
            packets,
            subject,
            at=at,
            lacks=lacks,
            who=sub.user,
            package=sub.package,
            seconds=seconds,
            contact=sub.contact_host,
            public=seen_at,
        )
        return
    scene.report(
        "sub-notify-awaited" if open_end else "sub-no-notify",
        packets,
        subject,
        at=at,
        lacks=lacks,
        who=sub.user,
        package=sub.package,
        seconds=seconds,
    )


def _spot_of(view: SipView) -> str:
    """``host:port`` of the Request-URI; empty where it cannot be read."""
    try:
        target = uri_of(view.request.uri)
    except ProtocolError:
        return ""
    return f"{target.host.lower()}:{target.port or 5060}"

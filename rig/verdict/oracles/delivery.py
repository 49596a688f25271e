"""What hosts and routers say of SIP and fetches that they do not deliver.

Of other traffic nothing is said: a computer that looks for a printer is no concern of a phone.
Covers RFC 3261 18.4 (errors of the transport), RFC 792, RFC 9293 3.5.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from rig.timeline import DeliveryRefused, Refusal
from rig.verdict.oracles.finding import Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import Scene
from rig.verdict.oracles.view import shown_address

SIP_PORTS = frozenset({5060, 5061})
TFTP_PORT = 69
MOST_KEPT = 1000

_REQUEST = re.compile(rb"([A-Z]{3,12}) sips?:[^\r\n]* SIP/2\.0|SIP/2\.0 ([0-9]{3})")
_ORACLE = {
    Refusal.PORT: "refused-port",
    Refusal.HOST: "refused-host",
    Refusal.FILTER: "refused-filter",
    Refusal.SIZE: "refused-size",
    Refusal.CONNECTION: "refused-connection",
    Refusal.RESET: "connection-reset",
    Refusal.SILENCE: "connection-silent",
}


class Delivery(Oracle):
    """Packets that came back, connections that were refused or broken."""

    cares: ClassVar = {}

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._refusals: list[DeliveryRefused] = []

    def turned_back(self, refusal: DeliveryRefused) -> None:
        """Keep it: whether it concerns SIP is known at the end."""
        if len(self._refusals) < MOST_KEPT:
            self._refusals.append(refusal)

    def end(self, now: float) -> None:
        """Tell those that concern SIP or a fetch."""
        del now
        for refusal in self._refusals:
            if self._cuts_off(refusal):
                self._tell(refusal, Severity.WARNING)
            elif self._concerns(refusal):
                self._tell(refusal)
            elif self.scene.silent and refusal.transport == "TCP":
                # Nobody spoke SIP at all: it may be the phone that cannot.
                self._tell(refusal, Severity.NOTE)
        self._refusals.clear()

    def _cuts_off(self, refusal: DeliveryRefused) -> bool:
        """Whether a subscription went over that connection and has not been made anew since."""
        ends = {refusal.source, refusal.destination}
        return refusal.why is Refusal.RESET and any(
            sub.flow in ends
            and not (sub.ended or sub.leaving or sub.renewed)
            and sub.asked_at < refusal.at < (sub.expires_at or 0.0)
            for sub in self.scene.subscriptions.all()
        )

    def _concerns(self, refusal: DeliveryRefused) -> bool:
        heard = self.scene.has_spoken
        if refusal.why is Refusal.RESET:
            return heard(refusal.source) and heard(refusal.destination)
        if _REQUEST.match(refusal.quoted) or heard(refusal.destination):
            return True
        port = refusal.destination[1]
        return port in SIP_PORTS or (refusal.transport == "UDP" and port == TFTP_PORT)

    def _tell(self, refusal: DeliveryRefused, severity: Severity | None = None) -> None:
        place = shown_address(refusal.destination)
        values: dict[str, Any] = {
            "place": place,
            "host": refusal.destination[0],
            "source": shown_address(refusal.source),
            "reporter": refusal.reporter,
            "transport": refusal.transport,
            "count": refusal.times,
            "what": _named(refusal),
            "mtu": refusal.mtu,
        }
        tftp = refusal.transport == "UDP" and refusal.destination[1] == TFTP_PORT
        self.scene.report(
            "refused-fetch" if tftp and refusal.why is Refusal.PORT else _ORACLE[refusal.why],
            refusal.numbers,
            f"{refusal.transport} {place} {refusal.reporter}",
            at=refusal.at,
            severity=severity,
            **values,
        )


def _named(refusal: DeliveryRefused) -> str:
    """What was not delivered: ``NOTIFY``, ``SIP 200``, ``TFTP``; or the transport."""
    found = _REQUEST.match(refusal.quoted)
    if found is not None:
        method, status = found.groups()
        return method.decode() if method else f"SIP {status.decode()}"
    tftp = refusal.transport == "UDP" and refusal.destination[1] == TFTP_PORT
    return "TFTP" if tftp else refusal.transport

"""Sees registrations and subscriptions on an interface, for a command line that has no tap.

More than one platform may be heard there, and two may know the same users. Only answers from the
port of the asked one count. Its address is none to go by: a name can stand for many.

What the capture lost, or did not live to see, proves nothing: from then on nobody looks.
"""

from __future__ import annotations

from collections.abc import Collection

from rig.capture.correlate import Correlator
from rig.capture.live import WireCapture
from rig.capture.recorder import PacketRecorder
from rig.clock import now
from rig.resync.sightings import Sightings
from rig.timeline import Address, SipSeen, Tap


class WireWatch:
    """Fills sightings from a live capture.

    Args:
        interface: its name.
        sightings: what is filled.
        host: an address that can be reached by the interface, for the capture's proof of life.
        ports: of registrar and outbound proxy.
    """

    def __init__(
        self, interface: str, sightings: Sightings, *, host: str, ports: Collection[int]
    ) -> None:
        self._sightings = sightings
        self._recorder = PacketRecorder()
        self._capture = WireCapture(interface, self._recorder, host=host)
        self._correlator = Correlator()
        self._ports = frozenset(ports)
        self._fed = 0
        self._own: Address | None = None

    async def start(self, own: Address) -> None:
        """Begin to look.

        Args:
            own: our own SIP address: that we ask for bindings is nobody's registration.

        Raises:
            RigError: no such interface, or no privilege.
        """
        self._own = own
        await self._capture.start()
        self._sightings.sip_watched = True

    async def stop(self) -> None:
        """End the capture; safe to call twice."""
        await self._capture.stop()

    def look(self) -> None:
        """Take what was captured since the last time."""
        fresh = self._recorder.packets[self._fed :]
        self._fed += len(fresh)
        self._correlator.feed_all(sorted(fresh, key=lambda packet: packet.at))
        for event in self._correlator.events() if fresh else ():
            if not isinstance(event, SipSeen) or event.source[1] not in self._ports:
                continue
            if self._own not in {event.source, event.destination}:
                self._sightings.heard(event.at, event.message)
        health = self._recorder.health(frozenset({Tap.WIRE}), now())
        if any(each.dropped or not each.running for each in health):
            self._sightings.sip_watched = False

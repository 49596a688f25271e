"""A lamp board on a serial line: lamps are seen, keys are pressed, from any thread.

Owns the port and two threads: one reads the port, the other runs the session and calls the
listeners. Methods that ask the board something wait for its answer, a few milliseconds; in a
coroutine they belong into :func:`asyncio.to_thread`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rig.errors import RigError, UsageError
from rig.lamp.board.board_thread import LAMPS, BoardThread
from rig.lamp.board.calibration import Calibration, CalibrationRefused, calibrate
from rig.lamp.board.channels import ChannelReading, LightChanged
from rig.lamp.board.events import BoardInfo, RelayFault
from rig.lamp.board.host_clock import HostInstant
from rig.lamp.board.line import PULSE_MS, ClockTold, RawLevels
from rig.lamp.board.sensor import BoardLampSensor
from rig.lamp.pattern import PatternThresholds

STUCK_S = 0.2
"""A relay that does not follow is told within this time after it should have moved."""


class SerialLampBoard(BoardThread):
    """One lamp board."""

    # -- what is known ----------------------------------------------------------------------

    @property
    def info(self) -> BoardInfo | None:
        """What the board says it is; None before it has."""
        return self._session.info

    @property
    def channels(self) -> tuple[ChannelReading, ...]:
        """What each input sees now."""
        with self._changed:
            return self._session.channels.readings

    @property
    def lines_lost(self) -> int:
        """Lines that the board could not send, by its own count."""
        return self._session.lost

    @property
    def relay_faults(self) -> Mapping[int, RelayFault]:
        """Relays that do not do what they were told, by number."""
        with self._changed:
            return dict(self._relay_faults)

    # -- what can be done -------------------------------------------------------------------

    def read_raw(self, channel: int) -> int:
        """Take one reading of an input's converter, 0 to 1023.

        Raises:
            rig.errors.RigError: no board is ready, or it does not answer.
        """
        self._check(channel)
        return self._raw(f"A{channel}?")[0]

    def read_all_raw(self) -> tuple[int, ...]:
        """Take one reading of every input.

        Raises:
            rig.errors.RigError: no board is ready, or it does not answer.
        """
        return self._raw("A?")

    def _raw(self, command: str) -> tuple[int, ...]:
        reply = self._ask(command).reply
        return reply.raw if isinstance(reply, RawLevels) else ()

    def read_clock(self) -> tuple[int, HostInstant]:
        """Ask the board for its clock.

        Returns:
            Milliseconds since it started, and when that was by the host's clock.

        Raises:
            rig.errors.RigError: no board is ready, or it does not answer.
        """
        reply = self._ask("C?").reply
        ms = reply.ms if isinstance(reply, ClockTold) else 0
        with self._changed:
            return ms, self._session.clock.at(ms)

    def calibrate(
        self, channel: int, *, dark: int | Sequence[int], lit: int | Sequence[int]
    ) -> Calibration:
        """Set an input's thresholds from its levels; kept over restarts of the board.

        Args:
            channel: which input.
            dark: one or more readings while the lamp is off.
            lit: one or more readings while it is on.

        Returns:
            Levels and thresholds.

        Raises:
            CalibrationRefused: unplugged, saturated, low contrast, noisy. The input is unknown
                for this reason from now on.
            rig.errors.RigError: the board does not take the thresholds. A board that is not
                connected gets them when it is.
        """
        self._check(channel)
        reference = self._session.settings.reference
        room = self.read_raw(reference) if reference is not None and self.ready else None
        try:
            found = calibrate(channel, dark, lit, room=room)
        except CalibrationRefused as error:
            self._thresholds(channel, None, error.reason)
            raise
        self._thresholds(channel, found, "")
        return found

    def set_calibration(self, channel: int, found: Calibration | None) -> None:
        """Set levels and thresholds that were found before; kept over restarts of the board.

        Args:
            channel: which input.
            found: what an earlier calibration gave; None takes it away.

        Raises:
            rig.errors.RigError: the board does not take the thresholds.
        """
        self._check(channel)
        self._thresholds(channel, found, "")

    def _thresholds(self, channel: int, found: Calibration | None, refused: str) -> None:
        with self._changed:
            request = self._session.calibrated(channel, found, self._clock(), refused=refused)
        self._queue.put(None)
        if request:
            self._wait(request)

    def press(self, relay: int, ms: int) -> int:
        """Close a relay for a time, and wait until it is open again.

        Args:
            relay: which one.
            ms: how long, 10 to 2000; the board opens it by itself.

        Returns:
            How long it was closed, by the board's clock, in milliseconds.

        Raises:
            rig.errors.RigError: no board is ready, it has restarted in the middle, or the relay
                does not follow.
            rig.errors.UsageError: no such relay, or too short or long.
        """
        relays = self.info.relays if self.info else 0
        if relay not in range(relays) and self.info:
            raise UsageError(f"{self.name} has relays 0 to {relays - 1}, got {relay}")
        if ms not in PULSE_MS:
            raise UsageError(f"a key press lasts {PULSE_MS[0]} to {PULSE_MS[-1]} ms, got {ms}")
        with self._changed:
            self._pulses.pop(relay, None)
            self._relay_faults.pop(relay, None)
        self._ask(f"P{relay} {ms}", tries=1)
        lasted = self._pulse(relay, ms)
        if fault := self.relay_faults.get(relay):
            contact = "stays closed: the key is held down" if fault.closed else "does not close"
            raise RigError(
                f"relay {relay} of {self.name} is stuck: its contact {contact}. "
                "Check relay and feedback wire."
            )
        return lasted

    def _pulse(self, relay: int, ms: int) -> int:
        """Wait for the end of a press, and then for what the contact has to say."""
        deadline = self._clock() + ms / 1000 + self._session.settings.reply_s
        # Who has not looked at the port since cannot say that the board said nothing.
        with self._changed:
            while relay not in self._pulses:
                if not self._ready:
                    raise RigError(
                        f"key press by relay {relay} of {self.name} broke off: "
                        f"{self._blind_reason()}. The relay opens by itself."
                    )
                if self._looked_at > deadline:
                    raise RigError(f"relay {relay} of {self.name} never said that it has opened")
                self._changed.wait(0.05)
            if relay in self._session.settings.feedback:
                until = self._clock() + STUCK_S
                while relay not in self._relay_faults and self._looked_at < until:
                    self._changed.wait(0.01)
            return self._pulses.pop(relay)

    def sensor(
        self,
        handset: str,
        lamps: Mapping[str, int],
        thresholds: PatternThresholds | Mapping[str, PatternThresholds] | None = None,
    ) -> BoardLampSensor:
        """Make a lamp sensor for one handset.

        Args:
            handset: name that its events carry.
            lamps: input of each lamp: ``{"message": 0, "account:1": 1}``.
            thresholds: limits of the classifier, for all lamps or by lamp.

        Raises:
            rig.errors.UsageError: no such input, or no lamps.
        """
        for channel in lamps.values():
            self._check(channel)
        if isinstance(thresholds, PatternThresholds):
            thresholds = dict.fromkeys(lamps, thresholds)
        inputs = ",".join(str(channel) for channel in lamps.values())
        sensor = BoardLampSensor(
            handset,
            lamps,
            name=f"{self.name}#{inputs}",
            thresholds=thresholds,
            confirm_s=2 * self._session.settings.beat_s,
        )
        with self._changed:
            for reading in self._session.channels.readings:
                sensor.light_changed(LightChanged(reading))
            self._sensors.append(sensor)
        return sensor

    def _check(self, channel: int) -> None:
        count = self.info.lamps if self.info else len(LAMPS)
        if channel not in range(count):
            raise UsageError(f"{self.name} has inputs 0 to {count - 1}, got {channel}")

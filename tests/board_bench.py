"""The lamp board's own decision logic and the host's session, at one simulated instant."""

from __future__ import annotations

from firmware_kit import NativeCore

from rig.lamp.board.calibration import calibrate
from rig.lamp.board.channels import LightChanged
from rig.lamp.board.events import Phase
from rig.lamp.board.session import BoardSession

DARK, LIT, STEP_S = 20, 600, 0.001
WRAP_MS = 1 << 32


class Bench:
    """A board of silicon's logic, a line, and a session, at one simulated instant."""

    def __init__(self, settings=None, *, start_ms=0, lamps=(0, 1)):
        self.now = 1_796_000_000.0
        self.start_ms = start_ms
        self.started_at = self.now
        self.rate = 1.0
        self.core = NativeCore()
        self.session = BoardSession(settings)
        self.raw = [DARK] * 8
        self.contacts = 0
        self.events = []
        self.still = self.deaf = False
        self.edit = lambda octets: octets
        self.sent = []
        for lamp in lamps:
            self.session.calibrated(lamp, calibrate(lamp, DARK, LIT), self.now)

    @property
    def ms(self):
        return (self.start_ms + int((self.now - self.started_at) * 1000 * self.rate)) % WRAP_MS

    def open(self):
        self.session.opened(self.now)

    def run(self, seconds):
        """Let time pass: a sample of every input each 4 ms, octets both ways each ms."""
        for _ in range(round(seconds / STEP_S)):
            self.now += STEP_S
            self.step()

    def step(self):
        if not self.still:
            if self.ms % 4 == 0:
                for lamp, raw in enumerate(self.raw):
                    self.core.sample(lamp, raw, self.ms)
            self.core.tick(self.ms, self.contacts)
            if octets := self.edit(self.core.octets()):
                self.session.receive(octets, self.now)
        self.session.handle_timer(self.now)
        while octets := self.session.data_to_send(self.now):
            self.sent.append(octets)
            if not self.still and not self.deaf:
                self.core.send(octets, self.ms)
        self.events += self.session.take_events()

    def reset(self, cause=b"watchdog"):
        self.core = NativeCore(cause)
        self.started_at, self.start_ms = self.now, 0

    def ready(self):
        self.open()
        self.run(0.4)
        assert self.session.phase is Phase.READY
        self.events.clear()
        return self

    def reading(self, channel=0):
        return self.session.channels.readings[channel]

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def changes(self, channel=0):
        return [
            event.reading for event in self.of(LightChanged) if event.reading.channel == channel
        ]

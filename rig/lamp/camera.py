"""A camera as lamp sensor: looks at regions of its picture with OpenCV.

OpenCV is an optional part of the installation (``pip install 'phonerig[camera]'``) and is
imported when a camera is used. Exposure and white balance of the camera must be locked, else
they hide what the lamp does. Instants are the video's own time stamps, brought to the rig's
clock; where they do not follow that clock, nothing is known.

What a picture says is decided in :mod:`rig.lamp.camera_rule`. No camera was at hand when this was
written: it has seen generated video only, from files and over HTTP.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rig.clock import Clock, now
from rig.errors import RigError, UsageError
from rig.lamp.base import LampListener
from rig.lamp.camera_rule import (
    CameraEye,
    CameraThresholds,
    Change,
    LampColour,
    Look,
    Region,
    Sight,
)
from rig.lamp.pattern import PatternThresholds
from rig.timeline import LampSeen, LampState

logger = logging.getLogger("phonerig.lamp")

SILENCE_S = 1.0
"""A camera without a picture for so long is lost."""
WHITE = 250
"""A pixel all of whose colours are above this is white at the sensor's limit."""
COARSE = 8
"""Of the whole picture every so many rows and columns tell enough."""
STAMP_WINDOW_S = 2.0
STAMP_SLACK = 0.1
"""Over that long, time stamps must not run faster or slower than the clock by this share."""
_BACKLOG = 64


def load_opencv() -> Any:
    """Give the module ``cv2``.

    Raises:
        RigError: it is not installed; says how to install it.
    """
    try:
        return importlib.import_module("cv2")
    except ImportError as missing:
        raise RigError(
            "a camera as lamp sensor needs OpenCV, which is not installed: "
            f"pip install 'phonerig[camera]' ({missing})"
        ) from missing


@dataclass(frozen=True, slots=True)
class CameraLamp:
    """Where a lamp stands in the picture.

    Attributes:
        region: the lamp.
        colour: that it must have to count as lit.
        room: a region beside it on the housing, that sees room light only.
        thresholds: levels and rate of pictures.
        patterns: limits of blinking.
    """

    region: Region
    colour: LampColour = LampColour.ANY
    room: Region | None = None
    thresholds: CameraThresholds = field(default_factory=CameraThresholds)
    patterns: PatternThresholds = field(default_factory=PatternThresholds)

    def eye(self) -> CameraEye:
        """What follows this lamp."""
        return CameraEye(self.colour, self.thresholds, self.patterns)

    def look(self, frame: Any, at: float) -> Look:
        """Measure one picture.

        Args:
            frame: blue, green, red octets in rows, as OpenCV gives them.
            at: when it was taken.

        Raises:
            UsageError: a region lies outside the picture.
        """
        room = None if self.room is None else _sight(_cut(frame, self.room))
        coarse = frame[::COARSE, ::COARSE]
        return Look(at, _sight(coarse), _sight(_cut(frame, self.region)), room)


def _cut(frame: Any, region: Region) -> Any:
    height, width = frame.shape[:2]
    if region.x + region.width > width or region.y + region.height > height:
        raise UsageError(
            f"region {region} lies outside the camera's picture of {width} by {height} pixels"
        )
    return frame[region.y : region.y + region.height, region.x : region.x + region.width]


def _sight(part: Any) -> Sight:
    blue, green, red = (float(mean) for mean in part.mean(axis=(0, 1)))
    return Sight(red, green, blue, float((part.min(axis=2) >= WHITE).mean()))


def _pictures(source: int | str) -> Iterator[tuple[Any, float]]:
    """Pictures and their time stamps in seconds, until there are no more."""
    cv2 = load_opencv()
    video = cv2.VideoCapture(source)
    try:
        if not video.isOpened():
            raise RigError(
                f"camera {source!r} cannot be opened: expected a device as /dev/video0, a video "
                "file or an http:// or rtsp:// address; is it there, and used by nobody else?"
            )
        while True:
            good, frame = video.read()
            if not good:
                return
            yield frame, video.get(cv2.CAP_PROP_POS_MSEC) / 1000
    finally:
        video.release()


class StampClock:
    """Brings the time stamps of a live video to the rig's clock.

    A picture arrives later than it was taken, never earlier, so the smallest distance of
    arrival and time stamp is nearest to the truth.
    """

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._offset_s = 0.0
        self.fault = ""

    def at(self, stamp_s: float, arrived_at: float) -> float:
        """When a picture was taken, on the rig's clock.

        Args:
            stamp_s: its time stamp.
            arrived_at: when it was got.
        """
        offset_s = arrived_at - stamp_s
        if self._first is None:
            self._first, self._offset_s = (stamp_s, arrived_at), offset_s
        self._offset_s = min(self._offset_s, offset_s)
        video_s, clock_s = stamp_s - self._first[0], arrived_at - self._first[1]
        if clock_s >= STAMP_WINDOW_S:
            rate = video_s / clock_s
            self.fault = (
                f"the video's time stamps run at {rate:.2f} of the clock: the camera sends none, "
                "or too few pictures arrive"
                if abs(rate - 1) > STAMP_SLACK
                else ""
            )
        return stamp_s + self._offset_s


class CameraSensor:
    """Watches the lamps of one handset with a camera.

    Listeners are called from the sensor's own thread.
    """

    def __init__(
        self,
        handset: str,
        lamps: Mapping[str, CameraLamp],
        source: int | str,
        *,
        stamps: bool = True,
        clock: Clock = now,
    ) -> None:
        """Describe a camera; nothing is opened yet.

        Args:
            handset: name that events carry.
            lamps: where each lamp stands; ``message`` or ``account:N``.
            source: device, number of a device, or address.
            stamps: use the video's time stamps; False takes the instants of arrival, for
                network cameras that send none.
            clock: gives the rig's instants.
        """
        self._handset = handset
        self._lamps = dict(lamps)
        self._source = source
        self._stamps = stamps
        self._clock = clock
        self._eyes = {name: lamp.eye() for name, lamp in self._lamps.items()}
        self._told = dict.fromkeys(self._lamps, LampState.UNKNOWN)
        self._listeners: list[LampListener] = []
        self._queue: queue.Queue[tuple[Any, float, float] | Exception | None] = queue.Queue(
            _BACKLOG
        )
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def name(self) -> str:
        """Which sensor this is."""
        return f"camera:{self._source}"

    def state(self, lamp: str = "message") -> LampState:
        """What a lamp does now; ``unknown`` for a lamp that no region is given for."""
        eye = self._eyes.get(lamp)
        return LampState.UNKNOWN if eye is None else eye.state

    def reason(self, lamp: str = "message") -> str:
        """Why the state of a lamp is unknown; empty if it is known."""
        eye = self._eyes.get(lamp)
        return f"no region is given for lamp {lamp}" if eye is None else eye.reason

    @property
    def lamps(self) -> tuple[str, ...]:
        """Which lamps it sees."""
        return tuple(self._lamps)

    @property
    def settle_s(self) -> float:
        """How long after a change :meth:`state` may still say what was before."""
        slowest_s = max(
            (lamp.patterns.decides_within_s for lamp in self._lamps.values()), default=0
        )
        return slowest_s + SILENCE_S

    def decided(self, lamp: str, at: float) -> bool:
        """Whether what a lamp did at an instant is known by now, or that it cannot be known."""
        eye = self._eyes.get(lamp)
        return eye is None or eye.decided(at)

    def subscribe(self, listener: LampListener) -> None:
        """Call ``listener`` at every change from now on."""
        self._listeners.append(listener)

    def start(self) -> None:
        """Open the camera and begin to watch.

        Raises:
            RigError: OpenCV is not installed.
        """
        load_opencv()
        for work in (self._read, self._watch):
            thread = threading.Thread(target=work, name=f"{self.name} {work.__name__}")
            thread.daemon = True  # a driver that never gives its picture must not hold the program
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stop watching; safe to call twice."""
        self._ending.set()
        for thread in self._threads:
            thread.join(SILENCE_S * 2)
        self._threads.clear()

    def _read(self) -> None:
        last: Exception | None = None
        try:
            for frame, stamp_s in _pictures(self._source):
                if self._ending.is_set():
                    return
                # A picture that finds no room is left out, and seen as a gap.
                if not self._queue.full():
                    self._queue.put((frame, stamp_s, self._clock()))
        except Exception as error:  # noqa: BLE001 - whatever the driver does, the sensor says so
            last = error
        with contextlib.suppress(queue.Full):  # then nobody is watching any more
            self._queue.put(last, timeout=SILENCE_S)

    def _watch(self) -> None:
        try:
            self._follow()
        except Exception as error:
            # What was known must not look as if it were still watched.
            logger.exception("%s has ended", self.name)
            self._lose_sight(f"camera {self._source}: a picture cannot be judged: {error!r}")

    def _follow(self) -> None:
        stamps = StampClock()
        while not self._ending.is_set():
            try:
                item = self._queue.get(timeout=SILENCE_S)
            except queue.Empty:
                self._lose_sight(f"no picture from camera {self._source} for {SILENCE_S:g} s")
                continue
            if not isinstance(item, tuple):
                why = f"camera {self._source} gives no more pictures: is it unplugged?"
                self._lose_sight(why if item is None else str(item))
                return
            frame, stamp_s, arrived_at = item
            at = stamps.at(stamp_s, arrived_at) if self._stamps else arrived_at
            if self._stamps and stamps.fault:
                self._lose_sight(stamps.fault)
                continue
            try:
                self._look(frame, at)
            except UsageError as wrong:
                self._lose_sight(str(wrong))
                return

    def _look(self, frame: Any, at: float) -> None:
        for name, lamp in self._lamps.items():
            eye = self._eyes[name]
            for change in eye.look(lamp.look(frame, at)):
                self._tell(name, change, eye.interval_s)

    def _lose_sight(self, reason: str) -> None:
        for name, eye in self._eyes.items():
            for change in eye.lose_sight(self._clock(), reason):
                self._tell(name, change, 0.0)

    def _tell(self, lamp: str, change: Change, latency_s: float) -> None:
        if change.state is self._told[lamp]:
            return  # only the reason is another one
        self._told[lamp] = change.state
        event = LampSeen(
            at=change.at,
            handset=self._handset,
            lamp=lamp,
            state=change.state,
            sensor=self.name,
            latency_s=round(latency_s + change.slack_s, 4),
            reason=change.reason,
        )
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                logger.exception("a listener of %s failed", self.name)

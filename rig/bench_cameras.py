"""In which camera's picture a handset's lamp is, and the cameras of a run while they are open.

Lamp boards have a wiring file of their own (:mod:`rig.lamp.wiring`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rig.lamp.camera import CameraLamp, CameraSensor


@dataclass(frozen=True, slots=True)
class CameraSource:
    """A camera.

    Attributes:
        name: in the bench file.
        source: number of a device, device or address.
        stamps: whether its video has time stamps.
    """

    name: str
    source: int | str
    stamps: bool = True


@dataclass(frozen=True, slots=True)
class CameraPlace:
    """A lamp in the picture of a camera.

    Attributes:
        source: the camera.
        lamp: where and how it is seen.
    """

    source: CameraSource
    lamp: CameraLamp

    def sensor(self, handset: str) -> CameraSensor:
        """Make the sensor of a handset's message lamp; nothing is opened yet."""
        return CameraSensor(
            handset, {"message": self.lamp}, self.source.source, stamps=self.source.stamps
        )


class OpenCameras:
    """The cameras of one run."""

    def __init__(self, places: Mapping[str, CameraPlace], handsets: Iterable[str]) -> None:
        """Describe them; nothing is opened yet.

        Args:
            places: by name of the handset.
            handsets: names of those on the bench; cameras of others are left alone.
        """
        wanted = frozenset(handsets)
        self._places = {name: place for name, place in places.items() if name in wanted}
        self._stack = contextlib.AsyncExitStack()
        self._sensors: dict[str, CameraSensor] = {}

    def open(self) -> None:
        """Begin to watch.

        Raises:
            RigError: OpenCV is not installed.
        """
        for handset, place in self._places.items():
            sensor = place.sensor(handset)
            self._stack.push_async_callback(asyncio.to_thread, sensor.stop)
            sensor.start()
            self._sensors[handset] = sensor

    def sensor(self, handset: str) -> CameraSensor | None:
        """What sees the lamp of a handset; None if no camera does."""
        return self._sensors.get(handset)

    async def close(self) -> None:
        """Stop watching; safe to call twice."""
        await self._stack.aclose()

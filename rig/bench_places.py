"""The labgrid places of a bench: all taken before anything else, all given back at its end."""

from __future__ import annotations

from collections.abc import Mapping

from provisioning.known_names import known_names
from rig.errors import RigError
from rig.hardware.labgrid_place import LabgridPlace
from rig.hardware.labgrid_shown import PlaceShown
from rig.lamp.boards import PLACE_SCHEME


class OpenPlaces:
    """Places that are held together."""

    def __init__(self, places: Mapping[str, LabgridPlace]) -> None:
        """Name them; nothing is taken yet.

        Args:
            places: by their names in the bench file.
        """
        self._places = places
        self._held: list[LabgridPlace] = []

    async def open(self) -> None:
        """Take all of them, or none.

        Raises:
            RigError: one cannot be had; says why, and who has it.
        """
        try:
            for name in self._places:
                await self.take(name)
        except BaseException:
            await self.close()
            raise

    async def take(self, name: str) -> PlaceShown:
        """Take one.

        Raises:
            RigError: it cannot be had.
        """
        shown = await self._places[name].acquire()
        self._held.append(self._places[name])
        return shown

    async def close(self) -> None:
        """Give back what is held. Safe to call twice."""
        while self._held:
            await self._held.pop().release()

    def board_url(self, url: str) -> str:
        """Where a lamp board is now: ``labgrid:NAME`` is at the serial port of that place.

        Raises:
            RigError: there is no such place, it is not held, or it has no such port.
        """
        if not url.startswith(PLACE_SCHEME):
            return url
        name = url.removeprefix(PLACE_SCHEME)
        if name not in self._places:
            raise RigError(
                f"lamp board {url}: the bench has no place {name!r}; "
                f"{known_names(name, self._places)}"
            )
        return self._places[name].serial_url

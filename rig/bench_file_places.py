"""Reads the labgrid places of a bench file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from provisioning.inventory_fields import FieldReader
from rig.bench_parts import PowerSource
from rig.hardware.labgrid_place import (
    CLIENT,
    COMMAND_LIMIT_S,
    LabgridPlace,
    LabgridPort,
    PlaceAddress,
)

COORDINATOR = r"(?:[A-Za-z0-9][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4}"
COORDINATOR_FORM = "HOST:PORT of the coordinator, such as lab.example:20408"
PLACE = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}"
PLACE_FORM = "the whole name of a place, letters, digits, _ . : -"
RESOURCE = r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}"
RESOURCE_FORM = "the name of a resource at the place"


@dataclass(frozen=True, slots=True)
class PlaceSource:
    """A place of the file that feeds a handset.

    Attributes:
        name: for messages.
        place: itself.
    """

    name: str
    place: LabgridPlace

    def port(self, part: FieldReader) -> tuple[str, LabgridPort] | None:
        """Make what feeds a handset."""
        resource = part.text("resource", pattern=RESOURCE, form=RESOURCE_FORM)
        return f"power {resource}".strip(), LabgridPort(self.place, resource)


def read_places(parts: Iterable[tuple[str, FieldReader]], folder: Path) -> dict[str, LabgridPlace]:
    """Read every place.

    Args:
        parts: name and mapping of each.
        folder: of the file, from which the path of a program counts.
    """
    found: dict[str, LabgridPlace] = {}
    for name, part in parts:
        coordinator = part.text(
            "coordinator", required=True, pattern=COORDINATOR, form=COORDINATOR_FORM
        )
        place = part.text("place", required=True, pattern=PLACE, form=PLACE_FORM)
        client = part.text("client") or CLIENT
        if "/" in client:
            client = str(folder / Path(client).expanduser())
        serial = part.text("serial", pattern=RESOURCE, form=RESOURCE_FORM)
        limit_s = part.number("timeout_s", COMMAND_LIMIT_S, low=1, high=600)
        part.finish()
        there = [each.address for each in found.values()]
        if any((each.coordinator, each.place) == (coordinator, place) for each in there):
            part.faults.add(
                part.position, f"place {place} of {coordinator} is described twice", got=name,
                expected="one name for each place", fix="Remove one of the two.",
            )  # fmt: skip
        if coordinator and place:
            found[name] = LabgridPlace(
                PlaceAddress(name, coordinator, place, client, serial, limit_s)
            )
    return found


def as_sources(places: dict[str, LabgridPlace]) -> dict[str, PowerSource]:
    """The places as what may feed a handset, by kind and name."""
    return {f"place {name}": PlaceSource(f"place {name}", each) for name, each in places.items()}

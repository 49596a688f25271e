"""Taking a place of a lab: whole, by its whole name, or not at all."""

from __future__ import annotations

import pytest

from rig.errors import RigError
from rig.hardware.labgrid_place import LabgridPlace, LabgridPort, PlaceAddress
from rig.hardware.power import PowerError

FREE = "Place 'desk':\n  acquired: None\n"
HELD = "Place 'desk':\n  acquired: h/rig\n"
ORPHAN = "Orphaned resource 'Port' (site/lamps-7/NetworkSerialPort/Port)\n"


class Client:
    """What ``labgrid-client`` says to each command in turn; an error is raised."""

    def __init__(self, *answers: str | RigError) -> None:
        self.answers = list(answers)
        self.commands: list[str] = []

    async def run(self, *words: str) -> str:
        self.commands.append(" ".join(words))
        if words[0] == "release-from":
            return ""
        answer = self.answers.pop(0)
        if isinstance(answer, RigError):
            raise answer
        return answer


def place_of(client: Client, monkeypatch: pytest.MonkeyPatch) -> LabgridPlace:
    monkeypatch.setattr(LabgridPlace, "_run", client.run)
    return LabgridPlace(PlaceAddress("d", "127.0.0.1:9", "desk"), host="h", user="rig")


async def test_a_place_that_lacks_something_is_given_back_at_once(monkeypatch):
    client = Client(FREE, "", HELD + ORPHAN)
    place = place_of(client, monkeypatch)
    with pytest.raises(
        RigError, match=r"lacks site/lamps-7/NetworkSerialPort/Port: exporter gone"
    ):
        await place.acquire()
    assert client.commands == ["show", "acquire", "show", "release-from h/rig"]
    with pytest.raises(RigError, match="is not held"):
        _ = place.serial_url


async def test_who_was_quicker_is_named(monkeypatch):
    quicker = RigError("Error: place desk is already acquired by far/other.")
    client = Client(FREE, quicker)
    with pytest.raises(RigError, match=r"is taken by far/other; wait until it is released"):
        await place_of(client, monkeypatch).acquire()
    client = Client(HELD)
    with pytest.raises(RigError, match=r"is taken by h/rig; wait until it is released"):
        await place_of(client, monkeypatch).acquire()
    assert client.commands == ["show"]


async def test_a_part_of_a_name_is_not_the_place(monkeypatch):
    client = Client(FREE.replace("desk", "desk-7"))
    with pytest.raises(RigError, match=r"expected its whole name; the nearest is desk-7"):
        await place_of(client, monkeypatch).acquire()
    assert client.commands == ["show"]


async def test_it_is_held_until_the_last_one_lets_go(monkeypatch):
    client = Client(FREE, "", HELD)
    place = place_of(client, monkeypatch)
    assert (await place.acquire()).holder == "h/rig"
    await place.acquire()
    await place.release()
    assert "release-from h/rig" not in client.commands
    await place.release()
    await place.release()
    assert client.commands == ["show", "acquire", "show", "release-from h/rig"]


async def test_a_port_takes_its_place_once_and_speaks_of_power(monkeypatch):
    said = "power for place desk is off"
    client = Client(FREE, "", HELD, said, RigError("no such device"), "gibberish")
    port = LabgridPort(place_of(client, monkeypatch))
    assert (await port.state()).detail == "labgrid says off"
    with pytest.raises(PowerError, match=r"power of labgrid place desk: no such device"):
        await port.state()
    with pytest.raises(
        PowerError, match=r"says 'gibberish', expected 'power for place NAME is on"
    ):
        await port.state()
    await port.close()
    await port.close()
    assert client.commands[-1] == "release-from h/rig"
    assert client.commands.count("acquire") == 1

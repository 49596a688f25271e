"""What a capture shows of registrations, and that it proves nothing when it has lost something."""

from __future__ import annotations

from rig.capture.packet import CapturedPacket
from rig.resync.sightings import Sightings
from rig.resync.wire import WireWatch
from rig.timeline import Address, Tap

OWN, REGISTRAR, OTHER = ("192.0.2.1", 5070), ("192.0.2.9", 5060), ("192.0.2.8", 5080)
DESK, HALL = ("192.0.2.7", 5062), ("192.0.2.6", 5062)


def registered(user: str, source: Address, destination: Address) -> CapturedPacket:
    """An answer of a registrar, on the wire."""
    text = (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {destination[0]};branch=z9hG4bK{user}\r\n"
        f"From: <sip:{user}@b.example>;tag=1\r\nTo: <sip:{user}@b.example>;tag=2\r\n"
        f"Call-ID: {user}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{user}@{destination[0]}>\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    return CapturedPacket(
        at=5.0, tap=Tap.WIRE, transport="UDP", source=source, destination=destination,
        payload=text.encode(), outbound=None,
    )  # fmt: skip


def test_only_the_registrars_answers_to_phones_count_and_a_loss_ends_it() -> None:
    accounts = {f"sip:{name}@b.example": name for name in ("desk", "hall", "own", "late")}
    sightings = Sightings({}, accounts, sip_watched=True)
    watch = WireWatch("lo", sightings, host=REGISTRAR[0], ports={REGISTRAR[1]})
    watch._own = OWN
    for user, source, destination in (
        ("desk", REGISTRAR, DESK), ("hall", OTHER, HALL), ("own", REGISTRAR, OWN),
    ):  # fmt: skip
        watch._recorder.add(registered(user, source, destination))
    watch.look()
    assert sightings.registered_since("desk", 4.0) is True
    assert sightings.registered_since("hall", 4.0) is False, "another platform's answer"
    assert sightings.registered_since("own", 4.0) is False, "we asked for the bindings"
    watch._recorder.lost(Tap.WIRE, 1)
    watch.look()
    assert sightings.registered_since("desk", 4.0) is True
    assert sightings.registered_since("hall", 4.0) is None, "it may be in what was lost"

"""What a fuzzer does to TFTP packets, and packets that nobody waits for."""

from __future__ import annotations

import random

from provisioning.transport.tftp_packet import Data, Error, OptionAck

RRQ, WRQ, DATA, ACK, ERROR, OACK = (number.to_bytes(2) for number in range(1, 7))
PIECES = [
    *(b"\0", b"\0\0", b"octet\0", b"netascii\0", b"mail\0", b"\xff\xff", b"../", b"\x80", b"\r\n"),
    *(RRQ, WRQ, DATA, ACK, ERROR, OACK, b"\0\7", b"\1\1", b"%2e", b"blksize\0", b"x" * 600),
]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A packet with a few places changed, doubled, cut out or replaced."""
    for _ in range(rng.randint(1, 3)):
        at, to = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
        kind = rng.randrange(5)
        new = rng.choice(PIECES) if kind < 3 else rng.randbytes(rng.randrange(3))
        if kind == 0:
            to = at
        elif kind == 4:
            new = data[at:to] * 2
        elif kind == 1:
            to = min(to, at + 2)
        data = (data[:at] + new + data[to:])[:1600]
    return data


def any_packet(rng: random.Random) -> bytes:
    """A packet that nobody waits for, or no packet."""
    return rng.choice(
        [
            rng.randbytes(rng.randrange(6)),
            rng.choice([DATA, ACK, ERROR, OACK]) + rng.randbytes(rng.randrange(9)),
            Error(rng.randrange(12), "fuzz").to_bytes(),
            Data(rng.randrange(1 << 16), bytes(rng.randrange(600))).to_bytes(),
            OptionAck((("blksize", "512"),)).to_bytes(),
            rng.randbytes(rng.randrange(1500)),
        ]
    )

"""TFTP option negotiation: what a server grants and what a client may be told.

Sans-IO. Source: RFC 2347 (negotiation), RFC 2348 (blksize), RFC 2349 (timeout, tsize),
RFC 7440 (windowsize).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from provisioning.errors import RemoteProtocolError
from provisioning.transport.tftp_packet import DEFAULT_BLKSIZE, ErrorCode

BLKSIZE_RANGE = range(8, 65_464 + 1)
TIMEOUT_RANGE_S = range(1, 255 + 1)
WINDOWSIZE_RANGE = range(1, 65_535 + 1)

MAX_BURST_OCTETS = 131_072
"""A window larger than a socket buffer loses its own tail; granted windows stay below."""

_NUMBER = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class Terms:
    """What both ends of a transfer agreed on.

    Attributes:
        blksize: octets in every DATA but the last.
        windowsize: DATA packets before an ACK.
        timeout_s: retransmission interval asked for, or None for an adaptive one.
        tsize: announced octets, or None.
        acknowledged: what the OACK says; empty when there is none.
    """

    blksize: int = DEFAULT_BLKSIZE
    windowsize: int = 1
    timeout_s: int | None = None
    tsize: int | None = None
    acknowledged: tuple[tuple[str, str], ...] = ()


NO_TERMS = Terms()
"""Those of a request without options."""


@lru_cache(256)  # phones of one model ask alike
def grant(
    options: tuple[tuple[str, str], ...],
    *,
    octets: int | None,
    max_blksize: int = BLKSIZE_RANGE.stop - 1,
    max_windowsize: int = 64,
) -> Terms:
    """Decide, as a server, which options of a request are acknowledged.

    An unknown option, or a value out of its range, is left out of the OACK, which tells the
    client that it does not apply. A larger block or window may be lowered, never raised.

    Args:
        options: of the RRQ, by lower-case name.
        octets: size to answer ``tsize`` with, or None to leave it out (a read in netascii).
        max_blksize: largest block to grant, octets.
        max_windowsize: largest window to grant, blocks.
    """
    asked = dict(options)
    acknowledged: dict[str, str] = {}
    blksize, windowsize = DEFAULT_BLKSIZE, 1
    timeout_s: int | None = None
    tsize: int | None = None
    wanted = _number(asked.get("blksize"))
    if wanted is not None and wanted >= BLKSIZE_RANGE.start:
        blksize = min(wanted, max_blksize, BLKSIZE_RANGE.stop - 1)
        acknowledged["blksize"] = str(blksize)
    wanted = _number(asked.get("timeout"))
    if wanted is not None and wanted in TIMEOUT_RANGE_S:
        timeout_s = wanted
        acknowledged["timeout"] = asked["timeout"]  # RFC 2349: the same value back
    if _number(asked.get("tsize")) is not None and octets is not None:
        tsize = octets
        acknowledged["tsize"] = str(octets)
    wanted = _number(asked.get("windowsize"))
    if wanted is not None and wanted in WINDOWSIZE_RANGE:
        windowsize = min(wanted, max_windowsize, max(1, MAX_BURST_OCTETS // blksize))
        acknowledged["windowsize"] = str(windowsize)
    in_order = tuple((name, acknowledged[name]) for name in asked if name in acknowledged)
    return Terms(blksize, windowsize, timeout_s, tsize, in_order)


def announced(options: tuple[tuple[str, str], ...]) -> int | None:
    """How many octets a write request says it will bring, or None (RFC 2349, ``tsize``).

    Args:
        options: of the WRQ, by lower-case name.
    """
    return _number(dict(options).get("tsize"))


def accept(asked: tuple[tuple[str, str], ...], acknowledged: tuple[tuple[str, str], ...]) -> Terms:
    """Check, as a client, what a server acknowledged against what was asked.

    Args:
        asked: options of our own RRQ.
        acknowledged: options of the OACK.

    Raises:
        RemoteProtocolError: an option that was not asked for, or a value that the RFC of the
            option does not allow; ``status_hint`` is ERROR code 8. Source: RFC 2347,
            "Negotiation Protocol".
    """
    wanted = dict(asked)
    numbers: dict[str, int] = {}
    for name, value in acknowledged:
        number = _number(value)
        if name not in wanted or number is None or not _allowed(name, number, wanted[name]):
            raise RemoteProtocolError(
                f"server acknowledged option {name}={value!r}, "
                f"asked was {wanted.get(name, 'nothing of that name')!r}",
                status_hint=ErrorCode.OPTION_REFUSED,
            )
        numbers[name] = number
    return Terms(
        blksize=numbers.get("blksize", DEFAULT_BLKSIZE),
        windowsize=numbers.get("windowsize", 1),
        timeout_s=numbers.get("timeout"),
        tsize=numbers.get("tsize"),
        acknowledged=acknowledged,
    )


def _allowed(name: str, number: int, asked: str) -> bool:
    if name == "tsize":
        return True
    limit = _number(asked)
    if limit is None:
        return False
    if name == "timeout":
        return number == limit
    if name == "blksize":
        return BLKSIZE_RANGE.start <= number <= limit
    return name == "windowsize" and WINDOWSIZE_RANGE.start <= number <= limit


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None

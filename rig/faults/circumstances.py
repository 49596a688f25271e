"""What must be so for a fault to show and is no fault by itself: an old phone, a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from rig.handset.emulated.hook import HandsetHook

AlterFile = Callable[[str, bytes], bytes]
"""``(name, content)`` to the content that is served."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """How a bench is set up for one fault, the same with and without it.

    Attributes:
        fetch_by: ``http`` or ``tftp``; empty for what the bench says.
        folder: in which the files stand, as it is written in a URL; empty for none.
        tftp_options: handsets ask for larger TFTP blocks; old ones know no options.
        firmware: hooks of handsets whose firmware does something that others do not, by role.
        file: what all files are like, e.g. of a certain length.
        extra_files: content by name of files that nobody renders.
        ipv6: files, SIP and audio go over IPv6.
    """

    fetch_by: str = ""
    folder: str = ""
    tftp_options: bool = True
    firmware: Mapping[str, HandsetHook] = field(default_factory=dict)
    file: AlterFile | None = None
    extra_files: Mapping[str, bytes] = field(default_factory=dict)
    ipv6: bool = False


NOTHING_SPECIAL = Circumstances()


def conflict(one: Circumstances, two: Circumstances) -> bool:
    """Whether no bench can be as both want it: another way to fetch, another folder."""
    return any(
        first and second and first != second
        for first, second in ((one.fetch_by, two.fetch_by), (one.folder, two.folder))
    )


def together(wanted: Iterable[Circumstances]) -> Circumstances:
    """A bench that is as each of several faults wants it; see :func:`conflict`."""
    all_of_them = list(wanted)
    changes = [one.file for one in all_of_them if one.file]

    def file(name: str, content: bytes) -> bytes:
        for change in changes:
            content = change(name, content)
        return content

    return Circumstances(
        fetch_by=next((one.fetch_by for one in all_of_them if one.fetch_by), ""),
        folder=next((one.folder for one in all_of_them if one.folder), ""),
        tftp_options=all(one.tftp_options for one in all_of_them),
        firmware={role: hook for one in all_of_them for role, hook in one.firmware.items()},
        file=file if changes else None,
        extra_files={name: c for one in all_of_them for name, c in one.extra_files.items()},
        ipv6=any(one.ipv6 for one in all_of_them),
    )

"""What must be so for a fault to show and is no fault by itself: an old phone, a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """

    fetch_by: str = ""
    folder: str = ""
    tftp_options: bool = True
    firmware: Mapping[str, HandsetHook] = field(default_factory=dict)
    file: AlterFile | None = None
    extra_files: Mapping[str, bytes] = field(default_factory=dict)


NOTHING_SPECIAL = Circumstances()

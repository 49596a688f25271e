"""What the readers of a bench file's parts share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from provisioning.inventory_fields import FieldReader
from rig.hardware.power import PowerPort

NAME = r"[a-z0-9][a-z0-9_-]{0,31}"
NAME_FORM = re.compile(NAME)

TakeOnce = Callable[[str, str], None]
"""Told device and place that a handset takes; reports what another one has already."""


class PowerSource(Protocol):
    """A device that feeds handsets."""

    @property
    def name(self) -> str:
        """Kind and name, for messages."""
        ...

    def port(self, part: FieldReader) -> tuple[str, PowerPort] | None:
        """Make one port.

        Args:
            part: the ``power`` of a handset.

        Returns:
            What the port is called and the port; None if something is wrong, which is reported.
        """
        ...

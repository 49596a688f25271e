"""The embedded platform: registrar, routing, mailbox, portal and notifier in one process.

Names are loaded on first use, so that whoever needs only the rules does not load sockets.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rig.mailbox_platform.embedded.config import PlatformConfig
    from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
    from rig.mailbox_platform.embedded.hook import PlatformHook

__all__ = ["EmbeddedPlatform", "PlatformConfig", "PlatformHook"]

_MODULES = {
    "EmbeddedPlatform": "embedded_platform",
    "PlatformConfig": "config",
    "PlatformHook": "hook",
}


def __getattr__(name: str) -> object:
    """Load a public name.

    Raises:
        AttributeError: there is no such name.
    """
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)

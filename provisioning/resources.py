"""Finds the data that phonerig ships: templates, device profiles, the demo site.

In a source checkout (also an editable install) they are the top-level folders; in a wheel
they lie under ``provisioning/_data``.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).parent / "_data"
_CHECKOUT = Path(__file__).parent.parent


def templates_dir() -> Path:
    """Where the vendor template folders are."""
    return _find("templates", "templates")


def device_profiles_dir() -> Path:
    """Where the device profiles are."""
    return _find("device_profiles", "device_profiles")


def demo_site_dir() -> Path:
    """Where the built-in demo site is."""
    return _find("demo_site", "examples/demo_site")


def _find(packaged: str, checkout: str) -> Path:
    inside = _PACKAGED / packaged
    return inside if inside.is_dir() else _CHECKOUT / checkout

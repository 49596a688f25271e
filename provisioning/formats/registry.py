"""Finds the reader of a format by its name: a module of this package with a ``FORMAT``.

There is no list to add to: ``render.format: key_value`` in a profile is the module
``key_value`` beside this one.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import replace
from functools import lru_cache

from provisioning import formats
from provisioning.errors import UsageError
from provisioning.formats.format import Format
from provisioning.formats.settings import SettingsFile
from provisioning.formats.value_rule import ValueRule

__all__ = ["Format", "format_named", "known_formats", "read_settings", "rule_of"]


@lru_cache(maxsize=64)
def format_named(name: str) -> Format:
    """The format of a name.

    Args:
        name: as a profile's ``render.format`` says it.

    Raises:
        UsageError: there is none.
    """
    found = _format_in(name) if re.fullmatch(r"[a-z][a-z0-9_]*", name) else None
    if found is None:
        raise UsageError(f"no format {name!r}; known are {', '.join(known_formats())}")
    return found


@lru_cache(maxsize=1)
def known_formats() -> list[str]:
    """Names of all formats."""
    names = sorted(module.name for module in pkgutil.iter_modules(formats.__path__))
    return [name for name in names if _format_in(name) is not None]


@lru_cache(maxsize=256)
def rule_of(format_name: str, max_length: int) -> ValueRule:
    """What a model's files can hold.

    Args:
        format_name: as a profile names it.
        max_length: of the model.
    """
    form = format_named(format_name)
    return replace(form.rule, max_length=max_length, encoding=form.encoding)


def read_settings(name: str, content: bytes, path: str) -> SettingsFile:
    """Read a configuration file.

    Args:
        name: of the format.
        content: the file.
        path: its name, for positions.

    Raises:
        FormatError: not in the layout that handsets read.
        UsageError: there is no such format.
    """
    return format_named(name).read(content, path)


def _format_in(name: str) -> Format | None:
    if name not in {module.name for module in pkgutil.iter_modules(formats.__path__)}:
        return None
    module = importlib.import_module(f"{formats.__name__}.{name}")
    found = getattr(module, "FORMAT", None)
    return found if isinstance(found, Format) else None

"""Keeps Python's collector of cycles from looking through a whole site again and again.

It begins to look whenever many objects were made, and looks at all that it knows. A site is many
objects that live long and make no cycles.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_rests() -> Iterator[None]:
    """For work that makes very many objects at once, such as reading a site."""
    at_work = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if at_work:
            gc.enable()


@contextmanager
def collector_passes_by() -> Iterator[None]:
    """For long work on very many objects: those that are there already are left alone.

    Forked processes then do not copy the memory in which the collector keeps its notes.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()

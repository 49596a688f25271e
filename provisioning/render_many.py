"""Renders many handsets, by several processes when there are enough of them.

Processes are forked, so that secrets reach them in memory and never through a pipe; what comes
back are the rendered files.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioning.errors import InputErrors, UsageError
from provisioning.garbage import collector_passes_by
from provisioning.intent import HandsetIntent
from provisioning.loss import Loss
from provisioning.profile_model import Profile
from provisioning.render import RenderedFile, render_handset

FEWEST_PER_PROCESS = 200
"""Below this a process costs more than it saves."""
_CHUNK = 50
_DESCRIPTORS = Path("/proc/self/fd")

IntentOf = Callable[[str], HandsetIntent]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one handset.

    Attributes:
        handset: its name.
        files: as rendered; empty when it could not be.
        losses: what the model cannot express.
        complaints: why it could not be rendered, one line each.
    """

    handset: str
    files: tuple[RenderedFile, ...] = ()
    losses: tuple[Loss, ...] = ()
    complaints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Work:
    intent_of: IntentOf
    profiles: Mapping[str, Profile]
    templates: Path | None


_work: list[_Work] = []
"""What forked processes find in memory; set only while they are started."""


def render_many(
    models: Mapping[str, str],
    intent_of: IntentOf,
    profiles: Mapping[str, Profile],
    *,
    templates: Path | None = None,
    processes: int = 0,
) -> Iterator[Outcome]:
    """Render handsets; each is proven by reading it back.

    The handsets of a model are rendered one after the other, because what their templates and
    their read-back need is then at hand; the outcomes are in the order asked for.

    Args:
        models: model of each handset, by its name.
        intent_of: what a handset must be told, by its name.
        profiles: by model.
        templates: templates folder; None for the one that is shipped.
        processes: how many; 0 for as many as there are processors and work for.

    Raises:
        RenderError: files do not read back as intended: a fault of a template.
    """
    work = _Work(intent_of, profiles, templates)
    count = processes or min(len(os.sched_getaffinity(0)), len(models) // FEWEST_PER_PROCESS)
    by_model = sorted(models, key=models.__getitem__)
    with collector_passes_by():
        done = {outcome.handset: outcome for outcome in _by_model(by_model, work, count)}
    for name in models:
        yield done.pop(name)


def _by_model(names: list[str], work: _Work, processes: int) -> Iterator[Outcome]:
    if processes < 2:
        for name in names:
            yield _render(work, name)
        return
    _work.append(work)
    try:
        with multiprocessing.get_context("fork").Pool(processes, _begin_child) as pool:
            _work.clear()
            yield from pool.imap(_render_in_child, names, chunksize=_CHUNK)
    finally:
        _work.clear()


def _begin_child() -> None:
    """Let go of what belongs to the process that was forked, which may be a running server.

    Its event loop must not take this one's end for a signal of its own, and its connections must
    end when it closes them.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the process that ends this one
    for held in [int(path.name) for path in _DESCRIPTORS.iterdir()]:
        with contextlib.suppress(OSError):  # that of the listing itself is gone
            if stat.S_ISSOCK(os.fstat(held).st_mode):
                os.close(held)


def _render_in_child(name: str) -> Outcome:
    return _render(_work[0], name)


def _render(work: _Work, name: str) -> Outcome:
    try:
        intent = work.intent_of(name)
        rendered = render_handset(intent, work.profiles[intent.model], templates=work.templates)
    except InputErrors as error:
        return Outcome(name, complaints=tuple(str(fault) for fault in error.faults))
    except UsageError as error:
        return Outcome(name, complaints=tuple(str(error).splitlines()))
    return Outcome(name, rendered.files, rendered.losses)

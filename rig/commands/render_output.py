"""What ``phonerig render`` prints for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rig.commands.common import complain_all, say

if TYPE_CHECKING:
    from provisioning.diff import FileDiff
    from provisioning.loss import Loss

_MOST_NAMED = 5
"""How many handsets are named that have the same loss; --json names all."""


def print_losses(losses: dict[str, tuple[Loss, ...]]) -> None:
    """Print losses; one that several handsets have is told once, with their names.

    Args:
        losses: by handset.
    """
    who: dict[str, list[str]] = {}
    for name, items in losses.items():
        for loss in items:
            who.setdefault(str(loss), []).append(name)
    lines = [f"loss: {_some(names)}: {loss}" for loss, names in who.items()]
    if lines:
        complain_all(lines, style="yellow")


def print_stale(stale: Iterable[str], *, removed: bool) -> None:
    """Print which files nobody needs any more.

    Args:
        stale: their names.
        removed: they are gone now.
    """
    what = "removed" if removed else "no longer needed, removed by --prune"
    for path in sorted(stale):
        say(f"{what}: {path}")


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return shown if more <= 0 else f"{shown} and {more} more"


def print_diffs(changed: Iterable[FileDiff]) -> None:
    """Print the lines that change.

    Args:
        changed: of each file that does.
    """
    for item in changed:
        for line in item.text.splitlines():
            say(line)
        if item.secrets_changed:
            say(f"{item.path}: only secrets change")


def print_summary(diffs: Sequence[FileDiff], folder: Path, *, written: bool, names: bool) -> None:
    """Print how many files change.

    Args:
        diffs: of each file.
        folder: where they lie.
        written: they were written.
        names: print the names of those that change.
    """
    if names:
        for item in diffs:
            if item.state != "same":
                say(f"{item.state}: {item.path}")
    states = [item.state for item in diffs]
    say(
        f"{len(states)} files: {states.count('new')} new, {states.count('changed')} changed, "
        f"{states.count('same')} unchanged; "
        + (f"written to {folder}" if written else f"nothing was written to {folder}")
    )

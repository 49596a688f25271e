"""``phonerig render``: what the handsets of a site would fetch, into a folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.errors import InputErrors, InputFault, RigError, UsageError
from rig.commands.common import clear_errors, complain, print_json, profiles, read_site, say

if TYPE_CHECKING:
    from provisioning.diff import FileDiff
    from provisioning.inventory_model import InventoryHandset
    from provisioning.inventory_site import Site
    from provisioning.loss import Loss
    from provisioning.render import RenderedFile, RenderedSet, SiteFiles

_SECRET_MODE = 0o600


def render(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    out_dir: Annotated[Path, typer.Option("--out", "-o", help="Folder of the rendered files.")],
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what would change; write nothing.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 if anything would change; write nothing.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse what a model cannot express.")
    ] = False,
    handset: Annotated[str, typer.Option(help="Only the files of this handset.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Render the files of a site, proven by reading them back.

    Says what a model cannot express. Files with secrets are readable by their owner only. On
    any error nothing is written.
    """
    with clear_errors(as_json=as_json):
        inventory = read_site(site)
        entries = (inventory.handset(handset),) if handset else inventory.handsets
        sets = render_handsets(inventory, entries)
        files = join(sets)
        losses = {item.handset: item.losses for item in sets if item.losses}
        if strict and losses:
            raise InputErrors(_loss_faults(entries, losses))
        diffs = _diffs(inventory, sets, out_dir)
        changed = [item for item in diffs if item.state != "same"]
        if not (check or diff):
            _write(files, out_dir)
        if as_json:
            print_json(_data(files, diffs, losses, written=not (check or diff)))
        else:
            _print_losses(losses)
            if diff:
                _print_diffs(changed)
            _print_summary(diffs, out_dir, written=not (check or diff), names=check and not diff)
        raise typer.Exit(1 if check and changed else 0)


def render_handsets(site: Site, entries: Iterable[InventoryHandset]) -> tuple[RenderedSet, ...]:
    """Render several handsets and gather everything that cannot be rendered.

    Args:
        site: they belong to.
        entries: which.

    Raises:
        InputErrors: every field of every handset that cannot or must not be rendered.
        RigError: files do not read back as intended.
    """
    from provisioning.render import render_handset

    known = profiles()
    sets: list[RenderedSet] = []
    faults: list[InputFault] = []
    for entry in entries:
        try:
            sets.append(render_handset(site.intent(entry.name), known.get(entry.model)))
        except InputErrors as error:
            faults.extend(error.faults)
        except UsageError as error:
            faults.extend(InputFault(entry.position, line) for line in str(error).splitlines())
    if faults:
        raise InputErrors(list(dict.fromkeys(faults)))
    return tuple(sets)


def join(sets: Iterable[RenderedSet]) -> SiteFiles:
    """Join the files of handsets; see :class:`provisioning.render.SiteFiles`."""
    from provisioning.render import SiteFiles

    return SiteFiles(sets)


def _loss_faults(
    entries: Iterable[InventoryHandset], losses: dict[str, tuple[Loss, ...]]
) -> list[InputFault]:
    return [
        InputFault(
            entry.position,
            f"handset {entry.name}: {entry.model} cannot express {loss.field}",
            got=f"{loss.got or 'nothing'} ({loss.reason})",
            expected=loss.wanted or "nothing",
            fix="Change the wish or the model, or leave --strict out.",
        )
        for entry in entries
        for loss in losses.get(entry.name, ())
    ]


def _diffs(site: Site, sets: Iterable[RenderedSet], folder: Path) -> list[FileDiff]:
    from provisioning.diff import diff_files

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; expected a folder, which is made if it is missing")
    known = profiles()
    diffs: dict[str, FileDiff] = {}
    for item in sets:
        profile = known.get(site.handset(item.handset).model)
        fresh = [file for file in item.files if file.path not in diffs]
        diffs |= {found.path: found for found in diff_files(fresh, profile, folder)}
    return list(diffs.values())


def _write(files: SiteFiles, folder: Path) -> None:
    from provisioning.diff import write_files

    write_files(files, folder)
    for file in files.values():
        _protect(file, folder)


def _protect(file: RenderedFile, folder: Path) -> None:
    """An unchanged file is not written again, so its mode may be an older, wider one."""
    target = folder / file.path
    try:
        if file.secret and target.stat().st_mode & 0o077:
            target.chmod(_SECRET_MODE)
    except OSError as error:
        raise RigError(
            f"{target} holds secrets and cannot be protected: {error.strerror}"
        ) from error


def _data(
    files: SiteFiles,
    diffs: Iterable[FileDiff],
    losses: dict[str, tuple[Loss, ...]],
    *,
    written: bool,
) -> dict[str, object]:
    from provisioning.loss import loss_json

    return {
        "written": written,
        "files": [
            {
                "path": item.path,
                "handset": files[item.path].handset,
                "octets": len(files[item.path].content),
                "secret": files[item.path].secret,
                "state": item.state,
                "diff": item.text,
                "secrets_changed": item.secrets_changed,
            }
            for item in diffs
        ],
        "losses": loss_json(losses),
    }


def _print_losses(losses: dict[str, tuple[Loss, ...]]) -> None:
    for name, items in losses.items():
        for loss in items:
            complain(f"loss: {name}: {loss}", style="yellow")


def _print_diffs(changed: Iterable[FileDiff]) -> None:
    for item in changed:
        for line in item.text.splitlines():
            say(line)
        if item.secrets_changed:
            say(f"{item.path}: only secrets change")


def _print_summary(diffs: Sequence[FileDiff], folder: Path, *, written: bool, names: bool) -> None:
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

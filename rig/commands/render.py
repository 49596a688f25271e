"""``phonerig render``: what the handsets of a site would fetch, into a folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.errors import InputErrors, InputFault, RigError, UsageError
from rig.commands.common import (
    clear_errors,
    print_json,
    profiles,
    read_site,
    site_file,
)
from rig.commands.render_output import print_diffs, print_losses, print_stale, print_summary

if TYPE_CHECKING:
    from provisioning.diff import FileDiff
    from provisioning.input_notes import InputSeal
    from provisioning.inventory_model import InventoryHandset
    from provisioning.inventory_site import Site
    from provisioning.loss import Loss
    from provisioning.manifest import KeptHandset, Manifest
    from provisioning.render import RenderedFile, SiteFiles
    from provisioning.render_many import Outcome

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
    everything: Annotated[
        bool, typer.Option("--all", help="Render also what has not changed since the last run.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what an earlier run wrote and nobody needs.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Render the files of a site, proven by reading them back.

    Says what a model cannot express. A handset is not rendered again when nothing that its files
    are made from has changed and they lie in the folder as they were written; where that is so
    of all, the site is not even read. Files with secrets are readable by their owner only. On any
    error nothing is written.
    """
    with clear_errors(as_json=as_json):
        if handset and prune:
            raise UsageError("--prune goes by the whole site; leave --handset out")
        found = None if handset or everything or prune else _unchanged(site, out_dir)
        if found is None or (strict and found.losses):
            found, diffs = _read_and_render(site, out_dir, handset, strict=strict, all_=everything)
        else:
            diffs = _kept_diffs(found)
        changed = [item for item in diffs if item.state != "same"]
        if found.remembered is not None and not (check or diff):
            _write(found.files, out_dir)
            _remember(out_dir, found.remembered, prune=prune)
        if as_json:
            print_json(_data(found, diffs, out_dir, written=not (check or diff)))
        else:
            print_losses(found.losses)
            if diff:
                print_diffs(changed)
            print_summary(diffs, out_dir, written=not (check or diff), names=check and not diff)
            print_stale(found.stale, removed=prune and not (check or diff))
        raise typer.Exit(1 if check and (changed or (prune and found.stale)) else 0)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a run found.

    Attributes:
        sets: handsets that were rendered.
        files: theirs, by name.
        kept: handsets whose files need not be rendered again.
        losses: of all, by handset.
        remembered: for the next run; None when the manifest says just this.
        stale: files of earlier runs that no handset has any more, with their digests.
    """

    sets: tuple[Outcome, ...]
    files: SiteFiles
    kept: dict[str, KeptHandset]
    losses: dict[str, tuple[Loss, ...]]
    remembered: Manifest | None
    stale: Mapping[str, str]


def _unchanged(site: str, folder: Path) -> _Found | None:
    """What is there, when nothing that it was made from has changed and all of it lies there.

    The site is not read for this; None says that it must be.
    """
    from provisioning.manifest import untouched
    from provisioning.render import SiteFiles
    from provisioning.stale_files import stale_files

    manifest = untouched(folder, _made_by(site))
    if manifest is None or not manifest.handsets:
        return None
    kept = dict(manifest.handsets)
    losses = {name: one.losses for name, one in kept.items() if one.losses}
    stale = stale_files(folder, manifest, (path for one in kept.values() for path in one.files))
    return _Found((), SiteFiles(()), kept, losses, None, stale)


def _made_by(site: str) -> str:
    """What counts besides what the site was read from: the program, and which site it is."""
    from provisioning.manifest import digest_of, program_digest

    this = digest_of(Path(__file__).read_bytes())
    return "\n".join([program_digest(), this, str(site_file(site).absolute())])


def _read_and_render(
    site: str, folder: Path, handset: str, *, strict: bool, all_: bool
) -> tuple[_Found, list[FileDiff]]:
    from provisioning.input_notes import inputs_noted, seal_inputs

    made_by = _made_by(site)  # before anything is read: what changes meanwhile is seen next time
    with inputs_noted() as notes:
        inventory = read_site(site)
    entries = (inventory.handset(handset),) if handset else inventory.handsets
    seal = None if handset else seal_inputs(notes, made_by)
    found = _render(inventory, entries, folder, seal, everything=all_)
    if strict and found.losses:
        raise InputErrors(_loss_faults(entries, found.losses))
    return found, _diffs(inventory, found, folder)


def _render(
    site: Site,
    entries: Sequence[InventoryHandset],
    folder: Path,
    seal: InputSeal | None,
    *,
    everything: bool,
) -> _Found:
    """Render what has changed, and say what has not."""
    from provisioning.manifest import (
        HandsetKeys,
        Manifest,
        digest_of,
        kept_handset,
        load_manifest,
    )
    from provisioning.stale_files import stale_files

    known = profiles()
    keys = HandsetKeys()
    before = load_manifest(folder)
    remembered = dict(before.handsets)
    made_of = {
        entry.name: keys.key(site.intent(entry.name), known.get(entry.model)) for entry in entries
    }
    kept = {
        name: found
        for name, key in ({} if everything else made_of).items()
        if (found := remembered.get(name)) and found.key == key and found.is_on_disk(folder)
    }
    sets = list(render_handsets(site, [entry for entry in entries if entry.name not in kept]))
    # A file that models share may be new for one of them: then it is for the others too.
    fresh = {file.path: digest_of(file.content) for item in sets for file in item.files}
    stale = {
        name
        for name, old in kept.items()
        if any(fresh.get(path, file.digest) != file.digest for path, file in old.files.items())
    }
    sets += render_handsets(site, [entry for entry in entries if entry.name in stale])
    for name in stale:
        del kept[name]
    losses = {item.handset: item.losses for item in sets if item.losses}
    losses |= {name: old.losses for name, old in kept.items() if old.losses}
    now = {
        item.handset: kept_handset(made_of[item.handset], item.files, item.losses) for item in sets
    }
    order = [entry.name for entry in entries]
    whole = kept | now
    here = (
        Manifest(remembered | now)
        if seal is None
        else Manifest({name: whole[name] for name in order}, seal)
    )
    needed = (path for one in here.handsets.values() for path in one.files)
    here = replace(here, stale=stale_files(folder, before, needed))
    return _Found(
        sets=tuple(sets),
        files=join(sets),
        kept=kept,
        losses={name: losses[name] for name in order if name in losses},
        remembered=here,
        stale=here.stale,
    )


def render_handsets(site: Site, entries: Iterable[InventoryHandset]) -> tuple[Outcome, ...]:
    """Render several handsets and gather everything that cannot be rendered.

    Args:
        site: they belong to.
        entries: which.

    Raises:
        InputErrors: every field of every handset that cannot or must not be rendered.
        RigError: files do not read back as intended.
    """
    from provisioning.render_many import render_many

    by_name = {entry.name: entry for entry in entries}
    known = profiles()
    models = {entry.name: entry.model for entry in by_name.values()}
    for model in dict.fromkeys(models.values()):
        known.get(model)
    sets: list[Outcome] = []
    faults: list[InputFault] = []
    for outcome in render_many(models, site.intent, known):
        sets.append(outcome)
        position = by_name[outcome.handset].position
        faults += [InputFault(position, line) for line in outcome.complaints]
    if faults:
        raise InputErrors(list(dict.fromkeys(faults)))
    return tuple(sets)


def join(sets: Iterable[Outcome]) -> SiteFiles:
    """Join the files of handsets; see :class:`provisioning.render.SiteFiles`."""
    from provisioning.render import SiteFiles

    return SiteFiles(sets)


def publish(site: Site, sets: Iterable[Outcome]) -> SiteFiles:
    """Join the files of handsets as phones may have them: encrypted where the site wants it.

    Raises:
        InputErrors: a phone could not decrypt its files.
    """
    from provisioning.published import encrypted

    wish = site.encryption
    if wish is None:
        return join(sets)
    known = profiles()
    return join(
        replace(item, files=encrypted(item.files, site.handsets, known, wish)) for item in sets
    )


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


def _diffs(site: Site, found: _Found, folder: Path) -> list[FileDiff]:
    from provisioning.diff import diff_files

    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; expected a folder, which is made if it is missing")
    known = profiles()
    diffs: dict[str, FileDiff] = {}
    for item in found.sets:
        profile = known.get(site.handset(item.handset).model)
        fresh = [file for file in item.files if file.path not in diffs]
        diffs |= {one.path: one for one in diff_files(fresh, profile, folder)}
    for one in _kept_diffs(found):
        diffs.setdefault(one.path, one)
    return list(diffs.values())


def _kept_diffs(found: _Found) -> list[FileDiff]:
    from provisioning.diff import FileDiff

    paths = dict.fromkeys(path for old in found.kept.values() for path in old.files)
    return [FileDiff(path, "same", "") for path in paths]


def _write(files: SiteFiles, folder: Path) -> None:
    from provisioning.diff import write_files

    write_files(files, folder)
    for file in files.values():
        _protect(file, folder)


def _remember(folder: Path, manifest: Manifest, *, prune: bool) -> None:
    from provisioning.manifest import save_manifest
    from provisioning.stale_files import remove_stale

    if prune:
        remove_stale(folder, manifest.stale)
        manifest = replace(manifest, stale={})
    save_manifest(folder, manifest)


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
    found: _Found, diffs: Iterable[FileDiff], folder: Path, *, written: bool
) -> dict[str, object]:
    from provisioning.loss import loss_json

    kept = {path: file for old in found.kept.values() for path, file in old.files.items()}

    def row(item: FileDiff) -> dict[str, object]:
        rendered = found.files.get(item.path)
        if rendered is None:
            octets = (folder / item.path).stat().st_size
            handset, secret = kept[item.path].handset, kept[item.path].secret
        else:
            octets = len(rendered.content)
            handset, secret = rendered.handset, rendered.secret
        return {
            "path": item.path,
            "handset": handset,
            "octets": octets,
            "secret": secret,
            "state": item.state,
            "diff": item.text,
            "secrets_changed": item.secrets_changed,
        }

    return {
        "written": written,
        "files": [row(item) for item in diffs],
        "stale": sorted(found.stale),
        "losses": loss_json(found.losses),
    }

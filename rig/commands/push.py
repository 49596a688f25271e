"""``phonerig push``: the rendered files of a site, to where a site already serves from."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.errors import UsageError
from rig.commands.common import (
    clear_errors,
    complain,
    err,
    print_json,
    profiles,
    read_site,
    say,
    several,
)
from rig.commands.render import join, publish, render_handsets

if TYPE_CHECKING:
    from provisioning.diff import FileDiff
    from provisioning.inventory_site import Site
    from provisioning.push.deliver import Delivery, Outcome, Plan, Progress
    from provisioning.push.target import PushTarget
    from provisioning.render import SiteFiles
    from provisioning.secret import Secret

INCOMPLETE = 3


def push(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="TARGET",
            help="Folder, sftp://USER@HOST/FOLDER, https://..., http://... or tftp://HOST/FOLDER.",
        ),
    ],
    handset: Annotated[str, typer.Option(help="Only the files of this handset.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be delivered; deliver nothing.")
    ] = False,
    diff: Annotated[
        bool,
        typer.Option("--diff", help="Show what would change at the target; deliver nothing."),
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Exit code 1 if anything would change; deliver nothing."),
    ] = False,
    look: Annotated[
        bool,
        typer.Option("--look", help="Look at every file at the target; believe no record."),
    ] = False,
    prune: Annotated[
        bool,
        typer.Option("--prune", help="Remove what an earlier push brought and nobody needs."),
    ] = False,
    user: Annotated[str, typer.Option(help="Account for HTTP.")] = "",
    password: Annotated[
        str,
        typer.Option(metavar="REF", help="env:NAME or file:PATH; for HTTP, or SSH without a key."),
    ] = "",
    identity: Annotated[
        Path | None, typer.Option(help="Private key for SFTP; else the agent and usual files.")
    ] = None,
    known_hosts: Annotated[
        Path, typer.Option(help="Host keys for SFTP; unknown ones are refused.")
    ] = Path("~/.ssh/known_hosts"),
    ca: Annotated[
        Path | None, typer.Option(help="Certificate of the authority behind an HTTPS server.")
    ] = None,
    public: Annotated[
        bool,
        typer.Option(
            "--public",
            help="Let everybody on the server's host read new files, those with secrets too; "
            "tftpd-hpa serves no others.",
        ),
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option(help="Where to remember what was delivered; else beside the site."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Deliver the rendered files of a site to a server that phones already ask.

    Only what changed is delivered. Where the target can rename, every new file is brought under
    another name and read back, and only when all are there they take their places; what breaks off
    goes on where it was when the command is run again. Files with secrets do not go over TFTP or
    plain HTTP unless the site says secrets_in_clear.

    Exit code 1 by --check if anything would change, 3 if not everything was delivered.
    """
    with clear_errors(as_json=as_json):
        from provisioning.push.address import Access, open_target
        from provisioning.push.record import record_path

        inventory = read_site(site)
        entries = (inventory.handset(handset),) if handset else inventory.handsets
        if handset and prune:
            raise UsageError("--prune goes by the whole site; leave --handset out")
        access = Access(
            user=user,
            password=_secret(password),
            identity=identity,
            known_hosts=known_hosts,
            ca=ca,
            public=public,
        )
        target = open_target(to, access)
        sets = render_handsets(inventory, entries)
        files = publish(inventory, sets)
        _refuse_in_clear(inventory, files, target)
        wish = _Wish(
            deliver=not (dry_run or diff or check),
            diff=diff,
            look=look,
            prune=prune,
            whole_site=not handset,
            record=record or record_path(_beside(inventory), target.where),
        )
        with _progress(shown=not as_json) as progress:
            found = asyncio.run(_push(target, files, join(sets), inventory, wish, progress))
        _tell(found, target, as_json=as_json)
        if found.outcome is not None and found.outcome.error is not None:
            raise typer.Exit(INCOMPLETE)
        raise typer.Exit(1 if check and not found.plan.nothing else 0)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the command line asks for."""

    deliver: bool
    diff: bool
    look: bool
    prune: bool
    whole_site: bool
    record: Path


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found and done."""

    plan: Plan
    diffs: tuple[FileDiff, ...]
    outcome: Outcome | None
    caveat: str


def _secret(reference: str) -> Secret | None:
    from rig.commands.secret_option import read_secret

    return read_secret(reference, "--password") if reference else None


def _beside(site: Site) -> Path:
    """Folder of the record: the site's own, or the user's for the built-in site."""
    from provisioning.resources import demo_site_dir

    folder = (site.path or Path()).parent
    if folder.absolute() != demo_site_dir().absolute():
        return folder
    state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(state) / "phonerig"


def _refuse_in_clear(site: Site, files: SiteFiles, target: PushTarget) -> None:
    from provisioning.clear_text import may_send_in_clear

    secret = [file.path for file in files.values() if file.secret]
    if secret and target.in_clear and not may_send_in_clear(site):
        raise UsageError(
            f"{several(len(secret), 'file')} such as {secret[0]} hold passwords, and everybody on "
            f"the way to {target.where} could read them. Push by sftp, https or into a folder; or "
            "say `secrets_in_clear: true` in the site's provisioning part"
        )


async def _push(
    target: PushTarget,
    files: SiteFiles,
    readable: SiteFiles,
    site: Site,
    wish: _Wish,
    progress: Progress,
) -> _Found:
    from provisioning.push.deliver import Delivery
    from provisioning.push.record import locked

    with locked(wish.record):
        async with target:
            delivery = Delivery(target, files.values(), wish.record, progress=progress)
            plan = await delivery.look(everywhere=wish.look)
            if not wish.whole_site:
                plan = delivery.plan = replace(plan, stale=())
            diffs = await _diffs(delivery, plan, readable, site) if wish.diff else ()
            outcome = await delivery.run(prune=wish.prune) if wish.deliver else None
            return _Found(plan, diffs, outcome, target.caveat)


async def _diffs(
    delivery: Delivery, plan: Plan, readable: SiteFiles, site: Site
) -> tuple[FileDiff, ...]:
    """How files would change, in clear and with secrets masked."""
    from provisioning.diff import diff_file
    from provisioning.published import opened

    known = profiles()
    # A file that handsets share is masked as its first one's: they have one dialect.
    models: dict[str, str] = {}
    for entry in site.handsets:
        models[entry.name] = entry.model
        profile = known.get(entry.model)
        for file in profile.render.files:
            models.setdefault(f"/{profile.file_path(file, entry.mac)}", entry.model)
    found = []
    for wanted in plan.wanted:
        profile = known.get(models[wanted.handset or f"/{wanted.path}"])
        old = await delivery.old_content(wanted.path)
        if site.encryption is not None:
            old = opened(old, profile, site.encryption.key)
        found.append(diff_file(readable[wanted.path], profile, old))
    return tuple(found)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    """A bar on a terminal, and silence elsewhere."""
    if not (shown and sys.stderr.isatty()):
        yield lambda *_: None
        return
    from rich.progress import Progress as Bars

    words = {"look": "looking", "bring": "bringing", "place": "taking places"}
    with Bars(console=err, transient=True) as bars:
        task = bars.add_task("", total=None)

        def step(what: str, done: int, of: int) -> None:
            bars.update(task, description=words[what], completed=done, total=of)

        yield step


def _tell(found: _Found, target: PushTarget, *, as_json: bool) -> None:
    plan, outcome = found.plan, found.outcome
    if as_json:
        print_json(_data(found, target))
        return
    for item in found.diffs:
        for line in item.text.splitlines():
            say(line)
        if item.secrets_changed:
            say(f"{item.path}: only secrets change")
    if found.caveat and plan.wanted:
        complain(f"note: {found.caveat}", style="yellow")
    if outcome is None:
        if not found.diffs:
            _list("new", [file.path for file in plan.new])
            _list("changed", [file.path for file in plan.changed])
        _list("no longer needed", plan.stale)
        say(f"{_count(plan)}; nothing was delivered to {target.where}")
        return
    _list("not read back", outcome.unproven)
    _list("removed", outcome.removed)
    _list(
        "no longer needed, removed by --prune",
        [name for name in plan.stale if name not in outcome.removed],
    )
    if outcome.error is None:
        again = f", {len(outcome.found)} of them brought before" if outcome.found else ""
        say(
            f"{_count(plan)}; {several(len(outcome.delivered), 'file')} delivered to "
            f"{target.where}{again}"
        )
        return
    _list("delivered", outcome.delivered)
    _list("in doubt, may be torn", outcome.in_doubt)
    _list("not delivered, as it was", outcome.not_delivered)
    complain(f"error: {outcome.error}")
    complain(
        f"{len(outcome.delivered)} delivered, {len(outcome.in_doubt)} in doubt, "
        f"{len(outcome.not_delivered)} not delivered; run the same command again to go on"
    )


def _count(plan: Plan) -> str:
    return (
        f"{several(len(plan.new) + len(plan.changed) + len(plan.same), 'file')}: "
        f"{len(plan.new)} new, {len(plan.changed)} changed, {len(plan.same)} unchanged"
    )


def _list(what: str, names: Sequence[str]) -> None:
    for name in names:
        say(f"{what}: {name}")


def _data(found: _Found, target: PushTarget) -> dict[str, object]:
    plan, outcome = found.plan, found.outcome
    data: dict[str, object] = {
        "target": target.where,
        "atomic": not found.caveat,
        "caveat": found.caveat,
        "new": [file.path for file in plan.new],
        "changed": [file.path for file in plan.changed],
        "same": list(plan.same),
        "stale": list(plan.stale),
        "unread": list(plan.unread),
        "diffs": [
            {"path": item.path, "diff": item.text, "secrets_changed": item.secrets_changed}
            for item in found.diffs
        ],
        "complete": plan.nothing if outcome is None else outcome.error is None,
    }
    if outcome is not None:
        data |= {
            "delivered": outcome.delivered,
            "brought_before": outcome.found,
            "not_delivered": outcome.not_delivered,
            "in_doubt": outcome.in_doubt,
            "not_read_back": outcome.unproven,
            "removed": outcome.removed,
            "error": None if outcome.error is None else str(outcome.error),
        }
    return data

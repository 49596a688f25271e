"""``phonerig demo`` and ``phonerig verify``: scenarios on a bench, verdicts and reports."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.errors import UsageError
from provisioning.known_names import known_names
from rig.commands.common import (
    DEMO,
    clear_errors,
    err,
    make_folder,
    out,
    print_json,
    read_site,
    say,
)

if TYPE_CHECKING:
    from provisioning.inventory_site import Site
    from rig.bench import Bench
    from rig.bench_config import BenchConfig
    from rig.report.record import RunRecord, ScenarioRecord
    from rig.scenario import Scenario

OutDir = Annotated[Path, typer.Option("--out", "-o", help="Folder for reports.")]
Capture = Annotated[
    str,
    typer.Option(help="'tap' (no privilege) or an interface such as 'lo' (needs CAP_NET_RAW)."),
]
Results = Annotated[
    Path | None, typer.Option(help="Also add the run to this SQLite file ('phonerig results').")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the run record as JSON.")]


def demo(
    out_dir: OutDir = Path("phonerig-out"),
    capture: Capture = "tap",
    scenario: Annotated[list[str] | None, typer.Option(help="Only this scenario.")] = None,
    fault: Annotated[str, typer.Option(help="Build in a seeded fault by name.")] = "",
    fetch_by: Annotated[str, typer.Option(help="http or tftp.")] = "http",
    results: Results = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole loop on the built-in site: inventory to lamp, with verdicts and a report."""
    from rig.demo_bench import CALLEES, ROLES

    with clear_errors(as_json=as_json):
        if fetch_by not in {"http", "tftp"}:
            raise UsageError(f"--fetch-by is {fetch_by!r}; expected http or tftp")
        _run(
            read_site(DEMO),
            choose(scenario),
            title="Demonstration",
            roles=ROLES,
            callees=CALLEES,
            out_dir=out_dir,
            capture=capture,
            fault=fault,
            fetch_by=fetch_by,
            results=results,
            as_json=as_json,
        )


def verify(
    what: Annotated[str, typer.Argument(help="mwi, diversion or provisioning.")],
    site: Annotated[str, typer.Argument(help="Inventory file, or 'demo'.")] = DEMO,
    handset: Annotated[str, typer.Option(help="Handset under test.")] = "",
    caller: Annotated[str, typer.Option(help="Handset that calls.")] = "",
    target: Annotated[str, typer.Option(help="Handset that calls are forwarded to.")] = "",
    case: Annotated[list[str] | None, typer.Option(help="Only this case.")] = None,
    driver: Annotated[str, typer.Option(help="Driver of the handset under test.")] = "emulated",
    out_dir: OutDir = Path("phonerig-out"),
    capture: Capture = "tap",
    lamps: Annotated[
        Path | None,
        typer.Option(help="Wiring file of lamp boards: they are believed, not the drivers."),
    ] = None,
    results: Results = None,
    as_json: AsJson = False,
) -> None:
    """Verify message waiting, diversion or provisioning of one handset of a site."""
    from rig.demo_bench import CALLEES, ROLES
    from rig.scenarios import DIVERSION_CASES, MWI_CASES, PROVISIONING_CASES, scenarios

    with clear_errors(as_json=as_json):
        known = {
            "mwi": MWI_CASES,
            "diversion": DIVERSION_CASES,
            "provisioning": PROVISIONING_CASES,
        }
        cases = known.get(what)
        if cases is None:
            raise UsageError(f"verify what? got {what!r}, expected one of {', '.join(known)}")
        inventory = read_site(site)
        roles, callees = _roles(inventory, handset, caller, target), {}
        for name in case or ():
            if name not in scenarios():
                raise UsageError(f"no case {name!r}; verify {what} has {', '.join(cases)}")
        if site == DEMO and not (handset or caller or target):
            roles, callees = ROLES, CALLEES
        elif not as_json:
            tested = inventory.handset(roles["callee"])
            say(f"under test: {tested.name} ({tested.model}, {driver}); {_others(roles)}")
        _run(
            inventory,
            choose(case or list(cases)),
            title=f"Verification of {what}",
            roles=roles,
            callees=callees,
            out_dir=out_dir,
            capture=capture,
            drivers={roles["callee"]: driver},
            boot_at_start=what != "provisioning",
            lamps=lamps,
            results=results,
            as_json=as_json,
        )


def _roles(site: Site, handset: str, caller: str, target: str) -> dict[str, str]:
    """Choose handsets for the roles that were not named."""
    with_box = [
        h.name for h in site.handsets if h.accounts and site.users[h.accounts[0].user].mailbox
    ]
    callee = handset or (with_box[0] if with_box else "")
    tested = _users(site, callee) if callee else set()
    for option, name in (("--caller", caller), ("--target", target)):
        if name and tested & _users(site, name):
            raise UsageError(
                f"{option} {name} has an account of {callee} too, so it would ring where {callee} "
                "is tried; name another handset"
            )
    # A handset that shares an account with the one under test would answer in its place.
    others = [h.name for h in site.handsets if h.accounts and not tested & _users(site, h.name)]
    if not callee or not others:
        raise UsageError(
            f"{site.name}: verification needs a handset whose first account has a mailbox and "
            "another one that calls it and shares no account with it; name them by --handset and "
            "--caller"
        )
    roles = {"callee": callee, "caller": caller or others[0]}
    third = target or next((name for name in others if name != roles["caller"]), "")
    if third:
        roles["target"] = third
    entry = site.handset(callee)
    if len(entry.accounts) > 1 and site.users[entry.accounts[1].user].mailbox:
        roles["twin"] = callee
    return roles


def _others(roles: dict[str, str]) -> str:
    calls = f"{roles['caller']} calls"
    return f"{calls}, {roles['target']} is forwarded to" if "target" in roles else calls


def _users(site: Site, handset: str) -> set[str]:
    return {account.user for account in site.handset(handset).accounts}


def choose(names: list[str] | None) -> list[Scenario]:
    """Scenarios by name; those of the demonstration if none is named.

    Raises:
        UsageError: there is no such scenario.
    """
    from rig.scenarios import demonstration, scenarios

    known = scenarios() if names else demonstration()
    for name in names or ():
        if name not in known:
            raise UsageError(f"no scenario {name!r}; {known_names(name, known)}")
    return [scenario for name, scenario in known.items() if not names or name in names]


def _run(
    site: Site,
    chosen: list[Scenario],
    *,
    title: str,
    roles: dict[str, str],
    callees: dict[str, str],
    out_dir: Path,
    capture: str,
    fault: str = "",
    fetch_by: str = "http",
    drivers: dict[str, str] | None = None,
    boot_at_start: bool = True,
    lamps: Path | None = None,
    results: Path | None = None,
    as_json: bool,
) -> None:
    from rig.bench_config import BenchConfig
    from rig.demo_bench import starts_off
    from rig.faults.catalogue import find_seed
    from rig.lamp.wiring import LampWiring, load_wiring

    wiring = LampWiring() if lamps is None else load_wiring(lamps)
    seeds = (find_seed(fault),) if fault else ()
    if seeds:
        chosen = [scenario for scenario in chosen if scenario.name == seeds[0].scenario]

    def config(work: Path) -> BenchConfig:
        return BenchConfig(
            site=site,
            out_dir=work,
            roles=roles,
            scenario_roles={name: {"callee": callee} for name, callee in callees.items()},
            drivers=drivers or {},
            capture=capture,
            fetch_by=fetch_by,
            seeds=seeds,
            lamp_wiring=wiring,
            boot_at_start=boot_at_start and not starts_off(seeds),
        )

    run_and_report(config, chosen, title=title, out_dir=out_dir, results=results, as_json=as_json)


def run_and_report(
    config: Callable[[Path], BenchConfig],
    chosen: list[Scenario],
    *,
    title: str,
    out_dir: Path,
    results: Path | None,
    as_json: bool,
) -> None:
    """Run scenarios on a bench, write the reports, and leave with the outcome's exit code.

    Args:
        config: makes the bench's settings for a folder to work in.
        chosen: what to run, in order.
        title: of the run.
        out_dir: folder for reports.
        results: file of results that the run is added to; None for none.
        as_json: print JSON.
    """
    from rig.capture.export import export_packets
    from rig.report.console import print_record
    from rig.report.results_store import open_results
    from rig.report.write import write_reports

    make_folder(out_dir)
    with tempfile.TemporaryDirectory(prefix="phonerig-") as work:
        record, bench = asyncio.run(_on_bench(config(Path(work)), chosen, title, quiet=as_json))
    paths = write_reports(record, out_dir)
    export_packets(out_dir / "run.pcapng", bench.recorder.packets)
    if results is not None:
        with open_results(results, create=True) as store:
            store.add(record)
    if as_json:
        print_json({"outcome": record.outcome.value, "report": str(paths["html"])})
    else:
        print_record(record, out)
        out.print(f"\nreport: {paths['html']}", markup=False, soft_wrap=True)
    raise typer.Exit(record.outcome.exit_code)


async def _on_bench(
    config: BenchConfig, chosen: list[Scenario], title: str, *, quiet: bool
) -> tuple[RunRecord, Bench]:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from rig.bench import Bench
    from rig.run import run_scenarios

    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=quiet or not err.is_terminal,
    )
    with progress:
        task = progress.add_task("starting", total=len(chosen) + 4)

        def step(text: str) -> None:
            progress.update(task, description=text, advance=1)

        async with Bench(config, progress=step) as bench:
            progress.update(task, description=chosen[0].title)

            def done(result: ScenarioRecord) -> None:
                following = [s.name for s in chosen].index(result.name) + 1
                text = chosen[following].title if following < len(chosen) else "reports"
                progress.update(task, description=text, advance=1)

            record = await run_scenarios(bench, chosen, title=title, done=done)
    return record, bench

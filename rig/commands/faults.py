"""``phonerig faults``: break one thing on purpose and see whether the verdict names it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rig.commands.common import clear_errors, make_folder, out, print_json, say, several
from rig.commands.fault_trial import trial

if TYPE_CHECKING:
    from rig.faults.seed import Seed
    from rig.report.record import RunRecord

app = typer.Typer(no_args_is_help=True, help="Prove the rig by seeded faults.")
app.command()(trial)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    fault_class: Annotated[
        str, typer.Option("--class", help="Only this class (M9), or kind (M, D or P).")
    ] = "",
    component: Annotated[str, typer.Option(help="Only faults of this component.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the seeded faults: number, component, class, scenario, and where each was met."""
    from rig.faults.catalogue import seeds

    with clear_errors(as_json=as_json):
        _check_filters(fault_class, component)
        rows = [
            row
            for row in map(seed_row, seeds().values())
            if fault_class.upper() in {"", row["class"], row["class"][:1]}
            and component.lower() in {"", row["component"]}
        ]
        if as_json:
            print_json({"faults": rows})
            return
        for row in rows:
            say(f"{row['id'] or '-':5}{row['name']}", style="bold")
            say(f"     {row['title']}")
            say(
                f"     must be named {row['class']} {row['class_name']} ({row['component']}) "
                f"by scenario {row['scenario']}"
            )
            if row["source"]:
                say(f"     met at {row['source']}")
        say(several(len(rows), "seeded fault"))


def _check_filters(fault_class: str, component: str) -> None:
    from rig.errors import UsageError
    from rig.verdict.fault_class import Component, FaultClass

    classes = {fault.value for fault in FaultClass}
    if fault_class and fault_class.upper() not in classes | {"M", "D", "P"}:
        raise UsageError(
            f"no fault class {fault_class!r}; there are M1 to M11, D1 to D8, P1 to P9, and M, D "
            "and P for all of a kind"
        )
    components = [one.value for one in Component]
    if component and component.lower() not in components:
        raise UsageError(f"no component {component!r}; known: {', '.join(components)}")


def seed_row(seed: Seed) -> dict[str, str]:
    """One seeded fault as data."""
    return {
        "id": seed.id,
        "name": seed.name,
        "title": seed.title,
        "class": seed.fault_class.value,
        "class_name": seed.fault_class.slug,
        "component": seed.component.value,
        "scenario": seed.scenario,
        "source": seed.source,
    }


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Seeded fault, by name or number.")],
    out_dir: Annotated[Path, typer.Option("--out", "-o", help="Folder for reports.")] = Path(
        "phonerig-out"
    ),
    repeats: Annotated[
        int | None,
        typer.Option(
            "--repeats", min=1, max=500, help="How often; the fault's own number if not given."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the demonstration with one thing made wrong.

    A fault that strikes only now and then is run as often as it takes to see it with 99 %
    certainty, and the share of runs in which it was named is told.

    Exit code 0 if the verdict names the right class and the right component, 1 if it does not,
    3 if the rig itself could not tell.
    """
    from rig.faults.catalogue import find_seed

    with clear_errors(as_json=as_json):
        seed = find_seed(name)
        make_folder(out_dir)
        record, report = _run(seed, out_dir, repeats or seed.repeats)
        struck = record.named_in(seed.fault_class.value, seed.component.value)
        if as_json:
            print_json(_data(seed, record, report, struck=struck))
        else:
            _print(seed, record, report, struck=struck)
        raise typer.Exit(_exit_code(record, proven=bool(struck)))


def _run(seed: Seed, out_dir: Path, repeats: int) -> tuple[RunRecord, Path]:
    from rig.blocking import BlockingBench
    from rig.capture.export import export_packets
    from rig.demo_bench import demo_config
    from rig.report.write import write_reports
    from rig.scenarios import scenarios

    with tempfile.TemporaryDirectory(prefix="phonerig-") as work:
        config = demo_config(Path(work), seeds=(seed,))
        with BlockingBench(config) as bench:
            scenario = scenarios()[seed.scenario]
            record = bench.run([scenario] * repeats, title=f"Seeded fault: {seed.name}")
            packets = bench.bench.recorder.packets
    paths = write_reports(record, out_dir)
    export_packets(out_dir / "run.pcapng", packets)
    return record, paths["html"]


def _exit_code(record: RunRecord, *, proven: bool) -> int:
    from rig.verdict.outcome import Outcome

    if record.outcome is Outcome.ERROR:
        return 3
    return 0 if proven else 1


def _data(seed: Seed, record: RunRecord, report: Path, *, struck: int) -> dict[str, Any]:
    return {
        "fault": seed_row(seed),
        "named": bool(struck),
        "named_in": struck,
        "runs": len(record.scenarios),
        "outcome": record.outcome.value,
        "findings": [finding for scenario in record.scenarios for finding in scenario.findings],
        "report": str(report),
    }


def _print(seed: Seed, record: RunRecord, report: Path, *, struck: int) -> None:
    from rig.report.console import print_record

    print_record(record, out)
    say()
    say(f"built in: {seed.title}")
    expected = f"{seed.fault_class} {seed.fault_class.slug} ({seed.component})"
    runs = len(record.scenarios)
    if struck:
        rate = f" in {struck} of {runs} runs ({struck / runs:.0%})" if runs > 1 else ""
        say(f"named: {expected}{rate}", style="green")
    else:
        say(f"NOT named: {expected} was expected", style="red")
    say(f"report: {report}")

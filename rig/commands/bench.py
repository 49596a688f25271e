"""``phonerig bench``: a bench from a file is tested, run, and its phones' power switched."""

from __future__ import annotations

import asyncio
import contextlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.errors import UsageError
from provisioning.known_names import known_names
from rig.commands.common import clear_errors, complain, print_json, say, several, show_table
from rig.commands.demo import AsJson, OutDir, Results, choose, run_and_report

if TYPE_CHECKING:
    from rig.bench_check import BenchReport
    from rig.bench_plan import BenchPlan
    from rig.hardware.power import PowerPort, PowerReading
    from rig.hardware.strategy import Stage, Strategy

app = typer.Typer(no_args_is_help=True, help="Benches that a file describes.")

File = Annotated[Path, typer.Argument(metavar="FILE", help="Bench file.")]


class PowerAct(StrEnum):
    """What is done to a port."""

    STATE = "state"
    ON = "on"
    OFF = "off"
    CYCLE = "cycle"


@app.command()
def check(
    file: File,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Test every part of a bench before a run, and say which scenarios can be run on it.

    Nothing is switched and no phone is booted. Exit code 3 when a part is not right.
    """
    from rig.bench_check import check_bench
    from rig.bench_file import load_bench
    from rig.scenarios import scenarios

    with clear_errors(as_json=as_json):
        report = asyncio.run(check_bench(load_bench(file), scenarios()))
        if as_json:
            print_json(_data(report))
        else:
            _show(report)
        raise typer.Exit(report.outcome.exit_code)


def _data(report: BenchReport) -> dict[str, object]:
    return {
        "outcome": report.outcome.value,
        "parts": [
            {"part": line.part, "right": line.right, "said": line.said, "fix": line.fix}
            for line in report.lines
        ],
        "scenarios": [
            {"name": each.name, "can_run": not each.lacks, "lacks": list(each.lacks)}
            for each in report.scenarios
        ],
    }


def _show(report: BenchReport) -> None:
    show_table(
        ("part", "", "found", "what to do"),
        [(x.part, "ok" if x.right else "WRONG", x.said, x.fix) for x in report.lines],
    )
    lacking = [each for each in report.scenarios if each.lacks]
    if report.scenarios:
        ready = len(report.scenarios) - len(lacking)
        say(f"{ready} of {len(report.scenarios)} scenarios can be run on this bench")
    for each in lacking:
        say(f"  {each.name} would be skipped: {'; '.join(each.lacks)}")
    wrong = sum(not line.right for line in report.lines)
    if wrong:
        complain(f"{several(wrong, 'part')} of {len(report.lines)} wrong")


@app.command()
def run(
    file: File,
    scenario: Annotated[list[str] | None, typer.Option(help="Only this scenario.")] = None,
    out_dir: OutDir = Path("phonerig-out"),
    results: Results = None,
    as_json: AsJson = False,
) -> None:
    """Run scenarios on a bench; those that it cannot run are skipped, with the reason."""
    from rig.bench_file import load_bench

    with clear_errors(as_json=as_json):
        plan = load_bench(file)
        run_and_report(
            plan.config,
            choose(scenario),
            title=f"Bench {file.stem}",
            out_dir=out_dir,
            results=results,
            as_json=as_json,
        )


class StageWord(StrEnum):
    """Where a phone shall be."""

    OFF = "off"
    BOOTED = "booted"
    PROVISIONED = "provisioned"
    REGISTERED = "registered"
    SUBSCRIBED = "subscribed"


@app.command("bring-up")
def bring_up(
    file: File,
    handsets: Annotated[
        list[str] | None, typer.Argument(help="By name; all that play a role if left out.")
    ] = None,
    to: Annotated[StageWord, typer.Option(help="Where they shall be.")] = StageWord.SUBSCRIBED,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what came of it as JSON.")
    ] = False,
) -> None:
    """Cut the phones' power and bring them up stage by stage; says where one stops, and why.

    Exit code 1 when a phone or the platform did not do its part, 3 when the rig did not.
    """
    from rig.bench_file import load_bench
    from rig.hardware.strategy import Stage

    with clear_errors(as_json=as_json):
        plan = load_bench(file)
        on_bench = sorted(set(plan.roles.values()))
        for name in handsets or ():
            if name not in on_bench:
                raise UsageError(f"{name!r} plays no role; {known_names(name, on_bench)}")
        found = asyncio.run(_bring_up(plan, handsets or on_bench, Stage[to.name]))
        if as_json:
            print_json({"handsets": [_stage_data(each) for each in found]})
        else:
            show_table(
                ("handset", "", "stage", "why not further"),
                [
                    (x.phone, "WRONG" if x.failure else "ok", _reached(x), _why(x))
                    for x in found
                ],
            )  # fmt: skip
        failures = [each.failure for each in found if each.failure is not None]
        by_rig = any(failure.by_rig for failure in failures)
        raise typer.Exit(3 if by_rig else int(bool(failures)))


async def _bring_up(plan: BenchPlan, names: list[str], to: Stage) -> list[Strategy]:
    import tempfile

    from rig.bench import Bench
    from rig.bench_strategy import strategy_of
    from rig.hardware.strategy import StageFailed

    async def reach(strategy: Strategy) -> None:
        # It keeps its failure.
        with contextlib.suppress(StageFailed):
            await strategy.reach(to)

    with tempfile.TemporaryDirectory(prefix="phonerig-") as work:
        async with Bench(plan.config(Path(work), boot_at_start=False)) as bench:
            strategies = [strategy_of(bench, name) for name in names]
            await asyncio.gather(*(reach(strategy) for strategy in strategies))
    return strategies


def _reached(strategy: Strategy) -> str:
    """The stage that was reached last."""
    failure = strategy.failure
    if failure is None:
        return "" if strategy.stage is None else strategy.stage.word
    return type(failure.stage)(failure.stage - 1).word if failure.stage else "unknown"


def _why(strategy: Strategy) -> str:
    failure = strategy.failure
    return "" if failure is None else f"not {failure.stage.word}: {failure.reason}"


def _stage_data(strategy: Strategy) -> dict[str, object]:
    failure = strategy.failure
    return {
        "handset": strategy.phone,
        "reached": _reached(strategy),
        "failed": None if failure is None else failure.stage.word,
        "reason": "" if failure is None else failure.reason,
        "by_rig": failure is not None and failure.by_rig,
    }


@app.command()
def power(
    file: File,
    handset: Annotated[str, typer.Argument(help="Whose power.")],
    act: Annotated[PowerAct, typer.Argument(help="What to do.")] = PowerAct.STATE,
    off_s: Annotated[float, typer.Option(min=0, help="How long a cycle is off, seconds.")] = 3.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the reading as JSON.")] = False,
) -> None:
    """Read or switch what feeds a handset; what was switched is read back.

    Exit code 3 when the port does not confirm.
    """
    from rig.bench_file import load_bench

    with clear_errors(as_json=as_json):
        plan = load_bench(file)
        if handset not in plan.handsets:
            raise UsageError(
                f"{file} has no handset {handset!r}; {known_names(handset, plan.handsets)}"
            )
        port = plan.ports.get(handset)
        if port is None:
            raise UsageError(
                f"no port feeds {handset}; fed are: {', '.join(plan.ports) or 'none'}. Name its "
                "port under `power` in the bench file"
            )
        reading = asyncio.run(_switch(port, act, off_s))
        if as_json:
            print_json({"port": port.name, "state": reading.state, "detail": reading.detail})
        else:
            say(f"{handset}: {port.name} is {reading.state}: {reading.detail}")


async def _switch(port: PowerPort, act: PowerAct, off_s: float) -> PowerReading:
    try:
        if act is PowerAct.ON:
            await port.on()
        elif act is PowerAct.OFF:
            await port.off()
        elif act is PowerAct.CYCLE:
            await port.cycle(off_s)
        return await port.state()
    finally:
        await port.close()

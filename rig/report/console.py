"""The run record on a terminal: a table of verdicts, the faults named below it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from provisioning.plain_text import clean
from rig.report.record import RunRecord, ScenarioRecord
from rig.verdict.outcome import Outcome

STYLE = {
    Outcome.PASS: "bold green",
    Outcome.FAIL: "bold red",
    Outcome.ERROR: "bold magenta",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.SKIPPED: "dim",
    Outcome.NONE: "dim",
}


def print_record(record: RunRecord, console: Console) -> None:
    """Print a finished run.

    Args:
        record: finished run.
        console: where to.
    """
    title = Text(clean(f"{record.title}: {record.site}"), style="italic")
    table = Table(title=title, title_justify="left", expand=False)
    table.add_column("scenario", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("lamp", justify="right", no_wrap=True)
    table.add_column("NOTIFY", justify="right", no_wrap=True)
    table.add_column("what happened")
    for scenario in record.scenarios:
        table.add_row(
            Text(scenario.name),
            Text(scenario.outcome.value, style=STYLE[scenario.outcome]),
            _latency(scenario, "lamp_"),
            _latency(scenario, "notify_latency_s"),
            Text(clean(_in_words(scenario))),
        )
    console.print(table)
    for scenario in record.scenarios:
        for finding in scenario.findings:
            console.print(
                Text(f"{scenario.name}: ", style="bold")
                + Text(f"{finding['class']} {finding['title']} ({finding['component']})", "red")
            )
            _line(console, f"  {finding['sentence']}")
            for proof in finding["proofs"]:
                _line(console, f"    {proof['where']}: {proof['text']}")
            _line(console, f"  remedy: {finding['remedy']}")
        for rule, times in scenario.told_once:
            by = f" ({rule['sender']})" if rule["sender"] else ""
            often = f", {times} times" if times > 1 else ""
            console.print(
                Text(f"{scenario.name}: ", style="bold")
                + Text(f"{rule['severity']}, {rule['clause']}{clean(by)}{often}", "yellow")
            )
            _line(console, f"  {rule['sentence']}")
            _line(console, f"  remedy: {rule['remedy']}")


def _in_words(scenario: ScenarioRecord) -> str:
    return scenario.title if scenario.outcome is Outcome.PASS else scenario.sentence


def _line(console: Console, text: str) -> None:
    """Print what may quote a stranger: no markup, no control characters."""
    console.print(clean(text), markup=False, emoji=False)


def _latency(scenario: ScenarioRecord, prefix: str) -> str:
    values = [
        m["value"]
        for m in scenario.measurements
        if m["name"].startswith(prefix) and "latency" in m["name"] and m["value"] is not None
    ]
    return f"{max(values) * 1000:.1f} ms" if values else ""

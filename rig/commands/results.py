"""``phonerig results`` and ``phonerig report``: what runs left behind, one or all together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from provisioning.errors import UsageError
from rig.commands.common import clear_errors, print_json, say, several, show_table

app = typer.Typer(no_args_is_help=True, help="Keep the results of runs, and see their trend.")

Store = Annotated[Path, typer.Option("--results", "-r", help="SQLite file of results.")]
Records = Annotated[list[Path], typer.Argument(help="record.json of runs.")]
Language = Annotated[str, typer.Option("--lang", "--language", help="en or de.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_STORE = Path("phonerig-results.sqlite")


@app.command()
def add(records: Records, store: Store = _STORE) -> None:
    """Add finished runs to a file of results; a run that is in it already is left as it is."""
    from rig.report.json_report import read_json
    from rig.report.results_store import open_results

    with clear_errors():
        runs = [read_json(path) for path in records]
        with open_results(store, create=True) as results:
            added = sum(results.add(run) for run in runs)
        known = len(runs) - added
        say(
            f"{store}: {several(added, 'run')} added"
            + (f", {known} known already" if known else "")
        )


@app.command("list")
def list_(store: Store = _STORE, as_json: AsJson = False) -> None:
    """List the runs, the oldest first."""
    from rig.report.page import instant
    from rig.report.results_store import open_results

    with clear_errors(as_json=as_json):
        with open_results(store) as results:
            runs = results.runs()
        if as_json:
            print_json({"runs": [dataclasses.asdict(run) for run in runs]})
            return
        show_table(
            ("at", "run", "outcome", "scenarios", "faults named"),
            [
                (
                    instant(run.started_at),
                    f"{run.title}: {run.site}",
                    run.outcome.value,
                    run.scenarios,
                    " ".join(run.faults),
                )
                for run in runs
            ],
        )


@app.command()
def trend(
    store: Store = _STORE,
    model: Annotated[str, typer.Option(help="Only this model.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write a page with charts here.")] = None,
    lang: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Show latencies by model and firmware over all runs: median, 95th percentile, slowest."""
    from rig.report.results_store import open_results
    from rig.report.trend import trend as trend_of
    from rig.report.trend_page import in_words, write_trend
    from rig.report.words import words

    with clear_errors(as_json=as_json):
        said = words(lang)
        with open_results(store) as results:
            rows, runs = trend_of(results.latencies(model=model)), results.runs()
        if html is not None:
            _write(html, lambda: write_trend(rows, runs, html, lang=lang))
        if as_json:
            print_json({"trend": [dataclasses.asdict(row) for row in rows]})
            return
        t = said.texts
        figures = ("p50", "p95", t["worst"], t["limit"])
        show_table(
            [*(t[key] for key in ("name", "model", "firmware", "count", "runs")), *figures],
            [
                (
                    row.name,
                    row.model,
                    row.firmware,
                    row.count,
                    row.runs,
                    *(in_words(said, value) for value in (row.p50_s, row.p95_s, row.worst_s)),
                    "" if row.limit_s is None else f"≤ {in_words(said, row.limit_s)}",
                )
                for row in rows
            ],
        )
        if html is not None:
            say(f"page: {html}")


def report(
    record: Annotated[Path, typer.Argument(help="record.json of a run.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path(
        "report.html"
    ),
    lang: Language = "en",
) -> None:
    """Write the HTML report of a finished run again, in English or German."""
    from rig.report.html_report import write_html
    from rig.report.json_report import read_json

    with clear_errors():
        run = read_json(record)
        _write(out, lambda: write_html(run, out, lang=lang))
        say(f"report: {out}")


def _write(path: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error

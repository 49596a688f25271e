"""``phonerig capture``: look into capture files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import clear_errors, complain, print_json, say, show_table

if TYPE_CHECKING:
    from rig.capture.analysis import CaptureAnalysis

_FLAG = {True: "yes", False: "no", None: "?"}

app = typer.Typer(no_args_is_help=True, help="Look into captures.")


@app.command()
def analyze(
    file: Annotated[Path, typer.Argument(help="pcap or pcapng, also gzipped.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a capture holds: message waiting, subscriptions, diversions, broken rules.

    Exit code 1 if a rule is broken.
    """
    from rig.capture.analysis import analyse_capture

    with clear_errors(as_json=as_json):
        result = analyse_capture(file)
        if as_json:
            print_json(_data(result))
        else:
            _print(result)
        raise typer.Exit(1 if result.findings else 0)


def _data(result: CaptureAnalysis) -> dict[str, object]:
    import dataclasses

    return {
        "file": str(result.path),
        "frames": result.frames,
        "truncated": result.truncated,
        "messages": result.messages,
        "retransmissions": result.retransmissions,
        "methods": dict(result.methods),
        "statuses": {str(k): v for k, v in result.statuses.items()},
        "mwi": [dataclasses.asdict(line) for line in result.mwi],
        "subscribes": [dataclasses.asdict(line) for line in result.subscribes],
        "calls": [dataclasses.asdict(line) for line in result.calls],
        "rtp_streams": len(result.streams),
        "findings": [dataclasses.asdict(finding) for finding in result.findings],
    }


def _after(at: float, start: float) -> str:
    return f"{at - start:.3f} s"


def _print(result: CaptureAnalysis) -> None:
    say(
        f"{result.path}: {result.frames} frames, {result.messages} SIP messages "
        f"({result.retransmissions} retransmissions), {len(result.streams)} RTP streams, "
        f"{result.truncated} frames cut short"
    )
    start = result.events[0].at if result.events else 0.0
    if result.mwi:
        show_table(
            ("at", "packet", "account", "waiting", "new/saved", "answer", "state"),
            ((_after(line.at, start), line.packet, line.account, _FLAG[line.waiting],
              line.counts, line.answer or "none", line.state) for line in result.mwi),
            title="Message waiting",
        )  # fmt: skip
    if result.subscribes:
        show_table(
            ("at", "packet", "account", "expires", "answer"),
            ((_after(line.at, start), line.packet, line.account,
              "" if line.expires_s is None else f"{line.expires_s} s", line.answer or "none")
             for line in result.subscribes),
            title="Subscriptions",
        )  # fmt: skip
    if result.calls:
        show_table(
            ("at", "packet", "caller", "target", "answer", "Diversion, History-Info"),
            ((_after(line.at, start), line.packet, line.caller, line.target,
              line.answer or "none", "\n".join((*line.diversion, *line.history)))
             for line in result.calls),
            title="Calls",
        )  # fmt: skip
    for finding in result.findings:
        complain(f"packet {finding.packet}: {finding.text} ({finding.clause})")
    if not result.findings:
        say("no rule broken that can be seen in these packets alone")

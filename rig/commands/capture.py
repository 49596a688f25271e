"""``phonerig capture``: look into capture files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import cells, clear_errors, complain, out, print_json, say

if TYPE_CHECKING:
    from rig.capture.analysis import CaptureAnalysis

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


def _print(result: CaptureAnalysis) -> None:
    from rich.table import Table

    say(
        f"{result.path}: {result.frames} frames, {result.messages} SIP messages "
        f"({result.retransmissions} retransmissions), {len(result.streams)} RTP streams, "
        f"{result.truncated} frames cut short"
    )
    start = result.events[0].at if result.events else 0.0
    if result.mwi:
        table = Table("at", "packet", "account", "waiting", "new/saved", "state", "answer",
                      title="Message waiting", title_justify="left")  # fmt: skip
        for line in result.mwi:
            flag = "?" if line.waiting is None else ("yes" if line.waiting else "no")
            table.add_row(*cells(
                f"{line.at - start:.3f} s", line.packet, line.account, flag, line.counts,
                line.state, line.answer or "none",
            ))  # fmt: skip
        out.print(table)
    if result.subscribes:
        table = Table("at", "packet", "account", "expires", "answer",
                      title="Subscriptions", title_justify="left")  # fmt: skip
        for sub in result.subscribes:
            table.add_row(*cells(
                f"{sub.at - start:.3f} s", sub.packet, sub.account,
                "" if sub.expires_s is None else f"{sub.expires_s} s", sub.answer or "none",
            ))  # fmt: skip
        out.print(table)
    if result.calls:
        table = Table("at", "packet", "caller", "target", "answer", "diversion", "history",
                      title="Calls", title_justify="left")  # fmt: skip
        for call in result.calls:
            table.add_row(*cells(
                f"{call.at - start:.3f} s", call.packet, call.caller, call.target,
                call.answer or "none", "\n".join(call.diversion), "\n".join(call.history),
            ))  # fmt: skip
        out.print(table)
    for finding in result.findings:
        complain(f"packet {finding.packet}: {finding.text} ({finding.clause})")
    if not result.findings:
        say("no rule broken that can be seen in these packets alone")

"""``phonerig capture``: look into capture files, interfaces and far hosts."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import clear_errors, complain, print_data, say
from rig.errors import UsageError

if TYPE_CHECKING:
    from rig.capture.analysis import CaptureAnalysis, Limits
    from rig.capture.frame import Frame
    from rig.capture.frame_source import FrameSource

PASSWORD_VARIABLE = "PHONERIG_SSH_PASSWORD"  # noqa: S105 - its name, not a password

app = typer.Typer(no_args_is_help=True, help="Look into captures.")


@app.command()
def analyze(
    file: Annotated[
        Path | None,
        typer.Argument(help="pcap or pcapng, also gzipped; - is standard input.", readable=False),
    ] = None,
    live: Annotated[
        str, typer.Option("--live", metavar="IF", help="Capture on this interface.")
    ] = "",
    ssh: Annotated[
        str,
        typer.Option(
            "--ssh", metavar="USER@HOST[:PORT]", help="Capture on another host, by tcpdump there."
        ),
    ] = "",
    interface: Annotated[str, typer.Option(help="Interface on the far host; with --ssh.")] = "any",
    pcap_filter: Annotated[
        str, typer.Option("--filter", help="What to capture, as in pcap-filter(7).")
    ] = "",
    duration_s: Annotated[
        float | None,
        typer.Option("--for", min=0.1, metavar="SECONDS", help="End a capture after this time."),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(help="Keep what is captured as pcapng, with its secrets."),
    ] = None,
    identity: Annotated[
        Path | None, typer.Option(help="Private key for --ssh; else the agent and usual files.")
    ] = None,
    known_hosts: Annotated[
        Path, typer.Option(help="Host keys for --ssh; unknown ones are refused.")
    ] = Path("~/.ssh/known_hosts"),
    account: Annotated[str, typer.Option(help="Show message waiting of this account only.")] = "",
    ladder: Annotated[bool, typer.Option("--ladder", help="List the messages.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most rows of each table.")] = 1000,
    listen: Annotated[
        bool, typer.Option("--listen", help="Recognise prompts in the audio; takes long.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page, too.")] = None,
    lang: Annotated[
        str, typer.Option("--lang", "--language", help="Of findings and page: en or de.")
    ] = "en",
    redact: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.zip",
            help="Write a bundle of capture and report for others: numbers, names, domains and "
            "secrets are replaced.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a capture holds: message waiting, subscriptions, diversions, broken rules.

    Give a FILE, or --live, or --ssh. A capture of an interface or a far host ends by Ctrl-C or
    after the time that --for names. A password for --ssh is asked for, or taken from the variable
    PHONERIG_SSH_PASSWORD.

    Exit code 1 if a rule is broken, 4 if something is missing in the capture or there is nothing
    to judge.
    """
    from rig.capture.analysis import Limits
    from rig.commands.capture_output import FINDING_WORDS

    with clear_errors(as_json=as_json):
        if sum((file is not None, bool(live), bool(ssh))) != 1:
            raise UsageError("give one of FILE, --live IF and --ssh USER@HOST")
        if redact is not None and (file or write) in {None, Path("-")}:
            raise UsageError("--redact reads the capture twice: give a FILE, or add --write")
        if lang not in FINDING_WORDS:
            raise UsageError(f"--lang is {lang!r}; expected {' or '.join(FINDING_WORDS)}")
        limits = Limits(rows=limit)
        if file is not None:
            result = _of_file(file, limits, listen=listen)
        else:
            with _source(live, ssh, interface, pcap_filter, identity, known_hosts) as source_of:
                result = _of_capture(
                    source_of, Path(live or ssh), limits, duration_s, write, listen=listen
                )
        if html is not None:
            _write_page(result, html, lang)
        if redact is not None:
            tell = complain if as_json else say  # standard output is the JSON's alone
            _write_bundle(file or write or Path("-"), redact, lang, tell)
        _tell(result, account, ladder=ladder, lang=lang, as_json=as_json)
        raise typer.Exit(_exit_code(result))


def _exit_code(result: CaptureAnalysis) -> int:
    if any(finding.severity == "fault" for finding in result.findings):
        return 1
    return 4 if result.blind or result.empty else 0


def _tell(
    result: CaptureAnalysis, account: str, *, ladder: bool, lang: str, as_json: bool
) -> None:
    from rig.commands.capture_output import (
        capture_data,
        capture_json,
        nothing_to_say,
        print_analysis,
    )

    if as_json:
        print_data(capture_json(capture_data(result)))
        return
    print_analysis(result, account=account, ladder=ladder, lang=lang)
    if result.empty:
        why, advice = nothing_to_say(result, lang)
        complain(why, style="yellow")
        if not result.findings:
            complain(advice, style="yellow")


def _of_file(file: Path, limits: Limits, *, listen: bool) -> CaptureAnalysis:
    from rig.capture.analysis import analyse_capture
    from rig.capture.unwrap import FrameUnwrapper

    with FrameUnwrapper() as unwrap, _progress(file) as progress:
        return analyse_capture(
            file, limits=limits, unwrap=unwrap, listen=listen, progress=progress
        )


@contextlib.contextmanager
def _progress(file: Path) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    from rig.commands.common import err

    size = file.stat().st_size if file.is_file() else None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=False),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("reading", total=size)
        yield lambda frames, octets: bar.update(
            task, completed=octets, description=f"{frames} frames"
        )


@contextlib.contextmanager
def _source(
    live: str,
    ssh: str,
    interface: str,
    pcap_filter: str,
    identity: Path | None,
    known_hosts: Path,
) -> Iterator[FrameSource]:
    if live:
        from rig.capture.frame_source import USUAL_FILTER
        from rig.capture.live_frames import LiveFrames

        with LiveFrames(live, pcap_filter or USUAL_FILTER) as capture:
            yield capture
        return
    from provisioning.ssh import SshHost
    from rig.capture.remote import RemoteCapture, RemoteOptions

    options = RemoteOptions(
        interface=interface,
        pcap_filter=pcap_filter,
        identity=identity,
        known_hosts=known_hosts,
        password=_password(),
    )
    with RemoteCapture(SshHost.parse(ssh), options) as remote:
        yield remote


def _password() -> Callable[[str], str] | None:
    given = os.environ.get(PASSWORD_VARIABLE)
    if given is not None:
        return lambda _: given
    if not sys.stdin.isatty():
        return None
    return lambda what: str(typer.prompt(what, hide_input=True, err=True))


def _of_capture(
    source: FrameSource,
    name: Path,
    limits: Limits,
    duration_s: float | None,
    write: Path | None,
    *,
    listen: bool,
) -> CaptureAnalysis:
    from rig.capture.analysis import CaptureAnalyser, analyse_frames
    from rig.capture.unwrap import FrameUnwrapper

    complain(f"capturing on {name}; Ctrl-C ends it", style="cyan")
    timer = threading.Timer(duration_s, source.stop) if duration_s is not None else None
    before = signal.signal(signal.SIGINT, lambda *_: source.stop())
    with FrameUnwrapper() as unwrap, contextlib.ExitStack() as stack:
        stack.callback(signal.signal, signal.SIGINT, before)
        if timer is not None:
            timer.daemon = True
            timer.start()
            stack.callback(timer.cancel)
        analyser = CaptureAnalyser(name, limits=limits, unwrap=unwrap, listen=listen)
        frames = source.frames()
        if write is not None:
            frames = stack.enter_context(_written(frames, write))
        damage = analyse_frames(frames, analyser)
        analyser.result.dropped = source.dropped
        result = analyser.finish()
        for trouble in (damage, source.ended_badly):
            if trouble:
                result.notes.insert(0, trouble)
                result.blind = True
        offset_s = source.clock_offset_s
        if offset_s is not None and abs(offset_s) > 0.1:
            result.notes.append(f"the clock of {name} is {offset_s:+.1f} s off ours")
        return result


@contextlib.contextmanager
def _written(frames: Iterator[Frame], path: Path) -> Iterator[Iterator[Frame]]:
    """The same frames, each written as it passes."""
    from rig.capture.pcapng import PcapngWriter

    try:
        file = path.open("wb")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    with file:
        writer, known = PcapngWriter(file), False

        def passing() -> Iterator[Frame]:
            nonlocal known
            for frame in frames:
                if not known:
                    writer.interface("capture", frame.link_type)
                    known = True
                writer.frame(frame)
                yield frame

        yield passing()


def _write_page(result: CaptureAnalysis, path: Path, lang: str) -> None:
    from rig.commands.capture_output import capture_data
    from rig.report.capture_page import write_capture_page
    from rig.report.record import event_data

    events = [data for event in result.events if (data := event_data(event))]
    try:
        write_capture_page(capture_data(result), events, path, lang=lang)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _write_bundle(source: Path, bundle: Path, lang: str, tell: Callable[..., None]) -> None:
    from rig.commands.capture_bundle import write_bundle

    differences = write_bundle(source, bundle, lang)
    for difference in differences:
        complain(f"{bundle}: {difference}", style="yellow")
    tell(f"written: {bundle}", style="cyan")

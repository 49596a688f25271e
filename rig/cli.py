"""The program ``phonerig``: puts the verbs together and owns the way out.

Exit codes: 0 pass, 1 fail, 2 usage, 3 rig error, 4 inconclusive; 130 after Ctrl-C. Whatever
happens, the user sees one clear message; a traceback only by ``--debug`` or
``PHONERIG_DEBUG=1``.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from rig.commands import (
    agent,
    bench,
    capture,
    demo,
    device_profile,
    faults,
    handset,
    inventory,
    mailbox_platform,
    phone,
    results,
    sensor,
)
from rig.commands.audit import audit
from rig.commands.common import DEBUG_VARIABLE, complain, debug_wanted, mute, show_warnings
from rig.commands.dhcp import dhcp
from rig.commands.explain import explain
from rig.commands.fetches import fetches
from rig.commands.models import models
from rig.commands.push import push
from rig.commands.render import render
from rig.commands.resync import resync
from rig.commands.serve import serve

PROGRAM = "phonerig"
INTERNAL_ERROR = 3
INTERRUPTED = 130

app = typer.Typer(
    name=PROGRAM,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(demo.verify)
app.command()(render)
app.command()(push)
app.command()(resync)
app.command()(dhcp)
app.command()(audit)
app.command()(models)
app.command()(serve)
app.command()(fetches)
app.add_typer(bench.app, name="bench")
app.add_typer(inventory.app, name="inventory")
app.add_typer(device_profile.app, name="profile")
app.add_typer(capture.app, name="capture")
app.add_typer(mailbox_platform.app, name="platform")
app.add_typer(handset.app, name="handset")
app.add_typer(phone.app, name="phone")
app.add_typer(sensor.app, name="sensor")
app.add_typer(agent.app, name="agent")
app.add_typer(faults.app, name="faults")
app.command()(explain)
app.add_typer(results.app, name="results")
app.command()(results.report)


def _version(*, value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - only this option needs it

        sys.stdout.write(f"{PROGRAM} {version(PROGRAM)}\n")
        raise typer.Exit


@app.callback()
def phonerig(
    version: Annotated[  # noqa: FBT002 - a switch of the command line
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[  # noqa: FBT002 - a switch of the command line
        bool, typer.Option("--debug", help="Show tracebacks of errors.")
    ] = False,
) -> None:
    """Provision IP desk phones, and prove message waiting and diversion at wire and lamp.

    Exit codes: 0 pass, 1 fail, 2 usage or bad input, 3 rig error, 4 inconclusive.
    """
    del version, debug  # both have done their work before


def main() -> None:
    """Run the program and exit; the entry point of the command ``phonerig``."""
    arguments = sys.argv[1:]
    if "--debug" in arguments:
        # Wherever it stands: it is asked for after something went wrong, at the line's end.
        os.environ[DEBUG_VARIABLE] = "1"
        arguments = [argument for argument in arguments if argument != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    show_warnings()
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run one command line.

    Args:
        arguments: without the program's name.

    Returns:
        The exit code.
    """
    try:
        app(arguments, prog_name=PROGRAM)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except KeyboardInterrupt:  # before the command has begun
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence; see the docstring
        return _internal_error(error)
    finally:
        _flush()
    return 0


def _internal_error(error: Exception) -> int:
    if debug_wanted():
        traceback.print_exc()
    complain(
        f"internal error: {type(error).__name__}: {error}; this is a fault of phonerig, please "
        "report it with the traceback that --debug shows"
    )
    return INTERNAL_ERROR


def _flush() -> None:
    """Empty the buffers now, where a reader that has gone can be borne."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            mute(stream.fileno())


if __name__ == "__main__":
    main()

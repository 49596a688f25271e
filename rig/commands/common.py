"""What every verb shares: output that cannot be forged, exit codes, the site and the profiles.

Whatever a verb prints may come from a stranger: a file, a User-Agent, a SIP header. So text
goes out through :func:`say`, :func:`complain` and :func:`show_table`, which keep it on its
line and take no markup from it. Heavy imports happen inside functions, so that shell completion
stays quick.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

from provisioning.errors import InputErrors, InputFault, PhonerigError, UsageError
from provisioning.plain_text import clean

if TYPE_CHECKING:
    from provisioning.device_profile import ProfileSet
    from provisioning.inventory_site import Site

DEMO = "demo"
"""The word that stands for the built-in demo site wherever a SITE is asked for."""

_PIPE_WIDTH = 160

DEBUG_VARIABLE = "PHONERIG_DEBUG"
"""Set to anything but ``0`` to see tracebacks."""


class CalmConsole(Console):
    """A console that goes on in silence when its reader has gone (``phonerig ... | head``).

    The verdict, and with it the exit code, must not depend on who reads the output.
    """

    def on_broken_pipe(self) -> None:
        """Drop everything from now on."""
        self.quiet = True
        mute(self.file.fileno())


def mute(descriptor: int) -> None:
    """Send a file descriptor's output to nowhere from now on."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _width() -> int | None:
    """Columns for a file or pipe, which has no width of its own; None to ask the terminal."""
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH


out = CalmConsole(width=_width())
err = CalmConsole(stderr=True)


def debug_wanted() -> bool:
    """Whether tracebacks are shown."""
    return os.environ.get(DEBUG_VARIABLE, "0") not in {"", "0"}


def say(text: object = "", *, style: str | None = None) -> None:
    """Print one line on standard output, whatever it holds."""
    out.print(clean(text), style=style, markup=False, highlight=False, soft_wrap=True, emoji=False)


def complain(text: object, *, style: str = "red") -> None:
    """Print one line on standard error, whatever it holds."""
    complain_all([text], style=style)


def complain_all(texts: Iterable[object], *, style: str = "red") -> None:
    """Print many lines on standard error at once, which is far quicker than one by one."""
    lines = "\n".join(clean(text) for text in texts)
    err.print(lines, style=style, markup=False, highlight=False, soft_wrap=True, emoji=False)


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = ""
) -> None:
    """Print a table whose cells take no markup from their text.

    Args:
        columns: headings.
        rows: cells, which may have line ends.
        title: above it; empty for none.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    out.print(table)


def _cell(value: object) -> Text:
    return Text("\n".join(clean(line) for line in str(value).split("\n")))


def several(count: int, one: str, many: str = "") -> str:
    """``1 user``, ``2 users``."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


class LogLines(logging.Handler):
    """Shows warnings of the rig's parts, one safe line each.

    Tracebacks of what was caught come only when debugging is asked for.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        complain(f"{record.levelname.lower()}: {record.getMessage()}", style="yellow")
        if record.exc_info and debug_wanted():
            err.print("".join(traceback.format_exception(*record.exc_info)), markup=False)


def show_warnings() -> None:
    """Send log records of all parts to standard error."""
    logging.basicConfig(level=logging.WARNING, handlers=[LogLines()])
    if not debug_wanted():
        # asyncio warns of its own housekeeping, of which a user can make nothing.
        logging.getLogger("asyncio").setLevel(logging.ERROR)


@contextmanager
def clear_errors(*, as_json: bool = False) -> Iterator[None]:
    """Turn our errors into one clear message and the right exit code; never a traceback."""
    try:
        yield
    except InputErrors as error:
        _trace()
        if as_json:
            print_json({"faults": [fault_data(fault) for fault in error.faults]})
        for fault in error.faults:
            complain(fault)
        complain(f"{several(len(error.faults), 'fault')}; nothing was written")
        raise typer.Exit(error.exit_code) from None
    except PhonerigError as error:
        _trace()
        if as_json:
            print_json({"error": str(error)})
        complain(error)
        raise typer.Exit(error.exit_code) from None


def _trace() -> None:
    if debug_wanted():
        traceback.print_exc()


def fault_data(fault: InputFault) -> dict[str, Any]:
    """One input fault as plain data."""
    return {
        "file": fault.position.file,
        "line": fault.position.line,
        "column": fault.position.column,
        "what": fault.what,
        "got": fault.got,
        "expected": fault.expected,
        "fix": fault.fix,
    }


def print_json(data: Any, *, indent: int | None = 1) -> None:
    """Print data as JSON on standard output.

    Args:
        data: plain data; other values are written as their text.
        indent: None puts it on one line, for a stream of events.
    """
    print_data(json.dumps(data, indent=indent, ensure_ascii=False, default=str))


def say_often(text: object) -> None:
    """Print one line on standard output like :func:`say`, at a tenth of its price.

    For what is said of every request of a server: without colours, and what the output's encoding
    does not know becomes an escape.
    """
    line = clean(text)
    encoding = sys.stdout.encoding or "utf-8"
    print_data(line.encode(encoding, "backslashreplace").decode(encoding))


def print_data(text: str) -> None:
    """Print JSON that is text by now; whoever reads it may go away."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in {errno.EPIPE, errno.EIO}:  # a pipe, or a terminal that was closed
            raise
        mute(sys.stdout.fileno())


def profiles() -> ProfileSet:
    """The device profiles that phonerig ships; each is read when it is asked for."""
    from provisioning.device_profile import shipped_profiles

    return shipped_profiles()


def read_site(site: str) -> Site:
    """Load an inventory, or the demo site.

    Args:
        site: path of the YAML file or of its folder; ``demo`` is always the built-in site, and
            a folder of that name is ``./demo``.

    Raises:
        InputErrors: all faults of the inventory at once.
    """
    from provisioning.inventory import load_site
    from provisioning.profile_limits import LimitsOfModels

    return load_site(site_file(site), models=LimitsOfModels(profiles()))


def site_file(site: str) -> Path:
    """The file of an inventory, which need not be there.

    Args:
        site: as for :func:`read_site`.
    """
    from provisioning.resources import demo_site_dir

    path = demo_site_dir() if site == DEMO else Path(site)
    return path / "site.yaml" if path.is_dir() else path


def make_folder(folder: Path) -> None:
    """Make a folder for reports before anything is run, or say now that it will not do.

    Raises:
        UsageError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be used for reports: {error.strerror}; name another folder by --out"
        ) from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"{folder} cannot be written; name another folder by --out")

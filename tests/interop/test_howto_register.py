"""The page on registering a phone, done to the letter: its files, its commands, its dialogues.

Blocks of the page are ``ini PATH`` (a file), ``sh`` (a command; one that runs on stays up) and
``dialogue NAME`` (typed lines behind ``>``, and what must then be seen). Everything happens in a
network namespace of its own, so the page's ports are free.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from peers import require_peer, require_root

from rig.handset.netns import own_network_namespace

pytestmark = [pytest.mark.interop(peer="baresip"), pytest.mark.root, pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "register_a_phone.md"
BLOCK = re.compile(r"^```(\w+)[ ]?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RUNS_ON = {
    "phonerig": "registrar and proxy",
    "baresip": "ready",
    "linphonec": "linphonec>",
    "twinkle-console": "Twinkle 1.10",
}
"""Programs that stay up, and what they print when they do."""
SPEAKS = ("stablished", "connected.")
SILENT = ("/hangup", "terminate")
THINK_S = 1.0
"""How long a reader takes to type a line."""
TALK_S = 7.0
"""How long a reader would listen or speak before typing the next line of a call."""


STARTS = 10
STORM = 20
"""So many subscriptions in the first second are the habit of baresip that the page tells of."""


@dataclass(frozen=True)
class Block:
    """One block of the page: what kind, its second word, its text."""

    kind: str
    name: str
    text: str


def blocks() -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(PAGE.read_text(encoding="utf-8"))]


class Screen:
    """A program that runs on, with a terminal as its keyboard, and all that it has shown."""

    def __init__(self, command: str, folder: Path) -> None:
        ours, theirs = pty.openpty()
        self._keyboard = ours
        self._shown = ""
        self._seen = 0
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec env {command}"],
            cwd=folder,
            env=environment(),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65536):
            self._shown += data.decode(errors="replace")

    def type(self, line: str) -> None:
        os.write(self._keyboard, line.encode() + b"\n")

    def wait_for(self, text: str, timeout_s: float = 60) -> None:
        """Wait until something is shown behind what was waited for before."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            at = self._shown.find(text, self._seen)
            if at >= 0:
                self._seen = at + len(text)
                return
            time.sleep(0.05)
        raise AssertionError(f"{text!r} was not shown; but {self._shown!r}")

    def storms(self) -> bool:
        """Whether it says the same thing over and over, many times a second."""
        time.sleep(THINK_S)
        return self._shown.count("mwi: subscribing") > STORM

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        os.close(self._keyboard)


def environment() -> dict[str, str]:
    """The page's ``phonerig`` and ``python3`` are those of this project."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "160"}


class Reader:
    """Does what the page says, block by block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.screens: dict[str, Screen] = {}
        self.done = 0
        for block in blocks():
            if block.kind == "ini":
                path = folder / block.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)

    def part(self, heading: str) -> list[Block]:
        """The commands and dialogues of one part of the page."""
        text = PAGE.read_text(encoding="utf-8")
        part = re.split(r"^## ", text, flags=re.MULTILINE)
        chosen = next(p for p in part if p.startswith(heading))
        return [b for b in (Block(*found) for found in BLOCK.findall(chosen)) if b.kind != "ini"]

    def follow(self, heading: str) -> None:
        for block in self.part(heading):
            self.done += 1
            if block.kind == "sh":
                self._run(block.text.strip())
            else:
                self._talk(self.screens[block.name], block.text)

    def _run(self, command: str) -> None:
        words = [word for word in command.split() if "=" not in word]
        ready = RUNS_ON.get(words[0])
        if ready is None:
            subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=self.folder,
                env=environment(),
                check=True,
                timeout=60,
            )
            return
        name = words[0].removesuffix("-console")
        for _ in range(STARTS):
            screen = Screen(command, self.folder)
            screen.wait_for(ready)
            if name != "baresip" or not screen.storms():
                break
            screen.close()  # the page says: restart it
        else:
            raise AssertionError(f"{name} stormed at each of {STARTS} starts")
        self.screens[{"linphonec": "linphone"}.get(name, name)] = screen

    def _talk(self, screen: Screen, text: str) -> None:
        in_call = False
        for line in text.splitlines():
            if line.startswith("> "):
                time.sleep(TALK_S if in_call else THINK_S)
                screen.type(line[2:])
                in_call = in_call and line[2:] not in SILENT
            else:
                screen.wait_for(line)
                in_call = in_call or line.endswith(SPEAKS)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    require_root()
    for peer in ("baresip", "linphonec", "twinkle-console"):
        require_peer(peer)
    with own_network_namespace():
        reader = Reader(tmp_path)
        try:
            reader.follow("# Register")
            yield reader
        finally:
            for screen in reversed(reader.screens.values()):
                screen.close()


def platform_says(reader: Reader, *texts: str) -> None:
    for text in texts:
        reader.screens["phonerig"].wait_for(text)


def test_baresip_leaves_and_hears_a_message(reader: Reader) -> None:
    reader.follow("baresip")
    platform_says(reader, "registered at sip:greta.gross", "1 new, 0 saved (deposit)")
    platform_says(reader, "0 new, 1 saved (heard)")
    assert reader.done == 5


def test_linphone_leaves_a_message(reader: Reader) -> None:
    reader._run(next(b.text.strip() for b in blocks() if "speech.wav', 'wb'" in b.text))
    reader.follow("linphone")
    platform_says(reader, "registered at sip:anna.arndt", "1 new, 0 saved (deposit)")
    assert reader.done == 4


def test_twinkle_registers_and_subscribes(reader: Reader) -> None:
    reader.follow("Twinkle")
    platform_says(reader, "registered at sip:clara.conrad", "not registered any more")
    assert (
        "NOTIFY sip:clara.conrad" in (reader.folder / "twinkle/.twinkle/twinkle.log").read_text()
    )
    assert reader.done == 3


def test_no_block_of_the_page_is_left_out() -> None:
    parts = ("# Register", "baresip", "linphone", "Twinkle")
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("```") == 2 * len(blocks())
    assert {block.kind for block in blocks()} == {"ini", "sh", "dialogue"}
    rest = re.split(r"^## ", text, flags=re.MULTILINE)
    assert [p.partition("\n")[0].split()[0] for p in rest[1:]] == [*parts[1:], "Desk"]
    assert "```" not in rest[-1]

"""Runs the program ``phonerig`` as a user does: another process, its streams, its exit code."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PROGRAM = [sys.executable, "-m", "rig.cli"]


def environment(**more):
    """What every run gets: no settings of the tester's own terminal."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"COLUMNS", "FORCE_COLOR", "PHONERIG_DEBUG"}
    }
    return kept | {"PYTHONUNBUFFERED": "1"} | more


def run_cli(*arguments, cwd=None, timeout_s=90, **more):
    """Run one command line to its end."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout_s,
        check=False,
    )


def error_lines(result):
    """What a run complained of; never a traceback."""
    assert "Traceback" not in result.stderr, result.stderr
    return result.stderr.splitlines()


class Service:
    """A command that runs until it is told to stop; ended by its own process id."""

    def __init__(self, *arguments, cwd=None):
        self.process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            cwd=cwd,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.lines = []
        self._fresh = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._fresh.put(line.rstrip("\n"))

    def wait_for(self, pattern, timeout_s=90):
        """Wait until a line matches, the ones already read included."""
        for line in self.lines:
            if found := re.search(pattern, line):
                return found
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._fresh.get(timeout=left)
            except queue.Empty:
                break
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line matches {pattern!r} in {self.lines}; {self.process.poll()}")

    def next_line(self, timeout_s=90):
        """Wait for the next line."""
        self.lines.append(self._fresh.get(timeout=timeout_s))

    def stop(self, by=signal.SIGINT, timeout_s=20):
        """Ask it to stop; exit code, and what it wrote to standard error."""
        self.process.send_signal(by)
        code = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        while not self._fresh.empty():
            self.lines.append(self._fresh.get())
        return code, self.process.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()


SITE = """\
site:
  name: Probe GmbH
  demo: true
  domain: probe.example
  registrar: {{host: 127.0.0.1, port: {sip_port}}}
  voice_portal_number: +49 30 23125 900
  provisioning: {{url: "{url}"}}
  admin_password: demo:Kirschbaum-27-Leiter
users:
  - name: {name}
    number: +49 30 23125 101
    extension: 101
    sip: {{user: anna, password: demo:quitte-4711-anna}}
    mailbox: {{pin: demo:748159}}
  - name: Bert
    number: +49 30 23125 102
    extension: 102
    sip: {{user: bert, password: demo:birne-0815-bert}}
handsets:
  - name: desk
    model: {model}
    mac: 80:5E:C0:1A:2B:01
    accounts: [{{user: 101{label}}}]
  - name: hall
    model: T46U
    mac: 80:5E:C0:1A:2B:02
    accounts: [{{user: 102}}]
"""


def write_site(
    folder, *, name="Anna", model="T46U", label="", sip_port=5060, url="http://127.0.0.1"
):
    """Write a small right site; ``label`` is what a user may have written for the account."""
    path = Path(folder) / "site.yaml"
    label = f", label: {label}" if label else ""
    text = SITE.format(name=name, model=model, label=label, sip_port=sip_port, url=url)
    path.write_text(text, encoding="utf-8")
    return path

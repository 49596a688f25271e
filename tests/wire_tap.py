"""Captures a loopback with tcpdump, and asks tshark and sngrep what they think of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from peers import require_peer

ONCE = ("sip.CSeq.seq", "sip.CSeq.method", "sip.Call-ID", "sip.From", "sip.To",
        "sip.Content-Length")  # fmt: skip
"""Fields that every SIP message has exactly once."""
DISCARD_PORT = 9
WARNING = 0x00600000
"""Severity of a warning; errors are above. Source: Wireshark's expert.h."""

SEQUENCE = 0x02000000
"""Group of remarks about how TCP carried something: a connection that was cut, a segment that came
twice on a busy machine. None of them is about a message. Source: Wireshark's expert.h."""


@contextlib.asynccontextmanager
async def tcpdump(path: Path, interface: str = "lo") -> AsyncIterator[None]:
    """Capture everything on an interface of this network namespace into a file."""
    process = await asyncio.create_subprocess_exec(
        require_peer("tcpdump"),
        *("-i", interface, "-n", "-U", "-s", "0", "-B", "8192", "-Z", "root", "-w", str(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(20):
        while b"listening on" not in await process.stderr.readline():
            if process.returncode is not None:
                raise AssertionError("tcpdump did not start")
    try:
        yield
        await _caught_up(path)
    finally:
        process.terminate()
        _, said = await process.communicate()
    assert b"\n0 packets dropped by kernel" in said, said.decode()


async def _caught_up(path: Path) -> None:
    """Wait until a marker is in the file: a tcpdump that is ended throws away what waits."""
    marker = b"marker " + os.urandom(12).hex().encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        async with asyncio.timeout(60):
            while not _holds(path, marker):
                sender.sendto(marker, ("127.0.0.1", DISCARD_PORT))
                await asyncio.sleep(0.2)


def _holds(path: Path, marker: bytes) -> bool:
    return marker in path.read_bytes()


@dataclass(frozen=True)
class Complaint:
    """One thing that tshark finds wrong."""

    frame: int
    severity: int
    message: str
    protocols: str


class Tshark:
    """tshark over one file, told which ports carry SIP.

    Args:
        path: the capture.
        ports: SIP ports; a port that is none of SIP's usual ones is not recognised by itself.
    """

    def __init__(self, path: Path, ports: set[int]) -> None:
        self._path = path
        self._switches: list[str] = []
        for port in sorted(ports):
            for kind in ("udp", "tcp"):
                self._switches += ["-d", f"{kind}.port=={port},sip"]

    def fields(self, wanted: str, *names: str) -> list[list[list[str]]]:
        """Values of fields in the frames that a display filter takes: one list a field."""
        picked = [word for name in names for word in ("-e", name)]
        command = [require_peer("tshark"), "-n", "-r", str(self._path), *self._switches]
        command += ["-Y", wanted, "-T", "json", *picked]
        done = subprocess.run(command, capture_output=True, timeout=120, check=True)
        rows = json.loads(done.stdout or b"[]")
        layers = [row["_source"]["layers"] for row in rows]
        return [[layer.get(name, []) for name in names] for layer in layers]

    def complaints(self) -> list[Complaint]:
        """Everything of the severity warning or error."""
        names = ("severity", "group", "message")
        rows = self.fields(
            f"_ws.expert.severity >= {WARNING} || _ws.malformed",
            *("frame.number", "frame.protocols", *(f"_ws.expert.{name}" for name in names)),
        )
        return [
            Complaint(int(number[0]), int(severity), message, protocols[0])
            for number, protocols, *remarks in rows
            for severity, group, message in zip(*remarks, strict=True)
            if int(severity) >= WARNING and int(group) != SEQUENCE
        ]

    def faults(self) -> list[str]:
        """All that is wrong: complaints, SIP headers that it cannot read, what is unknown to it.

        tshark says nothing about a header that it does not understand: its field is not there.
        """
        found = [f"frame {c.frame}: {c.message} ({c.protocols})" for c in self.complaints()]
        for row in self.fields("sip", "frame.number", "sip.Method", "sip.Status-Code", *ONCE):
            (number,), methods, statuses, *once = row
            messages = len(methods) + len(statuses)
            found += [
                f"frame {number}: {messages} messages, {len(values)} {name}"
                for name, values in zip(ONCE, once, strict=True)
                if len(values) != messages or not messages
            ]
            cseq_methods = once[ONCE.index("sip.CSeq.method")]
            if not set(methods) <= set(cseq_methods):
                found.append(f"frame {number}: {methods} with CSeq of {cseq_methods}")
        for number, body in self.fields(
            'sip.Content-Type contains "sdp"', "frame.number", "sdp.media"
        ):
            if not body:
                found.append(f"frame {number[0]}: no media in a session description")
        unknown = self.fields(
            f"udp && !(sip || rtp || rtcp) && udp.port != {DISCARD_PORT}", "frame.number"
        )
        return found + [f"frame {number[0]}: not known to tshark" for (number,) in unknown]

    def methods(self) -> Counter[str]:
        """How many requests of each method, and responses of each status.

        A message that an ICMP error quotes was not sent again.
        """
        found: Counter[str] = Counter()
        for methods, statuses in self.fields("sip && !icmp", "sip.Method", "sip.Status-Code"):
            found.update(methods)
            found.update(statuses)
        return found


def sngrep_count(path: Path, work: Path) -> int:
    """How many packets with SIP sngrep finds."""
    out = work / "sngrep.pcap"
    subprocess.run(
        [require_peer("sngrep"), "-N", "-q", "-I", str(path), "-O", str(out)],
        check=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    done = subprocess.run(
        [require_peer("tshark"), "-n", "-r", str(out), "-T", "fields", "-e", "frame.number"],
        capture_output=True,
        timeout=60,
        check=True,
    )
    return len(done.stdout.split())

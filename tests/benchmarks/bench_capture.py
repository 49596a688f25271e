"""What it costs to analyse a capture, against tshark and sngrep on the same file.

``capture analyze`` does all it can: reassembly, dialogs, oracles, tables. tshark prints four
fields of each message; sngrep finds the messages and their dialogs. Processor time of whole
processes is compared, because a busy machine stretches the rest. Live capture needs root.
"""

from __future__ import annotations

import json
import os
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import arguments, report

from rig.capture.live_frames import LiveFrames

sys.path.insert(0, str(Path(__file__).parents[1]))

from sip_traffic import write_pcap

PROGRAM = [sys.executable, "-m", "rig.cli", "capture", "analyze", "--json"]
FIELDS = ("frame.number", "sip.Method", "sip.Status-Code", "sip.Call-ID")
LIVE_PER_S, LIVE_S = 50_000, 10.0

WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
from sip_traffic import write_pcap
write_pcap(sys.stdout.buffer, int(sys.argv[2]))
"""
SENDER = """
import socket, sys, time
net, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
far.bind((net + ".2", 0))
far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
near.bind((net + ".3", 0))
near.connect(far.getsockname())
text, began, sent = bytes(200), time.monotonic(), 0
while (now := time.monotonic() - began) < seconds:
    due = int(now * rate)
    while sent < due:
        near.send(text)
        sent += 1
    time.sleep(0.0005)
print(sent, sent / (time.monotonic() - began))
"""


def cpu_s(command: list[str], **more: object) -> tuple[float, bytes]:
    """Processor seconds of a command and its children, and its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(  # type: ignore[call-overload]  # options are passed on
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, **more
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, done.stdout


def compare(path: Path, count: int, peers: list[str]) -> float:
    """Figures of one file; gives our microseconds a message."""
    ours, out = cpu_s([*PROGRAM, str(path)])
    data = json.loads(out)
    assert data["messages"] == count
    assert data["findings"] == []
    name = f"{count // 1000}k"
    report(f"analyze_{name}_per_s", count / ours, "messages/s", note="of processor time")
    fields = [word for field in FIELDS for word in ("-e", field)]
    commands = {
        "tshark": ["tshark", "-n", "-r", str(path), "-Y", "sip", "-T", "fields", *fields],
        "sngrep": ["sngrep", "-N", "-q", "-I", str(path), "-O", os.devnull],
    }
    for peer, wanted in (("tshark", 5.0), ("sngrep", 1.0)):
        if peer in peers and shutil.which(peer):
            theirs, _ = cpu_s(commands[peer], stdin=subprocess.DEVNULL)
            report(f"analyze_{name}_vs_{peer}", theirs / ours, "x", at_least=wanted)
    return ours / count * 1e6


READER = """
import sys
from pathlib import Path
from rig.capture.analysis import CaptureAnalyser, analyse_frames
from rig.capture.capture_file import CaptureFile
count = int(sys.argv[1])
analyser = CaptureAnalyser(Path("pipe"))

def tell(frames):
    if frames > count * (1 if told else 0.3):
        note()

def note():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    told.append(pages * 4096 / 1e6)

told = []
analyse_frames(CaptureFile(Path("-")).frames(), analyser, tell)
note()
assert analyser.finish().messages == count
print(told[0], told[-1])
"""


def memory_mb(count: int) -> tuple[float, float]:
    """Resident set after three tenths of so many messages from a pipe, and after all."""
    tests = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tests, str(count)], stdout=subprocess.PIPE
    ) as writer:
        done = subprocess.run(
            [sys.executable, "-c", READER, str(count)],
            stdin=writer.stdout,
            stdout=subprocess.PIPE,
            check=True,
        )
    early, late = map(float, done.stdout.split())
    return early, late


def live(per_s: int, seconds: float) -> None:
    """Datagrams on loopback at a pace; how many of them were not captured."""
    net = f"127.{120 + secrets.randbelow(30)}.{1 + secrets.randbelow(250)}"
    with LiveFrames("lo", f"udp and net {net}.0/24") as capture:
        sender = subprocess.Popen(
            [sys.executable, "-c", SENDER, net, str(per_s), str(seconds)], stdout=subprocess.PIPE
        )
        out, _ = sender.communicate()
        time.sleep(0.3)
        capture.stop()
        captured = sum(1 for _ in capture.frames())
        dropped = capture.dropped
    sent, rate = out.split()
    report("live_per_s", float(rate), "packets/s", at_least=per_s * 0.98)
    lost = int(sent) - captured
    report("live_lost", lost, "packets", at_most=0, note=f"{dropped} dropped by the kernel")


def main() -> None:
    """Print all figures."""
    parser = arguments(__doc__)
    parser.add_argument("--no-tshark", action="store_true", help="it takes minutes for 200k")
    options = parser.parse_args()
    peers = ["sngrep"] if options.no_tshark else ["tshark", "sngrep"]
    small, large, pipe = (1000, 2000, 2000) if options.quick else (20_000, 200_000, 1_000_000)
    per_message = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (small, large):
            path = Path(folder) / f"{count}.pcap"
            with path.open("wb") as file:
                write_pcap(file, count)
            per_message.append(compare(path, count, peers))
    report(
        "analyze_large_vs_small", per_message[1] / per_message[0], "x", at_most=1.2,
        note="time of a message",
    )  # fmt: skip
    early, late = memory_mb(pipe)
    report("memory_mb", late, "MB", note=f"{pipe} messages from a pipe")
    report("memory_all_vs_third", late / early, "x", at_most=1.1)
    if os.geteuid() == 0:
        live(*((2000, 0.5) if options.quick else (LIVE_PER_S, LIVE_S)))


if __name__ == "__main__":
    main()

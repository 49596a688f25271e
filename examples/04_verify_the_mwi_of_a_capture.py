"""Read message waiting and diversions out of a capture file, from wherever it came.

Give a pcap or pcapng file, also gzipped; without one, a capture of the demo site is made.
"""

import sys
import tempfile
from pathlib import Path

from rig.blocking import BlockingBench
from rig.capture.analysis import analyse_capture
from rig.capture.export import export_packets
from rig.demo_bench import demo_config
from rig.scenarios import scenarios
from rig.verdict.oracles.finding import Severity


def capture_of_the_demo(folder: Path) -> Path:
    """Let a busy phone get a message, and keep the packets."""
    with BlockingBench(demo_config(folder)) as bench:
        bench.run_scenario(scenarios()["busy"])
        export_packets(folder / "busy.pcapng", bench.bench.recorder.packets)
    return folder / "busy.pcapng"


def report(path: Path) -> None:
    """Print every NOTIFY, every diverted call and every broken rule."""
    seen = analyse_capture(path)
    print(f"{seen.messages} SIP messages in {seen.frames} frames")
    for line in seen.mwi:
        flag = "?" if line.waiting is None else "yes" if line.waiting else "no"
        print(f"packet {line.packet}: {line.account}: waiting {flag}, {line.counts}")
    for call in seen.calls:
        for entry in call.diversion:
            print(f"packet {call.packet}: to {call.target}: diverted by {entry}")
    for finding in seen.findings:
        print(f"packet {finding.packet}: {finding.text} ({finding.clause})")
    broken = [finding for finding in seen.findings if finding.severity is not Severity.NOTE]
    print("rules broken:", len(broken))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        report(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as work:
            report(capture_of_the_demo(Path(work)))

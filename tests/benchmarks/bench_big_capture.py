"""Whether memory stays flat over a capture of ten gigabytes, as a busy mirror port fills a disk.

Most of it is not SIP: between two SIP messages stand ten packets of audio and fifteen full
segments of other people's TLS. It comes through a pipe, so no disk is needed; the SIP messages
must all be found, and nothing may be said of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from figures import arguments, report

GB = 1_000_000_000
AUDIO_EACH, BULK_EACH = 10, 15

WRITER = """
import struct, sys
sys.path.insert(0, sys.argv[1])
from sip_traffic import messages, udp_frame, tcp_frame, pcap_header, record
wanted, audio_each, bulk_each = map(int, sys.argv[2:])
out = sys.stdout.buffer
written = out.write(pcap_header())
audio, seq, sip, payload = bytes(160), [0] * 50, 0, b"\\x17\\x03\\x03\\x20\\x00" + bytes(1455)
tls = 1
for at, outbound, nth, text in messages(500, 1_000_000):
    rows = [record(at, udp_frame(text, outbound=outbound, nth=nth))]
    sip += 1
    which = sip % 50
    for _ in range(audio_each):
        seq[which] += 1
        head = struct.pack("!BBHII", 0x80, 8, seq[which] & 0xffff, seq[which] * 160, which)
        rows.append(record(at, udp_frame(head + audio, outbound=True, nth=which, port=4000)))
    for _ in range(bulk_each):
        rows.append(record(at, tcp_frame(payload, tls)))
        tls = (tls + len(payload)) & 0xffffffff
    written += out.write(b"".join(rows))
    if written >= wanted:
        break
sys.stderr.write(f"{sip} {written}")
"""

READER = """
import json, time
from pathlib import Path
from rig.capture.analysis import CaptureAnalyser, analyse_frames
from rig.capture.capture_file import CaptureFile

told = []

def note(frames=0):
    told.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6)

analyser = CaptureAnalyser(Path("pipe"))
analyse_frames(CaptureFile(Path("-")).frames(), analyser, note)
note()
done = analyser.finish()
above = [str(finding) for finding in done.findings if finding.severity != "note"]
print(json.dumps([told, done.messages, done.frames, above, time.process_time()]))
"""


def main() -> None:
    """Print all figures."""
    parser = arguments(__doc__)
    parser.add_argument("--gigabytes", type=float, default=10.0)
    options = parser.parse_args()
    wanted = int((0.02 if options.quick else options.gigabytes) * GB)
    tests = str(Path(__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, tests, str(wanted), str(AUDIO_EACH), str(BULK_EACH)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as writer:
        reader = subprocess.run(
            [sys.executable, "-c", READER],
            stdin=writer.stdout,
            stdout=subprocess.PIPE,
            check=True,
        )
        sip, octets = map(int, writer.communicate()[1].split())
    told, messages, frames, above, spent_s = json.loads(reader.stdout)
    assert messages == sip, f"{sip} SIP messages were written, {messages} were read"
    assert not above, above
    report(
        "big_capture_gb", octets / GB, "GB", note=f"{frames} frames, {sip} SIP messages, all read"
    )
    tenths = [told[len(told) * tenth // 10] for tenth in range(1, 10)] + [told[-1]]
    course = ", ".join(f"{value:.0f}" for value in tenths)
    report("big_capture_memory_mb", told[-1], "MB", note=f"after each tenth: {course}")
    report("big_capture_all_vs_half", max(told) / tenths[4], "x", at_most=1.1)
    report("big_capture_mb_per_s", octets / 1e6 / spent_s, "MB/s", note="of processor time")


if __name__ == "__main__":
    main()

"""How fast is parse_message, as a share of the least that any parser must do?

The message is a NOTIFY as a platform sends it. The reference only splits the bytes: head from
body, lines, names from values. Reference and parser run in turn for several rounds; a figure is
the median of the ratios of speed per round, so 0.3 x means that the parser needs 3.3 times as
long as splitting. The second figure adds the typed views that an endpoint asks of every message:
Call-ID, branch of the topmost Via, CSeq.

Run: ``python tests/benchmarks/bench_sip_parse.py [--quick]``
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from figures import arguments, report, report_median

from rig.sip.parser import parse_message

ROUNDS = 15
CALLS_PER_ROUND = 3000
TARGET_RATIO = 0.3

NOTIFY = (
    b"NOTIFY sip:4930123456@192.0.2.20:5060;transport=udp SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-524287-1---a1b2c3d4e5f60718;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"Contact: <sip:192.0.2.1:5060>\r\n"
    b"To: <sip:4930123456@example.com>;tag=8a7b6c5d\r\n"
    b"From: <sip:4930123456@example.com>;tag=1f2e3d4c\r\n"
    b"Call-ID: 3c26700c1adb-r7m2s5n8k1q0@192.0.2.20\r\n"
    b"CSeq: 17 NOTIFY\r\n"
    b"Event: message-summary\r\n"
    b"Subscription-State: active;expires=3540\r\n"
    b"User-Agent: Example-Platform/1.0\r\n"
    b"Content-Type: application/simple-message-summary\r\n"
    b"Content-Length: 94\r\n"
    b"\r\n"
    b"Messages-Waiting: yes\r\n"
    b"Message-Account: sip:4930123456@example.com\r\n"
    b"Voice-Message: 2/8 (0/2)\r\n"
)


def split_only(data: bytes) -> tuple[list[tuple[bytes, bytes, bytes]], bytes]:
    """Do the least: split head, lines and names."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    return [line.partition(b":") for line in lines[1:]], body


def parse_and_route(data: bytes) -> tuple[str, str | None, int]:
    """Do what an endpoint needs of every message: parse, branch, Call-ID, CSeq."""
    message = parse_message(data)
    return message.call_id, message.via.branch, message.cseq.number


def seconds(function: Callable[[bytes], object], calls: int) -> float:
    """How long so many calls take, seconds."""
    begin = time.perf_counter()
    for _ in range(calls):
        function(NOTIFY)
    return time.perf_counter() - begin


def main() -> None:
    """Run the rounds, interleaved, and print the figures."""
    quick = arguments(__doc__).parse_args().quick
    rounds, calls = (3, 200) if quick else (ROUNDS, CALLS_PER_ROUND)
    parsed, routed, each_us = [], [], []
    for _ in range(rounds):
        reference_s = seconds(split_only, calls)
        parse_s = seconds(parse_message, calls)
        parsed.append(reference_s / parse_s)
        routed.append(reference_s / seconds(parse_and_route, calls))
        each_us.append(1e6 * parse_s / calls)
    report("notify_bytes", len(NOTIFY), "octets")
    report_median("parse_vs_split", parsed, "x", at_least=TARGET_RATIO)
    report_median("parse_and_views_vs_split", routed, "x")
    report("parse_us", statistics.median(each_us), "us", note="wall time per message")


if __name__ == "__main__":
    main()

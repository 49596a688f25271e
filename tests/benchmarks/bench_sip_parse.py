"""How fast is parse_message, as a share of the least that any parser must do?

The reference only splits the bytes: head from body, lines, names from values. Both run in
turn for several rounds; the figure is the median of the ratios per round.

Run: ``python tests/benchmarks/bench_sip_parse.py``
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

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


def _seconds(function: Callable[[bytes], object]) -> float:
    begin = time.perf_counter()
    for _ in range(CALLS_PER_ROUND):
        function(NOTIFY)
    return time.perf_counter() - begin


def measure() -> dict[str, float]:
    """Run the rounds, interleaved, and give the median ratios to :func:`split_only`."""
    parsed: list[float] = []
    routed: list[float] = []
    for _ in range(ROUNDS):
        reference = _seconds(split_only)
        parsed.append(reference / _seconds(parse_message))
        routed.append(reference / _seconds(parse_and_route))
    return {
        "parse_message_to_split_only": round(statistics.median(parsed), 3),
        "parse_and_typed_views_to_split_only": round(statistics.median(routed), 3),
        "target_parse_message": TARGET_RATIO,
    }


def main() -> int:
    """Print the figures as JSON; 1 when the target is missed."""
    figures = measure()
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
    return 0 if figures["parse_message_to_split_only"] >= TARGET_RATIO else 1


if __name__ == "__main__":
    sys.exit(main())

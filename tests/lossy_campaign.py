"""Fetches over TFTP in a network namespace whose loopback loses datagrams; prints what came.

Run: ``unshare --net python tests/lossy_campaign.py FETCHES PERCENT``, as root. One line of JSON:
how many files came whole, how many fetches were begun again, how many datagrams the kernel saw
and dropped, and the slowest fetch in seconds.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time

from fetch_site import ServedText, octets, running_site
from peers import require_peer

from provisioning.transport.tftp_client import TftpFetchError, fetch

SIZES = (0, 511, 3000, 8192)
FORMS = ({"blksize": None}, {"blksize": 1428}, {"blksize": 512, "windowsize": 4})
RULES = """
table inet lossy {{
  chain input {{
    type filter hook input priority 0;
    meta l4proto udp counter
    meta l4proto udp numgen random mod 100 < {percent} counter drop
  }}
}}
"""


async def one(address: tuple[str, int], number: int) -> tuple[bool, float, int]:
    """Fetch one file; whether it is whole, how long it took, and how often the fetch was begun.

    Six requests or six answers that are lost in a row, as for one in 8,000 fetches, end a
    transfer; a phone then asks again, and so does this one, twice.
    """
    size, form = SIZES[number % len(SIZES)], FORMS[number % len(FORMS)]
    began, begun = time.monotonic(), 1
    while True:
        try:
            got = await fetch(*address, f"{size}.cfg", timeout_s=200, **form)
        except TftpFetchError as error:
            print(f"fetch {number}: {error}", file=sys.stderr)
            if error.code is None and begun < 3:
                begun += 1
                continue
            got = b"nothing"
        return got == octets(size), time.monotonic() - began, begun


async def campaign(fetches: int) -> list[tuple[bool, float, int]]:
    """All at the same time."""
    files = {f"{size}.cfg": ServedText(octets(size)) for size in SIZES}
    async with running_site(files) as (server, _log):
        return await asyncio.gather(*(one(server.tftp_address, n) for n in range(fetches)))


def main() -> None:
    """Make the loopback lossy, fetch, and count."""
    fetches, percent = int(sys.argv[1]), int(sys.argv[2])
    nft = require_peer("nft")
    subprocess.run([require_peer("ip"), "link", "set", "lo", "up"], check=True)
    rules = RULES.format(percent=percent)
    subprocess.run([nft, "-f", "-"], input=rules, text=True, check=True)
    ended = asyncio.run(campaign(fetches))
    listed = subprocess.run([nft, "list", "ruleset"], capture_output=True, text=True, check=True)
    seen, dropped = map(int, re.findall(r"counter packets (\d+)", listed.stdout))
    said = {
        "whole": sum(whole for whole, _, _ in ended),
        "begun_again": sum(begun - 1 for _, _, begun in ended),
        "datagrams": seen,
        "dropped": dropped,
        "slowest_s": round(max(seconds for _, seconds, _ in ended), 1),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main()

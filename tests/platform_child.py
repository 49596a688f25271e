"""The embedded platform as a process of its own, that tells about itself when asked.

Prints its addresses as a line of JSON; then answers every line on standard input with its state.
A test can so attack it from outside, measure its memory, and ask what is left over.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import tempfile
from pathlib import Path

from platform_kit import make_site

from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.sip.timers import TimerValues


def state(platform: EmbeddedPlatform) -> dict[str, object]:
    """What is alive now; looks inside, as only a test may."""
    running = platform._running
    assert running is not None
    stacks = (running.stack, running._voicemail_stack)
    gc.collect()
    return {
        "internal_errors": platform.internal_errors,
        "calls": platform.calls,
        "subscriptions": platform.subscriptions,
        "transactions": sum(stack._core.transactions for stack in stacks),
        "dialogs": sum(len(stack._dialogs) for stack in stacks),
        "bad_messages": sum(stack.bad_messages for stack in stacks),
        "bindings": sum(len(rows) for rows in running.registrar._bindings.values()),
        "tasks": len(asyncio.all_tasks()),
        "objects": len(gc.get_objects()),
        "nonces": running._door._verifier.remembered,
    }


async def serve(folder: Path, t1_s: float) -> None:
    """Run until standard input ends."""
    timers = TimerValues(t1_s=t1_s, t2_s=8 * t1_s, t4_s=10 * t1_s, d_s=64 * t1_s)
    config = PlatformConfig(
        sip_timers=timers,
        seconds_per_ring=0.2,
        warn_without_mail=False,
        wrong_passwords_burst=1_000_000,  # mutants of credentials are wrong ones
    )
    platform = EmbeddedPlatform(make_site(), store_dir=folder, config=config)
    await platform.start()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"sip": platform.sip_address}), flush=True)
    while await reader.readline():
        print(json.dumps(state(platform)), flush=True)
    await platform.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="phonerig-child-") as work:
        asyncio.run(serve(Path(work), float(sys.argv[1])))

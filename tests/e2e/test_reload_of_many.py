"""A server that renders many handsets by several processes stays what it is meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

from provisioning import render_many
from provisioning.device_profile import shipped_profiles
from provisioning.inventory import load_site
from provisioning.render_many import Outcome
from provisioning.resources import demo_site_dir


async def rendered() -> list[Outcome]:
    """The demo site by two processes, from a thread, as a reload does it."""
    site, profiles = load_site(demo_site_dir()), shipped_profiles()
    models = {handset.name: handset.model for handset in site.handsets}
    found = await asyncio.to_thread(
        lambda: list(render_many.render_many(models, site.intent, profiles, processes=2))
    )
    await asyncio.sleep(0.05)  # a signal that came by mistake would be there now
    return found


async def test_the_end_of_its_helpers_is_no_signal_to_the_server() -> None:
    loop, came = asyncio.get_running_loop(), []
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, came.append, number)
    try:
        found = await rendered()
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
    assert all(outcome.files for outcome in found)
    assert came == []


async def test_helpers_hold_none_of_its_connections(monkeypatch) -> None:
    def sockets(_work, name: str) -> Outcome:
        held = [path.name for path in Path("/proc/self/fd").iterdir() if path.is_socket()]
        return Outcome(name, complaints=(f"{os.getpid()} {held}",))

    monkeypatch.setattr(render_many, "_render", sockets)
    one, other = socket.socketpair()
    with one, other:
        found = await rendered()
    assert {outcome.complaints[0].partition(" ")[2] for outcome in found} == {"[]"}
    assert str(os.getpid()) not in {outcome.complaints[0].split()[0] for outcome in found}

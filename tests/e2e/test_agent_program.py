"""The agent as a program: from a message to a lamp seen elsewhere, and its violent end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_runner import PROGRAM, write_site
from mosquitto_kit import Mosquitto
from peers import free_sip_port
from push_kit import running

from rig.mailbox_platform.embedded.store.store import MessageStore

pytestmark = pytest.mark.interop("mosquitto")


def events(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def wait_for(log: Path, is_it: Callable[[dict[str, object]], bool]) -> dict[str, object]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for event in events(log):
            if is_it(event):
                return event
        time.sleep(0.05)
    pytest.fail(f"not in {log.name} in time:\n{log.read_text()}")


def lamp(state: str) -> Callable[[dict[str, object]], bool]:
    return lambda e: (e["event"], e.get("lamp"), e.get("state")) == ("lamp", "message", state)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, Path, int]]:
    """Platform, file server, agent and watcher: its log, the lab's file, the agent's process."""
    port = free_sip_port()
    http = free_sip_port()
    site = write_site(tmp_path, url=f"http://127.0.0.1:{http}", sip_port=port)
    store = MessageStore(tmp_path / "store")
    store.add("+493023125101", "+493023125102", b"\0" * 16_000)
    asyncio.run(store.settled())
    store.close()
    broker = Mosquitto(tmp_path)
    broker.start()
    head = f"broker: {{host: localhost, port: {broker.port}, roots: {broker.root.path}, "
    for name in ("hamburg", "run"):
        pem = broker.certificate(name)
        line = head + f"certificate: {pem}, key: {pem}}}\n"
        if name == "run":
            (tmp_path / "lab.yaml").write_text(line + "agents: [hamburg]\n")
        else:
            (tmp_path / "agent.yaml").write_text(
                line + "agent: hamburg\nbuffer: hamburg.sqlite\nsite: site.yaml\n"
                "handsets: [{name: desk, driver: emulated, host: 127.0.43.9}]\n"
                "fetches: serve.log\nallow: [press]\n"
            )
    with contextlib.ExitStack() as stack:
        stack.callback(broker.kill)

        def start(name: str, words: str, word: str) -> int:
            log = tmp_path / f"{name}.log"
            command = [*PROGRAM, *words.split()]
            return stack.enter_context(
                running(command, lambda: word in log.read_text(), log, 60.0)
            )

        start("platform", f"platform run {site} --port {port} --store {tmp_path}/store --json",
              '"serving"')  # fmt: skip
        start("serve", f"serve {site} --http-port {http} --tftp-port 0 --json", '"serving"')
        start("watch", f"agent watch {tmp_path}/lab.yaml --json", '"event": "agent"')
        agent = start("agent", f"agent run {tmp_path}/agent.yaml --json", '"started"')
        yield tmp_path / "watch.log", tmp_path / "lab.yaml", agent


def do(lab: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "agent", "do", str(lab), *words]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_a_lamp_at_another_place_and_the_agents_violent_end(
    place: tuple[Path, Path, int],
) -> None:
    watch, lab, agent = place
    lit = wait_for(watch, lamp("slow"))
    assert (lit["agent"], lit["handset"]) == ("hamburg", "desk")
    known = wait_for(watch, lambda e: e["event"] == "agent" and not e["doubt"])
    assert isinstance(known["uncertainty_s"], float)
    assert abs(float(str(known["offset_s"]))) <= known["uncertainty_s"] + 0.1  # one machine
    fetch = wait_for(
        watch, lambda e: e["event"] == "fetch" and dict(e["fetch"])["handset"] == "desk"
    )
    assert fetch["agent"] == "hamburg"

    pressed = do(lab, "hamburg", "press", "desk")
    assert pressed.returncode == 0, pressed.stderr
    wait_for(watch.with_name("agent.log"), lambda e: e.get("note") == "press desk: done")
    refused = do(lab, "hamburg", "power", "desk")
    assert refused.returncode == 3
    assert "hamburg does not allow power" in refused.stderr
    unknown = do(lab, "hamburg", "reboot", "desk")
    assert unknown.returncode == 2

    os.kill(agent, signal.SIGKILL)
    dark = lamp("unknown")
    gone = wait_for(watch, lambda e: dark(e) and e["why"] == "hamburg: the agent is gone")
    told = [e for e in events(watch) if e["event"] == "lamp"]
    after = told[told.index(gone) :]
    assert all(e["state"] == "unknown" for e in after)
    lit_at = next(number for number, e in enumerate(told) if e["state"] == "slow")
    assert "off" not in {e["state"] for e in told[lit_at:]}

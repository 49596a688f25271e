"""SIP PnP between network namespaces: from a question to all to a lit lamp, and SIPp asks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_runner import PROGRAM, write_site
from namespaces import two_namespaces
from peers import require_peer
from push_kit import running

from provisioning.access_model import first_token, steady_token
from provisioning.inventory import load_site
from provisioning.secret import Secret
from rig.mailbox_platform.embedded.store.store import MessageStore

URL = "http://10.77.0.1:8080"
PHONE = "10.77.0.2"
SCENARIO = Path(__file__).parent / "pnp.xml"


class Wire:
    """Programs at both ends of a wire; each has a log by its name."""

    def __init__(self, folder: Path, near: list[str], far: list[str]) -> None:
        self.folder = folder
        self.near = near
        self.far = far
        self._stack = contextlib.ExitStack()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def start(self, name: str, where: list[str], words: str, word: str) -> int:
        """Start a program of ours; goes on when its log holds a word."""
        path = self.folder / f"{name}.log"
        command = [*where, *PROGRAM, *words.split()]
        up = running(command, lambda: word in path.read_text(), path, 60.0)
        return self._stack.enter_context(up)

    def close(self) -> None:
        self._stack.close()


@contextlib.contextmanager
def wire(folder: Path) -> Iterator[Wire]:
    ip = require_peer("ip")
    with two_namespaces(PHONE) as (server, _near, client, far):
        # SIPp asks the routes where a group is; our own phone does not need one.
        route = [ip, "-n", client, "route", "add", "224.0.0.0/4", "dev", far]
        alone = [ip, "-n", server, "link", "set", "lo", "up"]  # our programs talk to each other
        for command in (route, alone):
            subprocess.run(command, check=True, capture_output=True)
        enter = [ip, "netns", "exec"]
        both = Wire(folder, [*enter, server], [*enter, client])
        with contextlib.closing(both):
            yield both


def site_with_a_message(folder: Path) -> Path:
    site = write_site(folder, url=URL)
    site.write_text(site.read_text().replace("host: 127.0.0.1,", "host: 10.77.0.1,"))
    store = MessageStore(folder / "store")
    store.add("+493023125101", "+493023125102", b"\0" * 16_000)
    asyncio.run(store.settled())
    store.close()
    return site


@pytest.mark.root
def test_a_phone_goes_from_pnp_to_a_lit_lamp(tmp_path: Path) -> None:
    """It knows its MAC alone: all else came from the network, the files, and a NOTIFY."""
    site = site_with_a_message(tmp_path)
    with wire(tmp_path) as net:
        store = f"--store {tmp_path}/store"
        net.start("platform", net.near, f"platform run {site} --host 10.77.0.1 {store} --json",
                  '"serving"')  # fmt: skip
        net.start("serve", net.near, f"serve {site} --host 10.77.0.1 --pnp --json", "pnp_ready")
        net.start("phone", net.far, f"handset run {site} desk --pnp --host {PHONE} --json",
                  '"lamp": "message", "state": "slow"')  # fmt: skip
        events = [json.loads(line) for line in net.log("serve").splitlines()]
    asked = [event for event in events if event["event"] == "pnp"]
    assert [(each["handset"], each["url"], each["why"]) for each in asked] == [("desk", URL, "")]
    assert asked[0]["client"].startswith(f"{PHONE}:")
    kinds = [event["event"] for event in events]
    assert kinds.index("pnp") < kinds.index("fetch")


@pytest.mark.root
def test_a_first_token_is_told_until_the_phone_has_its_own_url(tmp_path: Path) -> None:
    """The file names a second URL; when the phone has fetched by that one the first is dead."""
    site = site_with_a_message(tmp_path)
    access = "access: {proofs: [token], key: demo:Quitte-1, state: dead.txt}"
    words = f'url: "{URL}", {access}, pnp: {{interface: 10.77.0.1, first_token: true}}'
    site.write_text(site.read_text().replace(f'url: "{URL}"', words))
    entry = load_site(site).handset("desk")
    tokens = [make(Secret("Quitte-1"), entry.mac).reveal() for make in (first_token, steady_token)]
    dead = tmp_path / "dead.txt"
    with wire(tmp_path) as net:
        net.start("platform", net.near, f"platform run {site} --host 10.77.0.1 --json",
                  '"serving"')  # fmt: skip
        net.start("serve", net.near, f"serve {site} --host 10.77.0.1 --json", "pnp_ready")
        phone = f"handset run {site} desk --pnp --host {PHONE} --json"
        net.start("phone", net.far, phone, '"ready"')
        assert dead.read_text() == "", "it has fetched by the first one alone"
        look = ["resync", site, "desk", "--no-look", "--fetches", tmp_path / "serve.log", "--json"]
        asked = subprocess.run([*net.near, *PROGRAM, *look], check=False, capture_output=True,
                               text=True, timeout=120)  # fmt: skip
        assert asked.returncode == 0, asked.stdout + asked.stderr
        assert dead.read_text() == "desk\n"
        net.start("again", net.far, phone, '"booting"')
        while "has its own URL already" not in net.log("serve"):
            time.sleep(0.05)
        log = net.log("serve")
    events = [json.loads(line) for line in log.splitlines()]
    told = [(each["url"], each["why"]) for each in events if each["event"] == "pnp"]
    assert told == [(f"{URL}/***", ""), ("", "has its own URL already")]
    fetched = [(event["path"], event["status"]) for event in events if event["event"] == "fetch"]
    assert fetched.count(("/***/805ec01a2b01.cfg", 200)) == 2, fetched
    assert not [token for token in tokens if token in log + net.log("phone") + net.log("again")]


@pytest.mark.root
@pytest.mark.interop("sipp")
def test_sipp_is_told_as_a_phone_and_not_as_a_stranger(tmp_path: Path) -> None:
    sipp = require_peer("sipp")
    site = write_site(tmp_path, url=URL)
    with wire(tmp_path) as net:
        command = f"serve {site} --host 10.77.0.1 --pnp --json"
        serve = net.start("serve", net.near, command, "pnp_ready")

        def ask(mac: str, limit: str) -> subprocess.CompletedProcess[bytes]:
            command = [*net.far, sipp, "224.0.1.75:5060", "-sf", str(SCENARIO), "-m", "1",
                       "-i", PHONE, "-p", "5062", "-s", mac, "-nostdin", "-timeout", limit,
                       "-timeout_error"]  # fmt: skip
            return subprocess.run(command, check=False, capture_output=True, cwd=tmp_path,
                                  stdin=subprocess.DEVNULL, timeout=60)  # fmt: skip

        good = ask("805EC01A2B01", "20s")
        assert good.returncode == 0, good.stdout + good.stderr
        assert ask("805EC0FFFFFF", "2s").returncode != 0
        site.write_text(site.read_text().replace("80:5E:C0:1A:2B:01", "80:5E:C0:FF:FF:FF"))
        os.kill(serve, signal.SIGHUP)
        while '"event": "reload"' not in net.log("serve"):
            time.sleep(0.05)
        moved = ask("805EC0FFFFFF", "20s")
        assert moved.returncode == 0, moved.stdout + moved.stderr
        events = [json.loads(line) for line in net.log("serve").splitlines()]
    asked = [(event["handset"], event["url"]) for event in events if event["event"] == "pnp"]
    assert asked == [("desk", URL), ("", ""), ("desk", URL)]

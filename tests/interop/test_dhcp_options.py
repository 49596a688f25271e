"""The generated options, given out by a real dnsmasq to a real DHCP client in namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli_runner import PROGRAM, write_site
from namespaces import two_namespaces
from peers import require_peer
from push_kit import running
from typer.testing import CliRunner

from rig.cli import app
from rig.mailbox_platform.embedded.store.store import MessageStore

SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
{ip} addr add $ip/24 dev $interface
env | grep -E '^(bootfile|opt43|opt150|opt160|ip)=' > {folder}/got.new
mv {folder}/got.new {folder}/got
"""


def generated(form: str, *more: str) -> str:
    words = ["dhcp", "demo", "--format", form, "--url", "http://10.77.0.1:8080/cfg", *more]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.stdout


@dataclass
class Network:
    """A DHCP server at one end of a wire, a client at the other.

    Attributes:
        server: what a command needs in front of it to run at the server's end, 10.77.0.1.
        client: the same for the client's end.
        far: interface of the client's end.
        folder: of the files of both.
    """

    server: list[str]
    client: list[str]
    far: str
    folder: Path

    def ask(self, vendor_class: str = "udhcp") -> dict[str, str]:
        """Let a real client ask, and take the address; what it was told."""
        script, got = self.folder / "script", self.folder / "got"
        script.write_text(SCRIPT.format(folder=self.folder, ip=require_peer("ip")))
        script.chmod(0o755)
        udhcpc = [require_peer("busybox"), "udhcpc", "-i", self.far, "-s", str(script), "-n", "-q",
                  "-f", "-t", "20", "-T", "1", "-V", vendor_class]  # fmt: skip
        # The wire itself needs a moment until both ends carry.
        drop = [require_peer("ip"), "addr", "flush", "dev", self.far]
        subprocess.run([*self.client, *drop], check=True, capture_output=True)
        subprocess.run([*self.client, *udhcpc], check=True, capture_output=True, timeout=30)
        return dict(line.split("=", 1) for line in got.read_text().splitlines())


@contextlib.contextmanager
def network(folder: Path, options: str) -> Iterator[Network]:
    """Two namespaces, and a real dnsmasq with the generated options."""
    dnsmasq, ip = require_peer("dnsmasq"), require_peer("ip")
    config, log = folder / "dnsmasq.conf", folder / "dnsmasq.log"
    config.write_text(
        options
        + "port=0\nbind-interfaces\ndhcp-authoritative\nno-ping\nkeep-in-foreground\n"
        + f"dhcp-range=10.77.0.50,10.77.0.59,1h\ndhcp-leasefile={folder}/leases\npid-file=\n"
        + "log-facility=-\nuser=root\n"
    )
    with two_namespaces() as (server, near, client, far):
        enter = [ip, "netns", "exec"]
        command = [*enter, server, dnsmasq, "-C", str(config), f"--interface={near}"]

        def up() -> bool:
            return "sockets bound exclusively to interface" in log.read_text()

        with running(command, up, log):
            yield Network([*enter, server], [*enter, client], far, folder)


@pytest.mark.root
@pytest.mark.interop("dnsmasq")
def test_a_client_behind_dnsmasq_learns_where_its_files_are(tmp_path: Path) -> None:
    noise, pcap = tmp_path / "tcpdump.log", tmp_path / "pcap"
    with network(tmp_path, generated("dnsmasq", "--boot-file", "first.cfg")) as net:
        heard = [*net.client, require_peer("tcpdump"), "-Z", "root", "-i", net.far,
                 "--immediate-mode", "-U", "-w", str(pcap), "udp"]  # fmt: skip
        with running(heard, lambda: "listening on" in noise.read_text(), noise):
            got = net.ask()
    assert got["ip"].startswith("10.77.0.5")
    # udhcpc itself takes option 66 for a host name and shows a URL as "bad"; tshark does not.
    tshark = [require_peer("tshark"), "-r", str(pcap), "-Y", "dhcp.option.dhcp == 5",
              "-T", "fields", "-e", "dhcp.option.tftp_server_name"]  # fmt: skip
    told = subprocess.run(tshark, check=True, capture_output=True, text=True).stdout.split()
    assert told == ["http://10.77.0.1:8080/cfg"]
    assert got["bootfile"] == "first.cfg"
    assert bytes.fromhex(got["opt160"]) == b"http://10.77.0.1:8080/cfg"
    assert bytes.fromhex(got["opt150"]) == bytes([10, 77, 0, 1])


@pytest.mark.root
@pytest.mark.interop("dnsmasq")
def test_a_phone_goes_from_dhcp_to_a_lit_lamp(tmp_path: Path) -> None:
    """It knows its MAC alone: DHCP names the server, the files the platform, a NOTIFY the lamp."""
    url = "http://10.77.0.1:8080"
    site = write_site(tmp_path, url=url)
    site.write_text(site.read_text().replace("host: 127.0.0.1,", "host: 10.77.0.1,"))
    store = MessageStore(tmp_path / "store")
    store.add("+493023125101", "+493023125102", b"\0" * 16_000)
    asyncio.run(store.settled())
    store.close()
    options = CliRunner().invoke(app, ["dhcp", str(site)]).stdout
    with network(tmp_path, options) as net, contextlib.ExitStack() as stack:

        def start(name: str, where: list[str], words: str, **ready: str) -> Path:
            """Start a program of ours; goes on when each log holds its word."""
            log = tmp_path / f"{name}.log"

            def up() -> bool:
                return all(
                    word in (tmp_path / f"{each}.log").read_text() for each, word in ready.items()
                )

            command = [*where, *PROGRAM, *words.split()]
            stack.enter_context(running(command, up, log, 60.0))
            return log

        store_words = f"--store {tmp_path}/store"
        start("platform", net.server, f"platform run {site} --host 10.77.0.1 {store_words} --json")
        start("serve", net.server, f"serve {site} --host 10.77.0.1 --json",
              serve='"serving"', platform='"serving"')  # fmt: skip
        got = net.ask()
        told = bytes.fromhex(got["opt160"]).decode()
        assert told == url
        phone = start(
            "phone", net.client, f"handset run {site} desk --url {told} --host {got['ip']} --json",
            phone='"lamp": "message", "state": "slow"',
        )  # fmt: skip
    assert '"event": "ready"' in phone.read_text()


@pytest.mark.root
@pytest.mark.interop("dnsmasq")
def test_each_vendor_gets_its_own_option_43_and_others_none(tmp_path: Path) -> None:
    url = b"http://10.77.0.1:8080/cfg"
    words = generated("dnsmasq", "--vendor-options", "--boot-file", "first.cfg")
    assert "option 43 as snom reads it (verified)" in words.lower()
    with network(tmp_path, words) as net:
        snom = net.ask("snom320")
        # RFC 2132 8.4: code, length, value; the vendor's wiki puts a zero octet behind each text.
        assert bytes.fromhex(snom["opt43"]) == (
            bytes([66, len(url) + 1]) + url + b"\0" + bytes([67, 10]) + b"first.cfg\0"
        )
        yealink = net.ask("yealink")
        assert bytes.fromhex(yealink["opt43"]) == url
        assert "opt43" not in net.ask("PXEClient")


def test_option_43_is_for_the_vendors_of_the_site_alone(tmp_path: Path) -> None:
    site = str(write_site(tmp_path, url="http://10.0.0.1"))
    ask = ["dhcp", site, "--vendor-options", "--format"]
    kea = json.loads(CliRunner().invoke(app, [*ask, "kea"]).stdout)["Dhcp4"]
    (only,) = kea["client-classes"]
    assert only["name"] == "yealink-phones"
    assert only["test"] == "substring(option[60].text,0,7) == 'yealink'"
    (data,) = only["option-data"]
    assert (data["code"], bytes.fromhex(data["data"])) == (43, b"http://10.0.0.1")
    assert data["csv-format"] is False
    assert data["always-send"] is True, "phones name themselves and do not ask for it"
    isc = CliRunner().invoke(app, [*ask, "isc"]).stdout
    assert 'match if substring(option vendor-class-identifier, 0, 7) = "yealink";' in isc
    assert "option vendor-encapsulated-options 68:74:74:70" in isc
    without = CliRunner().invoke(app, ["dhcp", site]).stdout
    assert "43" not in without


def test_a_url_too_long_for_option_43_is_refused() -> None:
    url = "http://10.0.0.1/" + "a" * 238
    result = CliRunner().invoke(app, ["dhcp", "demo", "--vendor-options", "--url", url])
    assert result.exit_code == 2
    assert "option 43 for snom would have 257 octets; expected up to 255" in result.stderr


def test_the_other_servers_get_the_same_options() -> None:
    isc = generated("isc", "--boot-file", "first.cfg")
    assert 'option tftp-server-name "http://10.77.0.1:8080/cfg";' in isc
    assert "option phone-servers 10.77.0.1;" in isc
    assert 'option bootfile-name "first.cfg";' in isc
    kea = json.loads(generated("kea"))["Dhcp4"]
    told = {each["code"]: each["data"] for each in kea["option-data"]}
    assert told == {66: "http://10.77.0.1:8080/cfg", 160: "http://10.77.0.1:8080/cfg",
                    150: "10.77.0.1"}  # fmt: skip
    assert {each["code"] for each in kea["option-def"]} == {150, 160}


@pytest.mark.parametrize(
    ("url", "tells"),
    [
        ("tftp://10.0.0.2", {66: "10.0.0.2", 150: "10.0.0.2", 160: "tftp://10.0.0.2"}),
        ("https://cfg.example/a", {66: "https://cfg.example/a", 160: "https://cfg.example/a"}),
    ],
)
def test_what_is_told_depends_on_the_url(url: str, tells: dict[int, str]) -> None:
    result = CliRunner().invoke(app, ["dhcp", "demo", "--format", "kea", "--url", url])
    data = json.loads(result.stdout)["Dhcp4"]["option-data"]
    assert {each["code"]: each["data"] for each in data} == tells


def test_what_a_configuration_cannot_hold_is_refused() -> None:
    for words in (["--url", "http://h/a,b"], ["--boot-file", 'x"y'], ["--format", "windows"]):
        result = CliRunner().invoke(app, ["dhcp", "demo", *words])
        assert result.exit_code == 2
        assert "expected" in result.stderr

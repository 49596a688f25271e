"""What ``phonerig serve`` makes of its options and its site for SIP PnP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cli_runner import write_site

from provisioning.access_model import AccessSettings, PnpSettings, ProofKind, first_token
from provisioning.address import Mac
from provisioning.errors import RigError, UsageError
from provisioning.inventory import load_site
from provisioning.secret import Secret
from provisioning.transport.path_tokens import DeadTokens
from rig.commands.serve_editions import Listeners
from rig.commands.serve_pnp import pnp_interface, url_book
from rig.commands.serve_run import Running, Wish
from rig.commands.service import EventLines
from rig.pnp.ask import PnpAsk

URL = "https://cfg.example"


@pytest.fixture
def site(tmp_path: Path):
    return load_site(write_site(tmp_path, url=URL))


def test_nobody_is_answered_unless_told(site) -> None:
    assert pnp_interface(site, "127.0.0.1", wish=None) == ""
    assert pnp_interface(site, "127.0.0.1", wish=True) == "127.0.0.1"
    named = replace(site, pnp=PnpSettings(interface="192.0.2.10"))
    assert pnp_interface(named, "0.0.0.0", wish=None) == "192.0.2.10"
    assert pnp_interface(named, "0.0.0.0", wish=False) == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "cfg.example"])
def test_an_interface_must_be_named(site, host: str) -> None:
    with pytest.raises(UsageError, match="name"):
        pnp_interface(site, host, wish=True)


def test_the_url_holds_no_token_unless_the_site_says_so(site) -> None:
    url = url_book(site)("desk")
    assert url is not None
    assert url.reveal() == URL


def test_a_first_token_is_told_until_it_is_dead(site, tmp_path: Path) -> None:
    access = AccessSettings(
        proofs=(ProofKind.TOKEN,), key=Secret("a key"), state_file=tmp_path / "dead.txt"
    )
    secret = replace(site, access=access, pnp=PnpSettings(first_token=True))
    url_of = url_book(secret)
    token = first_token(access.key, site.handset("desk").mac).reveal()
    told = url_of("desk")
    assert told is not None
    assert told.reveal() == f"{URL}/{token}"
    dead = DeadTokens(tmp_path / "dead.txt")  # as the gate of the same server does
    dead.load()
    dead.bury("desk")
    assert url_of("desk") is None
    assert url_of("hall") is not None
    (tmp_path / "dead.txt").write_bytes(b"\xff")
    assert url_of("desk") is None, "a file that has become unreadable revives nobody"
    assert url_of("hall") is not None


def test_a_state_file_that_cannot_be_kept_is_told_at_once(site, tmp_path: Path) -> None:
    access = AccessSettings(proofs=(ProofKind.TOKEN,), key=Secret("a"), state_file=tmp_path)
    with pytest.raises(RigError, match="cannot be kept"):
        url_book(replace(site, access=access, pnp=PnpSettings(first_token=True)))


def test_a_walk_by_pnp_is_told_and_counted_as_every_other(tmp_path: Path, capsys) -> None:
    wish = Wish(
        site=str(write_site(tmp_path, url=URL)),
        host="127.0.0.1",
        http_port=0,
        tftp_port=0,
        listeners=Listeners(),
        dhcp=None,
        uploads=None,
        pnp=True,
        watch_files=False,
        log="",
        log_days=0.0,
        metrics=("127.0.0.1", 0),
        stop_within_s=0.0,
    )
    running = Running(wish, EventLines(as_json=False))
    desk = running._pnp._server._desk
    for number in range(25):
        ask = PnpAsk(Mac(f"0015650000{number:02x}"), "Yealink", "T46U", "", ("127.0.0.9", 5060))
        desk.decide(ask, "127.0.0.9", float(number))
    assert capsys.readouterr().out.count("ALARM: PnP: walk over MAC addresses from 127.0.0.9") == 1
    text, _ = running._watched.metrics.written("")
    assert b"phonerig_walk_alarms_total 1.0" in text

"""What ``phonerig serve`` makes of its options and its site for SIP PnP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cli_runner import write_site

from provisioning.access_model import AccessSettings, PnpSettings, ProofKind, first_token
from provisioning.errors import RigError, UsageError
from provisioning.inventory import load_site
from provisioning.secret import Secret
from provisioning.transport.path_tokens import DeadTokens
from rig.commands.serve_pnp import pnp_interface, url_book

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

"""``phonerig resync`` against a live platform, a provisioning server and an emulated handset.

The command runs in a thread of this process, everything else on its loop; they meet by sockets.
"""

from __future__ import annotations

import asyncio
import json

import pytest
from cli_runner import write_site
from handset_lab import profiles
from resync_kit import SETTLED_S, a_site, resync

from provisioning.errors import RigError
from provisioning.inventory import load_site
from provisioning.render import render_site
from rig.sip_transport.lone_notify import facing


async def test_a_change_is_applied_and_who_is_not_there_is_named(tmp_path):
    async with a_site(tmp_path) as (path, desk, content, save):
        content.replace(save("Empfang"))
        log = ("--fetches", tmp_path / "fetches", "--within", "15")
        await asyncio.sleep(SETTLED_S)
        result = await resync(path, "desk", *log, "--json")
        assert result.exit_code == 0, result.output
        (row,) = json.loads(result.stdout)
        assert (row["event"], row["status"]) == ("check-sync;reboot=false", 200)
        assert row["result"] == "applied"
        assert row["why"].startswith("fetched, registered anew")
        assert desk.intent.accounts[0].label == "Empfang"

        save("Flur")  # rendered, but not published
        result = await resync(path, *log, "--json")
        assert result.exit_code == 1
        old, absent = json.loads(result.stdout)
        assert old["why"].endswith("the server still gives out an old content; push first")
        assert old["took_s"] < 12  # that is certain before the time is over
        assert absent["why"] == "it is not registered, so nobody could be asked"
        assert (absent["event"], absent["status"]) == ("", None)


async def test_a_user_who_moved_to_another_desk_is_reached_by_the_account_it_had(tmp_path):
    async with a_site(tmp_path) as (path, desk, content, _):
        moved = path.read_text().replace("user: 101", "user: 10X")
        path.write_text(moved.replace("user: 102", "user: 101").replace("user: 10X", "user: 102"))
        content.replace(render_site(load_site(path), profiles()))
        log = ("--fetches", tmp_path / "fetches", "--within", "15", "--json")
        unknown = await resync(path, "desk", *log)
        assert unknown.exit_code == 1
        assert "is not registered" in json.loads(unknown.stdout)[0]["why"]
        result = await resync(path, "desk", "--registered-as", "101", *log)
        assert result.exit_code == 0, result.output
        (row,) = json.loads(result.stdout)
        assert row["why"].startswith("fetched, registered anew")
        assert desk.intent.accounts[0].user == "bert"
        again = await resync(path, "desk", "--registered-as", "101", *log)
        assert again.exit_code == 0, again.output  # it is registered by its new account now
        both = await resync(path, "--registered-as", "101", *log)
        assert "--registered-as is of one handset" in both.stderr
        nobody = await resync(path, "desk", "--registered-as", "999", *log)
        assert (nobody.exit_code, "999" in nobody.stderr) == (2, True)


async def test_without_a_log_of_fetches_nothing_is_taken_for_done(tmp_path):
    async with a_site(tmp_path) as (path, _, _, _):
        result = await resync(path, "desk", "--within", "1")
        assert result.exit_code == 4
        assert "1 handset: 0 applied, 0 did not, 1 unknown" in result.stdout


async def test_errors_are_clear(tmp_path):
    path = write_site(tmp_path, sip_port=9)
    wrong = await resync(path, "dask")
    assert (wrong.exit_code, "desk" in wrong.stderr) == (2, True)
    missing = await resync(path, "desk", "--fetches", tmp_path / "nothing")
    assert missing.exit_code == 2
    assert "phonerig serve --json" in missing.stderr
    nobody = await resync(path, "desk", "--no-look")
    assert nobody.exit_code == 3
    assert "the registrar does not answer" in nobody.stderr


def test_our_address_faces_the_registrar_by_either_family_or_no_way_leads_there():
    assert facing(("127.0.0.1", 5060)) == "127.0.0.1"
    assert facing(("::1", 5060)) == "::1"
    with pytest.raises(RigError, match=r"255\.255\.255\.255: no way leads .* --host"):
        facing(("255.255.255.255", 5060))

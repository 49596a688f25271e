"""``phonerig resync`` against a live platform, a provisioning server and an emulated handset.

The command runs in a thread of this process, everything else on its loop; they meet by sockets.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from cli_runner import write_site
from handset_lab import profiles
from typer.testing import CliRunner

from provisioning.errors import RigError
from provisioning.inventory import load_site
from provisioning.render import render_site
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from rig.cli import app
from rig.commands.resync import facing
from rig.handset.emulated.handset import EmulatedHandset
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform


@asynccontextmanager
async def a_site(tmp_path):
    """Platform, server and the handset ``desk``; gives the inventory, and who serves what."""
    async with AsyncExitStack() as stack:
        platform = EmbeddedPlatform(
            load_site(write_site(tmp_path)),
            store_dir=tmp_path / "store",
            config=PlatformConfig(warn_without_mail=False),
        )
        await platform.start()
        stack.push_async_callback(platform.stop)
        log, content = FetchLog(), SiteContent({})
        server = HttpServer(content, log, port=0)
        await server.start()
        stack.push_async_callback(server.close)
        where = {
            "sip_port": platform.sip_address[1],
            "url": f"http://127.0.0.1:{server.address[1]}",
        }
        path = write_site(tmp_path, **where)
        site = load_site(path)
        content.replace(render_site(site, profiles()))
        desk = EmulatedHandset(
            "desk", profiles()["T46U"], site.handset("desk").mac, provisioning_url=where["url"],
            host="127.0.0.11",
        )  # fmt: skip
        await desk.boot()
        stack.push_async_callback(desk.shut_down)
        stream = stack.enter_context((tmp_path / "fetches").open("w"))

        def fetched(record):
            data = {"event": "fetch", "at": record.at, "path": record.path,
                    "handset": record.handset, "status": record.status}  # fmt: skip
            stream.write(json.dumps(data) + "\n")
            stream.flush()

        log.listen(fetched)

        def save(label):
            write_site(tmp_path, label=label, **where)
            return render_site(load_site(path), profiles())

        yield path, desk, content, save


async def resync(*arguments):
    words = ["resync", *map(str, arguments)]
    return await asyncio.to_thread(CliRunner().invoke, app, words, env={"COLUMNS": "220"})


async def test_a_change_is_applied_and_who_is_not_there_is_named(tmp_path):
    async with a_site(tmp_path) as (path, desk, content, save):
        content.replace(save("Empfang"))
        log = ("--fetches", tmp_path / "fetches", "--within", "15")
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

"""A platform, a provisioning server and one emulated handset, for the command that resyncs."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

from cli_runner import write_site
from handset_lab import profiles
from typer.testing import CliRunner

from provisioning.inventory import load_site
from provisioning.render import render_site
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from rig.cli import app
from rig.handset.emulated.handset import EmulatedHandset
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform

SETTLED_S = 2.6
"""A phone that has been registered for so long, and registers the same contact anew, has a later
end than before: bindings tell whole seconds."""


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

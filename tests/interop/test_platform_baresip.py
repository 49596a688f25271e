"""The packaged baresip against the platform: registration, MWI, and its SUBSCRIBE storm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from peers import require_peer
from platform_kit import ANNA, BERT, CARL, DOMAIN, Phone, make_site

from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.sip.message_summary import parse_summary
from rig.sip_transport.client_subscription import SubscriptionState

pytestmark = pytest.mark.interop("baresip")

CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:0
net_interface 127.0.0.1
module_path /usr/lib/baresip/modules
module g711.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app mwi.so
"""


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    platform = EmbeddedPlatform(make_site(), store_dir=tmp_path / "store")
    await platform.start()
    yield platform
    await platform.stop()


async def test_storm_at_start_is_survived(platform: EmbeddedPlatform, tmp_path: Path) -> None:
    """With the account in its file this version often subscribes thousands of times a second."""
    program = require_peer("baresip")
    folder = tmp_path / "baresip"
    folder.mkdir()
    user = platform.site.users[ANNA]
    host, port = platform.sip_address
    (folder / "config").write_text(CONFIG)
    (folder / "contacts").write_text("")
    (folder / "accounts").write_text(
        f'<sip:{user.sip_user}@{DOMAIN}>;outbound="sip:{host}:{port}";auth_user={user.auth_user};'
        f"auth_pass={user.password.reveal()};regint=60;mwi=yes\n"
    )
    watcher = await Phone(platform, platform.site.users[BERT]).open()
    bodies: list[bytes] = []
    client = watcher.subscription(f"sip:u101@{DOMAIN}")
    client.on_notify = lambda _, body: bodies.append(body)
    client.start()
    await client.wait_active(5)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    process = await asyncio.create_subprocess_exec(
        program,
        "-f",
        str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        await watcher.until(lambda: len(platform.contacts(ANNA)) == 1, 8)
        await asyncio.sleep(3)
        platform.store.add(ANNA, CARL, bytes(16000))
        await watcher.until(lambda: bool(bodies) and parse_summary(bodies[-1]).waiting, 8)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    assert client.state is SubscriptionState.ACTIVE
    assert 1 <= platform.subscriptions <= 2
    assert platform.internal_errors == 0
    assert grown_mib < 300
    assert (await watcher.register()).status == 200
    await watcher.close()

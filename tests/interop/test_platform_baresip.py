"""The packaged baresip against the platform: registration, MWI, calls, and its SUBSCRIBE storm."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from peers import require_peer, require_root
from platform_kit import ANNA, BERT, CARL, DOMAIN, Phone, make_site
from rule_watch import RuleWatch
from site_lab import site_lab

from provisioning.intent import SipTransport
from rig.handset.base import AnswerMode
from rig.handset.netns import own_network_namespace
from rig.handset.softphone import SoftphoneHandset
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


@pytest.mark.root
@pytest.mark.parametrize("transport", [SipTransport.UDP, SipTransport.TCP])
async def test_it_subscribes_leaves_a_message_and_uses_the_portal(
    transport: SipTransport, tmp_path: Path
) -> None:
    """All its roles in a row: caller with sound from a file, subscriber, portal by its digits."""
    require_root()
    require_peer("baresip")
    watch = RuleWatch()
    with own_network_namespace():
        async with site_lab(
            tmp_path / "store",
            tap=watch.tap,
            transport=transport,
            algorithms=("MD5",),
            warn_without_mail=False,
        ) as lab:
            platform = lab.platform
            (anna,) = await lab.boot("anna")
            phone = SoftphoneHandset("greta", lab.site.intent("greta"))
            try:
                await phone.boot()
                greta = lab.site.user("108")
                (contact,) = platform.contacts(greta.number)
                assert ("transport=tcp" in contact) == (transport is SipTransport.TCP)
                await _until(lambda: platform.subscriptions == 3)  # Anna's phone has two
                await anna.set_answer_mode(AnswerMode.BUSY)
                call = await phone.dial("101")
                await call.wait_established(15)
                await call.wait_prompt("beep", 15)
                assert "greeting.busy" in call.heard
                await call.speak(2)
                await call.hang_up()
                await _until(lambda: anna.lamp.state().lit)
                (message,) = platform.store.messages(lab.site.user("101").number)
                assert message.caller == greta.number
                platform.store.add(greta.number, message.caller, bytes(16000))
                await _until(lambda: phone.lamp.state().lit)
                portal = await phone.press_message_key()
                await portal.wait_established(10)
                await portal.wait_prompt("portal.enter_pin", 10)
                await portal.send_digits(lab.pin("108") + "#")
                await portal.wait_prompt("portal.main", 10)
                await portal.send_digits("1")
                await portal.wait_prompt("portal.message", 10)
                await portal.send_digits("7")
                await _until(lambda: not phone.lamp.state().lit)
                await portal.hang_up()
                assert (await platform.counts(greta.number)).saved == 0
            finally:
                await phone.shut_down()
            # It said goodbye to registrar and notifier.
            await _until(lambda: not platform.contacts(greta.number))
            await _until(lambda: platform.subscriptions == 2)
            assert platform.internal_errors == 0
    watch.check()


async def _until(reached: Callable[[], bool], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not reached():  # noqa: ASYNC110 - another program tells nobody
            await asyncio.sleep(0.02)

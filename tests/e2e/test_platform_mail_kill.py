"""The platform's process is killed between a message and its mail; nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from mail_sink import MailSink
from platform_kit import CARL, make_site

from provisioning.inventory_site import Site
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig
from rig.mailbox_platform.embedded.mail.mail_queue import MailState

pytestmark = pytest.mark.waits

REDIRECT, COPY = "redirect@carl.example", "copy@carl.example"
TESTS = Path(__file__).parent.parent
PROGRAM = """
import asyncio, sys
from pathlib import Path
import test_platform_mail_kill as kit
from platform_kit import CARL, DORA, Phone, leave_message

async def main(folder, port, wish):
    platform = kit.make_platform(Path(folder), int(port), wish)
    await platform.start()
    dora = await Phone(platform, platform.site.users[DORA]).open()
    await dora.register()
    await leave_message(dora, CARL)
    print("left", flush=True)
    await asyncio.sleep(60)

asyncio.run(main(*sys.argv[1:]))
"""


def carls_wish(wish: str) -> Site:
    site = make_site()
    carl = site.users[CARL]
    assert carl.mailbox is not None
    address = {"email_redirect": REDIRECT, "email_copy": COPY}[wish]
    mailbox = replace(carl.mailbox, all_calls=True, **{wish: address})
    return replace(site, users={**site.users, CARL: replace(carl, mailbox=mailbox)})


def make_platform(folder: Path, port: int, wish: str) -> EmbeddedPlatform:
    mail = MailConfig(
        host="127.0.0.1",
        port=port,
        sender="mailbox@pbx.example",
        first_wait_s=0.1,
        longest_wait_s=0.5,
        timeout_s=5.0,
    )
    return EmbeddedPlatform(
        carls_wish(wish),
        store_dir=folder,
        config=PlatformConfig(seconds_per_ring=0.2, mail=mail),
    )


class Victim:
    """A platform in a process of its own that takes one message; killed by its pid."""

    def __init__(self, folder: Path, port: int, wish: str) -> None:
        self._arguments = (str(folder), str(port), wish)
        self.process: asyncio.subprocess.Process

    async def start(self) -> Victim:
        path = os.pathsep.join([str(TESTS), str(Path(__file__).parent)])
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            *self._arguments,
            env={**os.environ, "PYTHONPATH": path},
            stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def left(self) -> None:
        """Wait until the call is over."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), 30)
        assert line == b"left\n"

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)

    async def gone(self) -> None:
        assert self.process.stdout is not None
        await asyncio.wait_for(self.process.stdout.read(), 10)
        assert await asyncio.wait_for(self.process.wait(), 10) == -signal.SIGKILL


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    sink = await MailSink().open()
    yield sink
    await sink.close()


async def delivered(platform: EmbeddedPlatform) -> None:
    """Wait until no mail waits any more."""
    for _ in range(500):
        if all(r.state is MailState.DELIVERED for r in platform.mail_records()):
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"not delivered: {platform.mail_records()}")


@pytest.mark.parametrize(
    ("wish", "address", "new"), [("email_redirect", REDIRECT, 0), ("email_copy", COPY, 1)]
)
async def test_r34_r35_killed_while_the_server_is_down_delivers_once_afterwards(
    tmp_path: Path, sink: MailSink, wish: str, address: str, new: int
) -> None:
    port = sink.port
    await sink.close()
    victim = await Victim(tmp_path, port, wish).start()
    try:
        await victim.left()
        await asyncio.sleep(0.3)
    finally:
        victim.kill()
    await victim.gone()
    await sink.open()
    platform = make_platform(tmp_path, port, wish)
    await platform.start()
    await sink.until(1)
    await delivered(platform)
    assert len(sink.to(address).attachments) == 1
    assert (await platform.counts(CARL)).new == new
    await platform.restart()
    await asyncio.sleep(0.2)
    assert len(sink.mails) == 1
    await platform.stop()


async def test_r35_killed_before_the_answer_sends_the_very_same_mail_again(
    tmp_path: Path, sink: MailSink
) -> None:
    """The server has it, the platform does not know: the repeated mail can be told."""
    victim = await Victim(tmp_path, sink.port, "email_redirect").start()
    contents: list[bytes] = []

    def take(content: bytes) -> None:
        contents.append(content)
        victim.kill()

    sink.on_data = take
    try:
        await sink.until(1, 40)
    finally:
        victim.kill()
    await victim.gone()
    sink.on_data = contents.append
    platform = make_platform(tmp_path, sink.port, "email_redirect")
    await platform.start()
    await sink.until(2)
    await delivered(platform)
    assert contents[0] == contents[1]
    assert sink.mails[0].message_id == sink.mails[1].message_id
    assert (await platform.counts(CARL)).new == 0
    await platform.stop()

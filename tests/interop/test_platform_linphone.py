"""Linphone's console at the platform: registrant with its quirks, caller, callee.

It has no message waiting of its own and answers every NOTIFY with 200. Without a sound card it
speaks from a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from linphone_peer import Linphone, linphonec
from peers import require_peer, require_root
from platform_kit import ANNA, CARL, DOMAIN, DORA, Phone, make_site
from rule_watch import RuleWatch
from site_lab import site_lab

from rig.handset.netns import own_network_namespace
from rig.handset.sipp_caller import SippCaller
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.media.tones import speech
from rig.media.wav import to_wav
from rig.sip.message import Request, Response
from rig.sip.message_summary import Counts, parse_summary
from rig.sip.parser import parse_message
from rig.sip.sdp import SessionDescription
from rig.timeline import Address

pytestmark = [pytest.mark.interop(peer="linphonec"), pytest.mark.root]


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    require_root()
    require_peer("linphonec")
    with own_network_namespace():
        yield


@dataclass
class Lab:
    """A platform, and Carl's Linphone on it."""

    platform: EmbeddedPlatform
    linphone: Linphone
    received: list[Request | Response] = field(default_factory=list)

    def of_linphone(self, method: str) -> list[Request]:
        """Requests of one method that it sent."""
        return [
            message
            for message in self.received
            if isinstance(message, Request)
            and message.method == method
            and (message.headers.get("User-Agent") or "").startswith("Linphonec")
        ]

    async def phone(self, number: str) -> Phone:
        return await Phone(self.platform, self.platform.site.users[number]).open()


@asynccontextmanager
async def lab(folder: Path, transport: str = "udp", ring_s: float = 0.3) -> AsyncIterator[Lab]:
    received: list[Request | Response] = []

    watch = RuleWatch()

    def tap(
        transport: str, source: Address, to: Address, data: bytes, leaves: bool, at: float
    ) -> None:
        watch.tap(transport, source, to, data, leaves, at)
        if not leaves and data.strip():
            received.append(parse_message(data))

    platform = EmbeddedPlatform(
        make_site(),
        store_dir=folder / "store",
        tap=tap,
        config=PlatformConfig(seconds_per_ring=ring_s, warn_without_mail=False),
    )
    await platform.start()
    user = platform.site.users[CARL]
    try:
        async with linphonec(
            folder / "home",
            platform.sip_address,
            user=user.sip_user,
            auth_user=user.auth_user,
            password=user.password.reveal(),
            domain=DOMAIN,
            realm=DOMAIN,
            transport=transport,
        ) as linphone:
            await until(lambda: bool(platform.contacts(CARL)))
            yield Lab(platform, linphone, received)
        assert platform.internal_errors == 0
        watch.check()
    finally:
        await platform.stop()


async def until(reached: Callable[[], bool], timeout_s: float = 30) -> None:
    async with asyncio.timeout(timeout_s):
        while not reached():  # noqa: ASYNC110 - another program tells nobody
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_registers_is_told_of_messages_and_leaves(transport: str, tmp_path: Path) -> None:
    async with lab(tmp_path, transport) as here:
        asked = here.of_linphone("REGISTER")
        # What is unusual about it; if this changes, the platform is tried with less.
        assert len(asked[-1].headers.get_all("Accept")) == 3
        assert asked[-1].uri == f"sip:{DOMAIN}"
        assert b"Authorization:  Digest" in asked[-1].raw
        assert b"algorithm=SHA-256" in asked[-1].raw
        if transport == "udp":
            assert "Content-Length" not in asked[-1].headers
        assert asked[-1].headers.get("Expires") == "120"
        assert [request.headers.get("Authorization") is None for request in asked] == [True, False]
        assert here.platform.contacts(CARL)[0].endswith(f"transport={transport}")
        here.platform.store.add(CARL, ANNA, bytes(16000))
        notified = lambda: [  # noqa: E731 - used in this test alone
            message.status
            for message in here.received
            if isinstance(message, Response) and message.cseq.method == "NOTIFY"
        ]
        await until(lambda: len(notified()) == 2)
        assert notified() == [200, 200]
        assert here.platform.subscriptions == 0
        await here.linphone.quit()
        await until(lambda: not here.platform.contacts(CARL))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_leaves_a_message_that_lights_a_lamp(transport: str, tmp_path: Path) -> None:
    (tmp_path / "speech.wav").write_bytes(to_wav(speech(60)))
    async with lab(tmp_path, transport) as here:
        anna = await here.phone(ANNA)
        bodies: list[bytes] = []
        client = anna.subscription()
        client.on_notify = lambda _, body: bodies.append(body)
        client.start()
        await client.wait_active(5)
        here.linphone.tell("soundcard use files")
        here.linphone.tell(f"play {tmp_path / 'speech.wav'}")
        here.linphone.tell(f"call sip:{ANNA}@{DOMAIN}")
        await here.linphone.until_said("connected.")
        await asyncio.sleep(8)  # the greeting, the beep, and some seconds of speech
        here.linphone.tell("terminate")
        await here.linphone.until_said("ended (No error)")
        await anna.until(lambda: len(bodies) == 2, 15)
        assert parse_summary(bodies[1]).voice == Counts(1, 0, 0, 0)
        (message,) = here.platform.store.messages(ANNA)
        assert message.caller == CARL
        assert len(here.platform.store.audio(message.message_id)) > 16_000
        await client.stop()
        await anna.close()


async def test_a_caller_without_sound_is_hung_up_and_leaves_nothing(tmp_path: Path) -> None:
    async with lab(tmp_path) as here:
        here.linphone.tell(f"call sip:{ANNA}@{DOMAIN}")
        await here.linphone.until_said("connected.")
        await here.linphone.until_said("ended (No error)")
        await until(lambda: here.platform.calls == 0)
        seen = await here.platform.counts(ANNA)
        assert (seen.new, seen.saved) == (0, 0)
        bye = [m for m in here.received if isinstance(m, Response) and m.cseq.method == "BYE"]
        assert bye[-1].status == 200


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_is_called_answers_refuses_and_is_too_slow(
    transport: str, tmp_path: Path
) -> None:
    async with lab(tmp_path, transport, ring_s=3) as here:
        dora = await here.phone(DORA)
        call = await dora.call(CARL)
        await here.linphone.until_said('new incoming call from "Dora Dorn"')
        here.linphone.tell("answer")
        answer = await call.result(20)
        assert answer.status == 200
        audio = SessionDescription.parse(answer.body).audio
        assert audio is not None
        assert audio.payload_types[0] == 8
        assert (await call.request("BYE")).status == 200
        await here.linphone.until_said("ended (No error)")
        # Refused: the mailbox takes it.
        call = await dora.call(CARL)
        await here.linphone.until_said("assigned id 2")
        here.linphone.tell("terminate")
        answer = await call.result(20)
        assert answer.status == 200
        assert 181 in call.statuses
        assert (await call.request("BYE")).status == 200
        # Given up by the caller.
        call = await dora.call(CARL)
        await here.linphone.until_said("assigned id 3")
        await dora.until(lambda: 180 in call.statuses)
        call.outgoing.cancel()
        assert (await call.result()).status == 487
        await until(lambda: here.platform.calls == 0)
        await dora.close()


async def test_sipp_and_our_handset_call_it(tmp_path: Path) -> None:
    require_peer("sipp")
    async with site_lab(tmp_path / "store", algorithms=("MD5",)) as here:
        clara, emil = here.site.user("103"), here.site.user("106")
        async with linphonec(
            tmp_path / "home",
            here.platform.sip_address,
            user=clara.sip_user,
            auth_user=clara.auth_user,
            password=clara.password.reveal(),
            domain=here.site.domain,
            realm=here.site.domain,
        ) as linphone:
            await until(lambda: bool(here.platform.contacts(clara.number)))
            linphone.tell("autoanswer enable")
            await linphone.until_said("Auto answer enabled")
            sipp = SippCaller(
                emil.sip_user,
                here.site.domain,
                auth_user=emil.auth_user,
                password=emil.password,
            )
            outcome = await sipp.call("103", here.platform.sip_address, talk_s=0.5)
            assert (outcome.final_status, outcome.exit_code) == (200, 0)
            (anna,) = await here.boot("anna")
            call = await anna.dial("103")
            await call.wait_established(10)
            assert call.final_status == 200
            await call.hang_up()
            await until(lambda: here.platform.calls == 0)
        assert here.platform.internal_errors == 0

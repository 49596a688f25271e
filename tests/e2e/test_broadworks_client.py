"""The client of a BroadWorks against our own Xsi server, over real sockets and real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from platform_kit import ANNA, CARL, DORA, Phone
from xsi_kit import AUDIO, running

from provisioning.secret import Secret
from rig.errors import RigError, UsageError
from rig.mailbox_platform.base import (
    ForwardRule,
    MailboxOptions,
    MailboxPlatform,
    UserServices,
)
from rig.mailbox_platform.broadworks import BroadWorksConfig, BroadWorksPlatform
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.xsi_channel import ChannelTimes
from rig.mailbox_platform.xsi_client import XsiAccount, XsiClient, XsiRefused
from rig.sip.message_summary import parse_summary
from rig.timeline import MailboxSeen

QUICK = ChannelTimes(heartbeat_s=0.2, silence_s=1.0, first_wait_s=0.1, longest_wait_s=0.3)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    async with running(tmp_path, api_heartbeat_s=0.3) as one:
        yield one


def account(platform: EmbeddedPlatform, number: str, password: str = "") -> XsiAccount:
    user = platform.site.users[number]
    secret = Secret(password) if password else user.password
    return XsiAccount(f"{user.sip_user}@{platform.site.domain}", secret)


def config(platform: EmbeddedPlatform, **changes: object) -> BroadWorksConfig:
    whole = BroadWorksConfig(
        base_url="http://{}:{}".format(*platform.api_address),
        sip_address=platform.sip_address,
        accounts={number: account(platform, number) for number in (ANNA, CARL)},
        channel_times=QUICK,
    )
    return replace(whole, **changes)  # type: ignore[arg-type]  # values come by name


@asynccontextmanager
async def started(
    platform: EmbeddedPlatform, **changes: object
) -> AsyncIterator[BroadWorksPlatform]:
    client = BroadWorksPlatform(config(platform, **changes))
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - looks at a list that a callback fills
            await asyncio.sleep(0.02)


async def test_it_is_a_mailbox_platform(platform: EmbeddedPlatform) -> None:
    async with started(platform) as client:
        as_platform: MailboxPlatform = client
        assert as_platform.name == "broadworks"
        assert as_platform.sip_address == platform.sip_address
        await client.start()


async def test_counts_are_those_of_the_store(platform: EmbeddedPlatform) -> None:
    async with started(platform, events=False) as client:
        for urgent, heard in [(False, False), (True, False), (True, True), (False, True)]:
            message = platform.store.add(CARL, DORA, AUDIO, urgent=urgent)
            if heard:
                platform.store.mark_heard(message.message_id)
        told, truth = await client.counts(CARL), await platform.counts(CARL)
        assert replace(told, at=0) == replace(truth, at=0)
        assert (truth.new, truth.saved, truth.urgent_new, truth.urgent_saved) == (2, 2, 1, 1)
        assert (await client.counts(ANNA)).new == 0


@pytest.mark.parametrize(
    "options",
    [
        MailboxOptions(active=False, rings=20),
        MailboxOptions(all_calls=True, busy=False, no_answer=False, rings=0, mwi=False),
        MailboxOptions(email_notify="a@example.net", email_redirect="b@example.net"),
        MailboxOptions(email_copy="c@example.net"),
    ],
)
async def test_options_arrive_and_are_read_back(
    platform: EmbeddedPlatform, options: MailboxOptions
) -> None:
    async with started(platform, events=False) as client:
        await client.set_mailbox_options(CARL, options)
        assert platform._settings.options(CARL) == options
        assert await client.options(CARL) == options
        await client.set_mailbox_options(CARL, MailboxOptions())
        assert platform._settings.options(CARL) == MailboxOptions()


async def test_services_arrive_and_are_read_back(platform: EmbeddedPlatform) -> None:
    services = UserServices(
        always=ForwardRule(active=False, target=DORA),
        busy=ForwardRule(active=True, target=DORA),
        no_answer=ForwardRule(active=True, target=ANNA, rings=5),
        not_reachable=ForwardRule(active=True, target="+4989555"),
        do_not_disturb=True,
    )
    async with started(platform, events=False) as client:
        await client.set_services(CARL, services)
        assert platform._settings.services(CARL) == services
        assert await client.services(CARL) == services
        await client.set_services(CARL, UserServices())
        assert platform._settings.services(CARL) == UserServices()


async def test_events_follow_a_mailbox_with_causes(platform: EmbeddedPlatform) -> None:
    seen: list[MailboxSeen] = []
    async with started(platform) as client:
        client.subscribe(seen.append)
        message = platform.store.add(CARL, DORA, AUDIO, urgent=True)
        platform.store.mark_heard(message.message_id)
        platform.store.mark_new(message.message_id)
        await until(lambda: len(seen) == 3)
        await client.clear_mailbox(CARL)
        await until(lambda: len(seen) == 4)
    assert [(s.mailbox, s.new, s.saved, s.urgent_new, s.cause) for s in seen] == [
        (CARL, 1, 0, 1, "deposit"),
        (CARL, 0, 1, 0, "heard"),
        (CARL, 1, 0, 1, "restored"),
        (CARL, 0, 0, 0, "deleted"),
    ]


async def test_clearing_puts_the_lamp_out(platform: EmbeddedPlatform) -> None:
    phone = await Phone(platform, platform.site.users[CARL]).open()
    await phone.register()
    platform.store.add(CARL, DORA, AUDIO)
    platform.store.add(CARL, "", AUDIO)
    await phone.until(lambda: parse_summary(phone.notifies[-1].body).waiting)
    async with started(platform, events=False) as client:
        await client.clear_mailbox(CARL)
    await phone.until(lambda: not parse_summary(phone.notifies[-1].body).waiting)
    assert platform.store.messages(CARL) == ()
    await phone.close()


async def test_channels_live_on_heartbeats_and_refreshes(platform: EmbeddedPlatform) -> None:
    times = replace(QUICK, expires_s=1)
    seen: list[MailboxSeen] = []
    async with started(platform, channel_times=times) as client:
        client.subscribe(seen.append)
        await asyncio.sleep(2.5)
        assert [channel.losses for channel in client._channels] == [0, 0]
        platform.store.add(CARL, DORA, AUDIO)
        await until(lambda: len(seen) == 1)


async def test_channels_come_back_after_a_restart_and_tell_what_was_missed(
    platform: EmbeddedPlatform,
) -> None:
    seen: list[MailboxSeen] = []
    async with started(platform) as client:
        client.subscribe(seen.append)
        await platform.stop()
        await until(lambda: all(channel.losses for channel in client._channels))
        assert all(channel.problem for channel in client._channels)
        await platform.start()
        platform.store.add(CARL, DORA, AUDIO)
        await until(lambda: any(s.mailbox == CARL and s.new == 1 for s in seen))
        await until(lambda: not any(channel.problem for channel in client._channels))


async def test_what_xsi_cannot_do_is_said(platform: EmbeddedPlatform) -> None:
    async with started(platform, events=False) as client:
        with pytest.raises(RigError, match="automatic login"):
            await client.set_mailbox_options(CARL, MailboxOptions(auto_login=True, busy=False))
        assert platform._settings.require_options(CARL).busy
        with pytest.raises(RigError, match="events are switched off"):
            client.subscribe(lambda seen: None)
        with pytest.raises(UsageError, match="no account for"):
            await client.counts(DORA)


async def test_wrong_password_is_found_at_the_start(platform: EmbeddedPlatform) -> None:
    accounts = {ANNA: account(platform, ANNA), CARL: account(platform, CARL, "canary-81")}
    client = BroadWorksPlatform(config(platform, accounts=accounts))
    with pytest.raises(RigError, match=rf"\{CARL}.*401.*password") as caught:
        await client.start()
    assert "canary-81" not in str(caught.value)
    await until(lambda: not platform._api._hub._channels)  # type: ignore[union-attr]  # the platform is up: the part is there


async def test_user_without_the_service_can_still_be_switched_off(
    platform: EmbeddedPlatform,
) -> None:
    accounts = {DORA: account(platform, DORA)}
    async with started(platform, accounts=accounts, events=False) as client:
        await client.set_services(DORA, UserServices())
        with pytest.raises(XsiRefused, match="not assigned") as caught:
            await client.counts(DORA)
        assert caught.value.status == 404


async def test_refused_value_carries_the_platforms_words(platform: EmbeddedPlatform) -> None:
    async with started(platform, events=False) as client:
        with pytest.raises(XsiRefused, match=r"rings=1.*does not take") as caught:
            await client.set_mailbox_options(CARL, MailboxOptions(rings=1))
        assert caught.value.status == 400


# -- bad platforms -----------------------------------------------------------------------

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(handler: Answering) -> AsyncIterator[str]:
    """A server that answers as told; gives its URL."""
    server = web.Server(handler)
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    try:
        yield "http://{}:{}".format(*listening.sockets[0].getsockname())
    finally:
        listening.close()
        await server.shutdown(0.1)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (401, "", "401.*password"),
        (403, "", "403.*administrator"),
        (404, "", "404.*no such path"),
        (429, "", "429.*wait"),
        (500, "<html>", "500.*platform failed"),
        (503, "<ErrorInfo><summaryEnglish>Overloaded</summaryEnglish></ErrorInfo>", "Overloaded"),
        (302, "", "302.*redirects"),
        (200, "<html><p>Log in!</html>", "not well-formed"),
        (200, '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "document type"),
        (200, "<a>" * 100, "not well-formed"),
    ],
)
async def test_bad_answers_become_clear_errors(status: int, body: str, says: str) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Location": "http://127.0.0.1:9/"} if status == 302 else {}
        return web.Response(status=status, text=body, headers=headers)

    async with answering(answer) as url:
        client = XsiClient(url)
        with pytest.raises(RigError, match=says) as caught:
            await client.get(XsiAccount("u", Secret("canary-82")), "/x")
        assert "canary-82" not in str(caught.value)
        await client.close()


async def test_slow_and_dead_platforms_are_told_apart() -> None:
    async def never(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with answering(never) as url:
        client = XsiClient(url, timeout_s=0.3)
        with pytest.raises(RigError, match="no answer in time"):
            await client.get(XsiAccount("u", Secret("p")), "/x")
        await client.close()
    dead = XsiClient(url, timeout_s=2)
    with pytest.raises(RigError, match="check address and network"):
        await dead.get(XsiAccount("u", Secret("p")), "/x")
    await dead.close()


async def test_platform_without_events_fails_the_start_in_words(
    platform: EmbeddedPlatform,
) -> None:
    base = "http://{}:{}".format(*platform.api_address)

    async def actions_only(request: web.BaseRequest) -> web.StreamResponse:
        if "xsi-events" in request.path:
            return web.Response(status=404)
        return web.Response(text="<Services/>")

    async with answering(actions_only) as url:
        assert url != base
        client = BroadWorksPlatform(config(platform, base_url=url, timeout_s=0.5))
        with pytest.raises(RigError, match=r"channel is not up.*404"):
            await client.start()


@pytest.mark.parametrize(
    "url", ["http://xsp.example.net", "xsp.example.net", "ftp://a", "https://u:p@xsp.example.net"]
)
def test_urls_that_would_leak_or_lead_nowhere(url: str) -> None:
    with pytest.raises(UsageError, match="https") as caught:
        XsiClient(url)
    assert "u:p" not in str(caught.value)


async def test_no_secret_in_any_log(
    platform: EmbeddedPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with started(platform) as client:
        await client.set_mailbox_options(CARL, MailboxOptions())
        await platform.stop()
        await until(lambda: all(channel.losses for channel in client._channels))
    assert "Xsi: PUT" in caplog.text
    assert platform.site.users[CARL].password.reveal() not in caplog.text
    assert "Basic" not in caplog.text


# -- TLS ---------------------------------------------------------------------------------


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "phonerig test")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@asynccontextmanager
async def behind_tls(platform: EmbeddedPlatform, folder: Path) -> AsyncIterator[tuple[str, Path]]:
    """The platform's API behind a TLS proxy; gives URL and certificate."""
    cert, key = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    tasks = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while octets := await reader.read(65536):
                writer.write(octets)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_connection(*platform.api_address)
        tasks.add(asyncio.current_task())
        await asyncio.gather(copy(reader, inner[1]), copy(inner[0], writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield "https://{}:{}".format(*server.sockets[0].getsockname()), cert
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*filter(None, tasks)), 5)


async def test_certificates_are_checked_unless_told_otherwise(
    platform: EmbeddedPlatform, tmp_path: Path
) -> None:
    async with behind_tls(platform, tmp_path) as (url, cert):
        with pytest.raises(RigError, match="certificate does not hold"):
            async with started(platform, base_url=url):
                pass
        seen: list[MailboxSeen] = []
        async with started(platform, base_url=url, ca_file=cert) as client:
            client.subscribe(seen.append)
            platform.store.add(CARL, DORA, AUDIO)
            await until(lambda: len(seen) == 1)
        async with started(platform, base_url=url, verify_tls=False, events=False) as client:
            assert (await client.counts(CARL)).new == 1
        other_name = url.replace("127.0.0.1", "localhost")
        with pytest.raises(RigError, match="certificate does not hold"):
            async with started(platform, base_url=other_name, ca_file=cert):
                pass

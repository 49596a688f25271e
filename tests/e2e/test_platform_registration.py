"""Registration over real sockets: digest, flows, unsolicited MWI, hostile traffic."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from platform_kit import ANNA, BERT, CARL, DOMAIN, DORA, Phone, make_site

from provisioning.secret import Secret
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.sip.digest_client import DigestClient
from rig.sip.header import Headers
from rig.sip.message import Request, Response
from rig.sip.message_summary import Counts, parse_summary

pytestmark = pytest.mark.waits


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    platform = EmbeddedPlatform(
        make_site(),
        store_dir=tmp_path / "store",
        config=PlatformConfig(seconds_per_ring=0.2, register_min_expires_s=2),
    )
    await platform.start()
    yield platform
    await platform.stop()


async def phone(platform: EmbeddedPlatform, number: str, transport: str = "UDP") -> Phone:
    return await Phone(platform, platform.site.users[number]).open(transport)


def algorithms(response: Response) -> list[str]:
    found = []
    for value in response.headers.get_all("WWW-Authenticate"):
        found += [part.split("=")[1] for part in value.split(", ") if part.startswith("algorithm")]
    return found


async def test_right_password_binds_the_contact(platform: EmbeddedPlatform) -> None:
    anna = await phone(platform, ANNA)
    response = await anna.register(expires=60)
    assert response.status == 200
    assert response.contacts[0].param("expires") == "60"
    assert platform.contacts(ANNA) == [anna.contact.strip("<>")]
    await anna.close()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_unregister_removes_it(platform: EmbeddedPlatform, transport: str) -> None:
    anna = await phone(platform, ANNA, transport)
    await anna.register()
    response = await anna.register(expires=0)
    assert response.status == 200
    assert platform.contacts(ANNA) == []
    await anna.close()


async def test_challenge_offers_sha256_before_md5_and_tells_nothing(
    platform: EmbeddedPlatform,
) -> None:
    anna = await phone(platform, ANNA)
    request = Request(
        "REGISTER",
        f"sip:{DOMAIN}",
        Headers([("From", f"<{anna.aor}>"), ("To", f"<{anna.aor}>"), ("Contact", anna.contact)]),
    )
    response = await anna.stack.request(request, anna.flow).final(3)
    assert response.status == 401
    assert algorithms(response) == ["SHA-256", "MD5"]
    assert response.contacts == []
    await anna.close()


async def test_agent_that_knows_only_md5_is_offered_nothing_else(
    platform: EmbeddedPlatform,
) -> None:
    anna = await phone(platform, ANNA)
    rows = [("From", f"<{anna.aor}>"), ("To", f"<{anna.aor}>"), ("User-Agent", "baresip v1.0.0")]
    request = Request("REGISTER", f"sip:{DOMAIN}", Headers(rows))
    response = await anna.stack.request(request, anna.flow).final(3)
    assert algorithms(response) == ["MD5"]
    await anna.close()


async def test_wrong_password_and_unknown_user_look_the_same(platform: EmbeddedPlatform) -> None:
    anna = await phone(platform, ANNA)
    wrong = await anna.register(password="wrong")
    stranger = await anna.send("REGISTER", f"sip:{DOMAIN}", to=f"<{anna.aor}>", password="x")
    answers = []
    for username in ("auth101", "nobody"):
        request = Request(
            "REGISTER",
            f"sip:{DOMAIN}",
            Headers(
                [("From", f"<{anna.aor}>"), ("To", f"<{anna.aor}>"), ("Contact", anna.contact)]
            ),
        )
        client = DigestClient(username, Secret("guess"), anna.stack.tokens)
        first = anna.stack.request(request, anna.flow)
        again = client.answer(first.request, await first.final(3))
        assert again is not None
        answer = await anna.stack.request(again, anna.flow).final(3)
        answers.append((answer.status, answer.reason, sorted(n for n, _ in answer.headers)))
    assert wrong.status == stranger.status == 403
    assert answers[0] == answers[1]
    assert platform.contacts(ANNA) == []
    await anna.close()


async def test_nobody_registers_for_somebody_else(platform: EmbeddedPlatform) -> None:
    anna = await phone(platform, ANNA)
    response = await anna.send(
        "REGISTER", f"sip:{DOMAIN}", [("Contact", anna.contact)], to=f"<sip:u103@{DOMAIN}>"
    )
    assert response.status == 403
    assert platform.contacts(CARL) == []
    await anna.close()


async def test_too_short_is_423(platform: EmbeddedPlatform) -> None:
    anna = await phone(platform, ANNA)
    response = await anna.register(expires=1)
    assert response.status == 423
    assert response.headers.get("Min-Expires") == "2"
    await anna.close()


async def test_unsolicited_state_after_register_also_when_nothing_waits(
    platform: EmbeddedPlatform,
) -> None:
    carl = await phone(platform, CARL)
    await carl.register()
    await carl.until(lambda: len(carl.notifies) == 1)
    notify = carl.notifies[0]
    summary = parse_summary(notify.body)
    assert not summary.waiting
    assert summary.voice == Counts(0, 0, 0, 0)
    assert summary.account == f"sip:u103@{DOMAIN}"
    assert notify.uri == carl.contact.strip("<>")
    assert str(notify.to.uri) == carl.aor
    assert notify.headers.get("Event") == "message-summary"
    assert (notify.headers.get("Subscription-State") or "").startswith("terminated")
    await carl.close()


async def test_unsolicited_state_of_the_alias_mailbox(platform: EmbeddedPlatform) -> None:
    bert = await phone(platform, BERT)
    platform.store.add(ANNA, CARL, bytes(16000))
    await bert.register()
    await bert.until(lambda: bool(bert.notifies))
    summary = parse_summary(bert.notifies[0].body)
    assert summary.waiting
    assert summary.account == f"sip:u101@{DOMAIN}"
    await bert.close()


async def test_no_unsolicited_without_successful_register_or_by_other_modes(
    platform: EmbeddedPlatform,
) -> None:
    carl, anna, dora = [await phone(platform, n) for n in (CARL, ANNA, DORA)]
    await carl.register(password="wrong")
    await anna.register()
    await dora.register()
    platform.store.add(CARL, ANNA, bytes(16000))
    platform.store.add(ANNA, CARL, bytes(16000))
    await asyncio.sleep(0.2)
    assert carl.notifies == anna.notifies == dora.notifies == []
    for one in (carl, anna, dora):
        await one.close()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.requirement("R62")
async def test_unsolicited_goes_to_every_contact_over_its_own_flow(
    platform: EmbeddedPlatform, transport: str
) -> None:
    first, second = [await phone(platform, CARL, transport) for _ in range(2)]
    await first.register()
    await second.register()
    platform.store.add(CARL, ANNA, bytes(16000))
    for one in (first, second):
        await one.until(lambda one=one: len(one.notifies) == 2)
        assert one.notifies[1].via.transport == transport
        assert parse_summary(one.notifies[1].body).voice == Counts(1, 0, 0, 0)
        assert one.notifies[1].uri == one.contact.strip("<>")
        await one.close()


async def test_restart_keeps_port_and_counts_and_forgets_bindings(
    platform: EmbeddedPlatform,
) -> None:
    carl = await phone(platform, CARL)
    await carl.register()
    platform.store.add(CARL, ANNA, bytes(16000))
    addresses = platform.sip_address, platform.voicemail_address
    await platform.restart()
    assert (platform.sip_address, platform.voicemail_address) == addresses
    assert platform.contacts(CARL) == []
    assert (await platform.counts(CARL)).new == 1
    carl.notifies.clear()
    await carl.register()
    await carl.until(lambda: bool(carl.notifies))
    assert parse_summary(carl.notifies[-1].body).voice == Counts(1, 0, 0, 0)
    await carl.close()


async def test_closed_tcp_connection_takes_the_binding_along(platform: EmbeddedPlatform) -> None:
    anna = await phone(platform, ANNA, "TCP")
    await anna.register()
    assert len(platform.contacts(ANNA)) == 1
    await anna.stack.abort()
    await anna.until(lambda: not platform.contacts(ANNA))
    assert platform.contacts(ANNA) == []


def seeds_of_traffic(contact: str) -> list[bytes]:
    rows = (
        "Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bK{n};rport\r\n"
        f"From: <sip:u101@{DOMAIN}>;tag=1\r\nTo: <sip:u101@{DOMAIN}>\r\nCall-ID: {{n}}\r\n"
        f"CSeq: 1 {{m}}\r\nContact: {contact}\r\nExpires: 60\r\nEvent: message-summary\r\n"
        'Authorization: Digest username="auth101", realm="pbx.example", nonce="x", uri="sip:a", '
        'response="00000000000000000000000000000000"\r\n'
        'Diversion: "Doe, Jane" <sip:1@x>;reason=user-busy\r\nHistory-Info: <tel:+49>;index=1\r\n'
        "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    return [
        f"{m} sip:u101@{DOMAIN} SIP/2.0\r\n{rows.format(n=n, m=m)}".encode()
        for n, m in enumerate(["REGISTER", "INVITE", "SUBSCRIBE", "NOTIFY", "OPTIONS", "CANCEL"])
    ]


async def test_fuzzed_traffic_leaves_no_traceback_and_service_goes_on(
    platform: EmbeddedPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    anna = await phone(platform, ANNA)
    rng = random.Random(20)
    base = seeds_of_traffic(anna.contact)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        caplog.at_level(logging.WARNING),
    ):
        for _ in range(1500):
            data = bytearray(rng.choice(base))
            for _ in range(rng.randint(0, 6)):
                place = rng.randrange(len(data))
                choice = rng.randrange(4)
                if choice == 0:
                    data[place] = rng.randrange(256)
                elif choice == 1:
                    del data[place : place + rng.randint(1, 30)]
                elif choice == 2:
                    data[place:place] = rng.choice([b"%", b"\r\n", b"<", b'"', b"\x00", b";;"])
                else:
                    data[place:place] = data[place : place + 40]
                if not data:
                    data = bytearray(b"\r\n")
            sock.sendto(bytes(data), platform.sip_address)
            if rng.random() < 0.02:
                await asyncio.sleep(0)
        await asyncio.sleep(0.3)
    assert (await anna.register()).status == 200
    assert platform.internal_errors == 0
    assert [r for r in caplog.records if r.exc_info] == []
    await anna.close()

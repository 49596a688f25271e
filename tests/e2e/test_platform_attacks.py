"""Attacks over real sockets: guessed passwords, odd forms of digest, floods of digits."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from call_kit import CallLab, call_lab, hears
from platform_kit import ANNA, BERT, CARL, DOMAIN, DORA, PORTAL, Phone

from provisioning.secret import Secret
from rig.media.dtmf import BURST_DIGITS, MOST_DIGITS_PER_S, DtmfEvent
from rig.sip.digest import Challenge, make_credentials
from rig.sip.header import Headers
from rig.sip.message import Request, Response

pytestmark = pytest.mark.waits

Change = Callable[[Challenge], Challenge]


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[CallLab]:
    async with call_lab(tmp_path, registered=()) as lab:
        yield lab


async def ask(phone: Phone, credentials: str = "", method: str = "REGISTER") -> Response:
    """A request as somebody writes it who does not use our client."""
    rows = [
        ("From", f"<{phone.aor}>"),
        ("To", f"<{phone.aor}>"),
        ("Contact", phone.contact),
        *([("Authorization", credentials)] if credentials else []),
    ]
    request = Request(method, f"sip:{DOMAIN}", Headers(rows))
    return await phone.stack.request(request, phone.flow).final(5)


async def challenge_of(phone: Phone, algorithm: str = "MD5") -> Challenge:
    rows = (await ask(phone)).headers.get_all("WWW-Authenticate")
    return next(one for one in map(Challenge.parse, rows) if one.algorithm == algorithm)


def credentials(
    phone: Phone,
    challenge: Challenge,
    *,
    username: str = "",
    password: str = "",
    method: str = "REGISTER",
    nc: int = 1,
) -> str:
    secret = Secret(password) if password else phone.user.password
    name = username or phone.user.auth_user
    uri = f"sip:{DOMAIN}"
    return str(make_credentials(challenge, name, secret, method, uri, cnonce="c", nc=nc))


def changed(challenge: Challenge, **values: object) -> Challenge:
    fields = ("realm", "nonce", "algorithm", "qop", "opaque")
    return Challenge(**{**{name: getattr(challenge, name) for name in fields}, **values})


@pytest.mark.parametrize(
    "forged",
    [
        {"qop": ("auth-int",)},
        {"algorithm": "MD5-sess"},
        {"algorithm": "SHA-256-sess"},
    ],
    ids=lambda forged: str(*forged.values()),
)
async def test_sec_4_a_form_of_digest_that_was_not_offered_is_refused(
    lab: CallLab, forged: dict[str, object]
) -> None:
    """The password is right, and the sum too; but nobody may choose a form for the platform."""
    dora = lab.phones[DORA]
    offered = await challenge_of(dora)
    answer = await ask(dora, credentials(dora, changed(offered, **forged)))
    assert answer.status == 403
    assert lab.platform.contacts(DORA) == []
    assert (await ask(dora, credentials(dora, offered))).status == 200


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_sec_4_digest_without_qop_is_good_once(lab: CallLab, algorithm: str) -> None:
    """Old phones compute without it; a replay is still none: the nonce is used up."""
    dora = lab.phones[DORA]
    plain = credentials(dora, changed(await challenge_of(dora, algorithm), qop=()))
    assert "qop" not in plain
    assert (await ask(dora, plain)).status == 200
    again = await ask(dora, plain)
    assert again.status == 401
    assert "stale=true" in (again.headers.get("WWW-Authenticate") or "")


async def test_sec_4_replay_foreign_realm_empty_response_and_another_method(lab: CallLab) -> None:
    dora = lab.phones[DORA]
    offered = await challenge_of(dora)
    good = credentials(dora, offered)
    assert (await ask(dora, good)).status == 200
    assert (await ask(dora, good)).status == 401
    foreign = credentials(dora, changed(offered, realm="elsewhere.example"))
    assert (await ask(dora, foreign)).status == 401
    fresh = credentials(dora, await challenge_of(dora))
    empty = fresh.replace(fresh.split('response="')[1].split('"')[0], "")
    assert (await ask(dora, empty)).status in {400, 403}
    for_invite = credentials(dora, await challenge_of(dora), method="INVITE")
    assert (await ask(dora, for_invite)).status == 403
    anna = lab.phones[ANNA]  # Dora's proof does not let anybody speak for Anna
    dora_proves = credentials(dora, await challenge_of(dora))
    assert (await ask(anna, dora_proves)).status == 403
    assert lab.platform.contacts(ANNA) == []


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "INVITE"])
async def test_sec_4_guessing_is_not_listened_to_after_five_misses(
    lab: CallLab, method: str
) -> None:
    carl, dora = lab.phones[CARL], lab.phones[DORA]
    headers = [("Event", "message-summary"), ("Contact", carl.contact)]

    async def tried(password: str, username: str = "") -> int:
        offered = await challenge_of(dora)
        uri = f"sip:{DOMAIN}" if method != "INVITE" else f"sip:{ANNA}@{DOMAIN}"
        name = username or carl.user.auth_user
        secret = Secret(password)
        proof = str(make_credentials(offered, name, secret, method, uri, cnonce="c", nc=1))
        rows = [("From", f"<{carl.aor}>"), ("To", f"<{carl.aor}>"), ("Authorization", proof)]
        request = Request(method, uri, Headers([*rows, *headers]))
        return (await carl.stack.request(request, carl.flow).final(5)).status

    right = carl.user.password.reveal()
    assert [await tried(f"guess-{number}") for number in range(5)] == [403] * 5
    assert await tried(right) == 403  # it is not even looked at, so guessing tells nothing
    assert lab.platform.contacts(CARL) == []
    assert (await dora.register()).status == 200  # another account of the same host
    assert await tried("guess", username="x" * 9000) == 403
    lab.later_s += 61.0
    assert await tried(right) not in {401, 403}
    assert lab.platform.internal_errors == 0


async def test_sec_4_a_flood_of_digits_is_bounded_and_hurts_nobody(tmp_path: Path) -> None:
    """10,000 events at once, from ever new sources, into a call to the portal."""
    async with call_lab(tmp_path) as lab:
        anna, bert = lab.phones[ANNA], lab.phones[BERT]
        call = await anna.talk_to(PORTAL)
        await hears(anna, "portal.enter_pin")
        to = anna.stream.remote
        assert to is not None
        began = asyncio.get_running_loop().time()
        for number in range(10_000):
            head = struct.pack("!BBHII", 0x80, 0x80 | 101, number & 0xFFFF, 800 * number, number)
            press = DtmfEvent(number % 10, end=number % 3 == 0, duration=number % 2)
            anna.stream._socket.sendto(head + press.pack(), to)
            if number % 200 == 0:
                await asyncio.sleep(0)
        assert (await bert.register()).status == 200  # others are served
        took_s = asyncio.get_running_loop().time() - began
        (session,) = lab.platform._up._voicemail._sessions
        told = len(session.stream.digits_heard)
        assert 0 < told <= BURST_DIGITS + MOST_DIGITS_PER_S * took_s + 1
        pound = await call.request("INFO", b"Signal=#\r\n", "application/dtmf-relay")
        assert pound.status == 200
        assert (await call.request("INFO", b"5" * 60_000, "application/dtmf")).status == 413
        assert lab.platform.calls == 1
        assert (await call.request("BYE")).status == 200
        await lab.until_idle()

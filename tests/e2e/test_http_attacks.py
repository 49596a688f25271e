"""Thousands of path tricks, and fifty planted secrets that must appear nowhere.

What whole programs leave behind is searched in ``test_secret_canaries.py``.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from access_kit import basic, certificate_forms
from fetch_site import ServedText
from path_tricks import CANARY, path_forms

from provisioning.access_model import (
    AccessSettings,
    HandsetCredentials,
    ProofKind,
    first_token,
    steady_token,
)
from provisioning.address import Mac
from provisioning.digest_credentials import Challenge, make_credentials
from provisioning.secret import Secret
from provisioning.transport.content import Answer, SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_access import REALM, Gate, GateHandset, Visit
from provisioning.transport.http_server import HttpServer
from provisioning.transport.path_tokens import DeadTokens, TokenBook
from provisioning.transport.revocation import Revocations
from provisioning.transport.upload_area import UploadArea
from provisioning.transport.walk_guard import WalkGuard


def batched(items: list[str], size: int) -> Iterator[list[str]]:
    """The items, so many at a time."""
    for at in range(0, len(items), size):
        yield items[at : at + size]


async def _all_of(server: HttpServer, forms: list[str]) -> bytes:
    """Ask for several targets over one connection; everything that comes back."""
    reader, writer = await asyncio.open_connection(*server.address)
    for number, form in enumerate(forms, start=1):
        last = b"Connection: close\r\n" if number == len(forms) else b""
        writer.write(b"GET " + form.encode() + b" HTTP/1.1\r\nHost: a\r\n" + last + b"\r\n")
    try:
        return await asyncio.wait_for(reader.read(), 60)
    finally:
        writer.close()


async def test_five_thousand_path_tricks_get_nothing_and_put_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary.txt"
    canary.write_bytes(CANARY)
    (tmp_path / "served").mkdir()
    monkeypatch.chdir(tmp_path / "served")
    forms = list(dict.fromkeys(path_forms(canary)))
    area = UploadArea(tmp_path / "up", {"a.log": "anna"})
    log = FetchLog(max_records=20_000)
    source = SiteContent({"cfg/a.xml": ServedText(b"<a>")})
    server = HttpServer(source, log, port=0, uploads=area)
    await server.start()
    # What cannot be read at all ends its connection; of these one in ten has a connection.
    plain = [form for form in forms if re.fullmatch(r"/[!-~]*", form)]
    odd = sorted(set(forms) - set(plain))[::10]
    assert len(plain) >= 5000
    statuses: set[int] = set()
    try:
        for many in (*batched(plain, 200), *([form] for form in odd)):
            got = await _all_of(server, many)
            found = [int(one) for one in re.findall(rb"HTTP/1\.[01] (\d{3}) ", got)]
            assert len(found) == len(many), many[:3]
            assert CANARY not in got
            assert b"<a>" not in got
            statuses |= set(found)
    finally:
        await server.close()
    assert statuses == {400, 404}
    assert len(log.records) == len(plain) + len(odd)
    assert {record.octets for record in log.records} == {0}
    assert all(str(record).isprintable() for record in log.records)
    assert {area.owner(form) for form in forms} == {""}
    assert {source.find(form, ("192.0.2.1", 1), "") for form in forms} == {None}
    assert [path for path in (tmp_path / "up").rglob("*") if path.is_file()] == []


HANDSETS = [(f"phone{n}", Mac(f"0015650000{n:02x}")) for n in range(1, 17)]
KEY = Secret("Kanarienschlüssel-0")
PASSWORDS = {name: Secret(f"Kanarie-{name}-Lied") for name, _ in HANDSETS}


def planted() -> list[tuple[str, str]]:
    """Fifty secrets; the second is the user whose hash goes with it, if there is one."""
    found = [(KEY.reveal(), ""), ("Kanarie-in-der-Datei", "")]
    for name, mac in HANDSETS:
        found.append((PASSWORDS[name].reveal(), name))
        found += [(make(KEY, mac).reveal(), "") for make in (first_token, steady_token)]
    return found


def spellings(secret: str, user: str) -> Iterator[str]:
    """How a secret may look where it should not be."""
    octets = secret.encode()
    yield secret
    yield base64.b64encode(octets).decode().rstrip("=")
    yield octets.hex()
    yield quote(secret, safe="")
    if user:
        yield base64.b64encode(f"{user}:{secret}".encode()).decode().rstrip("=")
        for hashed in (hashlib.md5, hashlib.sha256):
            yield hashed(f"{user}:{REALM}:{secret}".encode()).hexdigest()


class Failing:
    """Files that hold secrets, and one name that fails while a secret is at hand."""

    def find(self, path: str, client: object, user_agent: str) -> Answer | None:
        del client, user_agent
        name = path.strip("/").partition(".")[0]
        if name == "broken":
            raise LookupError("a source failed")
        return Answer(b"Kanarie-in-der-Datei", "text/plain", name) if name in PASSWORDS else None


async def test_fifty_planted_secrets_appear_in_no_log_error_or_counter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dead = DeadTokens(tmp_path / "dead")
    dead.load()
    gate = Gate(
        AccessSettings(tuple(ProofKind), KEY),
        [
            GateHandset(name, mac, "x", HandsetCredentials(name, PASSWORDS[name]))
            for name, mac in HANDSETS
        ],
        certificate_forms(),
        Revocations([(name, mac, name == "phone16") for name, mac in HANDSETS], None),
        WalkGuard(),
        tokens=TokenBook(KEY, HANDSETS, dead),
    )
    log = FetchLog()
    server = HttpServer(Failing(), log, port=0, access=gate)
    await server.start()
    told: list[str] = []
    try:
        for name, mac in HANDSETS:
            secret = PASSWORDS[name].reveal()
            for make in (first_token, steady_token, first_token):
                told += await _ask(server, f"/{make(KEY, mac).reveal()}/{name}.cfg")
            told += await _ask(server, f"/{name}.cfg", basic(name, secret))
            told += await _ask(server, f"/other.cfg?password={quote(secret)}", basic(name, "x"))
            told += await _ask(server, f"http://{name}:{secret}@a/{name}.cfg")
            told += await _ask(server, "/broken.cfg", basic(name, secret))
            told += await _ask(server, f"/{first_token(KEY, mac).reveal()}/a b")
            challenge = Challenge.parse(gate.challenges(gate.admit(_visit("/")), 0.0)[0])
            said = make_credentials(
                challenge, name, PASSWORDS[name], "GET", f"/{name}.cfg", cnonce="c"
            )
            told += await _ask(server, f"/{name}.cfg", str(said))
    finally:
        await server.close()
    visit = _visit(f"/{first_token(KEY, HANDSETS[0][1]).reveal()}/x", basic("phone1", "y"))
    crash = "".join(traceback.format_exception(RuntimeError(visit, gate.admit(visit), PASSWORDS)))
    said = "\n".join(
        [
            caplog.text,
            *map(str, log.records),
            *map(repr, log.records),
            repr(gate.counts),
            *told,
            crash,
        ]
    ).lower()
    assert "broken.cfg" in said
    assert "handset=phone3" in said
    assert "/***/phone3.cfg" in said
    assert "is revoked" in said
    secrets = planted()
    assert len(secrets) == 50
    for secret, user in secrets:
        for spelling in spellings(secret, user):
            assert spelling.lower() not in said, spelling


def _visit(target: str, authorization: str = "") -> Visit:
    return Visit("GET", target, "192.0.2.9", 0.0, authorization)


async def _ask(server: HttpServer, target: str, authorization: str = "") -> list[str]:
    """Ask once; the answer as far as it is no file."""
    reader, writer = await asyncio.open_connection(*server.address)
    line = f"Authorization: {authorization}\r\n" if authorization else ""
    writer.write(f"GET {target} HTTP/1.0\r\n{line}\r\n".encode())
    got = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return [] if b" 200 OK" in got[:20] else [got.decode("latin-1")]

"""Fifty secrets planted in an inventory: they are in no report, metric, stored log or line of log.

Everything that a server, a run and an audit leave behind is searched, with every part of the
program logging at its finest level: for the secrets themselves and for what they look like in
base64, hexadecimal, a URL and a digest (HA1, RFC 7616 3.4.2).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import signal
import socket
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import cli_runner
import pytest
from access_kit import basic
from certificate_kit import issue
from cli_runner import Service

from provisioning.access_model import first_token, steady_token
from provisioning.inventory import load_site
from provisioning.transport.http_access import REALM
from provisioning.transport.tftp_client import fetch

LOUD = (
    "import logging, os, sys; os.environ['PHONERIG_DEBUG'] = '1';"
    "logging.basicConfig(level=1, format='%(levelname)s %(name)s %(message)s');"
    "from rig.cli import main; sys.exit(main())"
)
"""Runs the program with every logger at its finest level; its own set-up then changes nothing."""

USERS = 16
DOMAIN = "kanarie.example"
HEAD = """\
site:
  name: Kanarienvogel GmbH
  domain: kanarie.example
  registrar: {host: 127.0.0.1, port: 5060}
  voice_portal_number: +49 30 23125 900
  provisioning:
    url: http://127.0.0.1
    https: {certificate: server.pem, key: server.pem}
    access: {proofs: [digest, basic, token], key: file:secret/key, state: dead.txt}
  admin_password: file:secret/admin
users:
"""


def planted() -> dict[str, str]:
    """Fifty secrets, by the name of their file."""
    found = {"key": "Kanarienschlüssel-0/=", "admin": "Kanarie+Verwalter-9x"}
    for number in range(1, USERS + 1):
        found[f"sip{number}"] = f"Kanarie%Sprache-{number:02d}-q"
        found[f"own{number}"] = f"Kanarie Datei-{number:02d}-z"
        found[f"pin{number}"] = "9".join(f"{number * 7919 + 200_003}")
    return found


def write_planted(folder: Path) -> Path:
    """A site with all of them."""
    (folder / "secret").mkdir()
    for name, value in planted().items():
        (folder / "secret" / name).write_text(value, encoding="utf-8")
    users, handsets = [], []
    for n in range(1, USERS + 1):
        users.append(
            f"  - name: Vogel {n}\n    number: +49 30 23125 {100 + n}\n    extension: {100 + n}\n"
            f"    sip: {{user: vogel{n}, password: file:secret/sip{n}}}\n"
            f"    mailbox: {{pin: file:secret/pin{n}}}\n"
        )
        handsets.append(
            f"  - name: desk{n}\n    model: {('T46U', 'D785')[n % 2]}\n"
            f"    mac: {('805ec0', '000413')[n % 2]}1a2b{n:02x}\n"
            f"    accounts: [{{user: {100 + n}}}]\n"
            f"    provisioning: {{user: fetch{n}, password: file:secret/own{n}}}\n"
        )
    site = folder / "site.yaml"
    site.write_text(HEAD + "".join(users) + "handsets:\n" + "".join(handsets), encoding="utf-8")
    issue(folder, "localhost", file="server")
    return site


def spellings(name: str, secret: str) -> Iterator[str]:
    """How a secret may look where it should not be."""
    octets = secret.encode()
    yield secret
    yield base64.b64encode(octets).decode().rstrip("=")
    yield base64.urlsafe_b64encode(octets).decode().rstrip("=")
    yield octets.hex()
    yield quote(secret, safe="")
    yield quote(secret)
    yield json.dumps(secret)[1:-1]
    number = name.removeprefix("sip").removeprefix("own")
    for user, realm in (
        (f"vogel{number}", DOMAIN),
        (f"+493023125{100 + int(number)}" if number.isdigit() else "", DOMAIN),
        (f"fetch{number}", REALM),
    ):
        yield base64.b64encode(f"{user}:{secret}".encode()).decode().rstrip("=")
        for hashed in (hashlib.md5, hashlib.sha256):
            yield hashed(f"{user}:{realm}:{secret}".encode()).hexdigest()


def fetched(url: str, **headers: str) -> bytes:
    """What comes back, whatever the server's certificate is."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()


def raw(base: str, target: str, authorization: str) -> None:
    """Ask as no library would."""
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 60) as asking:
        line = f"GET {target} HTTP/1.0\r\nAuthorization: {authorization}\r\n\r\n"
        asking.sendall(line.encode())
        while asking.recv(65536):
            pass


def leaks(where: str, octets: bytes, *, but: frozenset[str] = frozenset()) -> list[str]:
    """The planted secrets that can be found in what was left behind."""
    text = octets.decode("utf-8", "replace").lower()
    return [
        f"{name} in {where}"
        for name, secret in planted().items()
        if name not in but
        for spelling in spellings(name, secret)
        if spelling.lower() in text
    ]


@pytest.fixture
def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program with all its loggers at the finest level, asyncio's too."""
    monkeypatch.setattr(cli_runner, "PROGRAM", [sys.executable, "-c", LOUD])
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    monkeypatch.setenv("COLUMNS", "400")


def test_the_search_finds_every_spelling_of_what_is_there() -> None:
    secrets = planted()
    assert len(secrets) == len(set(secrets.values())) == 50
    for name, secret in secrets.items():
        for spelling in spellings(name, secret):
            found = leaks("a file", f"<p>{spelling}</p>".encode())
            assert f"{name} in a file" in found
    assert leaks("a file", b"Kanarie ***") == []


def test_a_server_leaves_no_secret_behind(tmp_path: Path, loud: None) -> None:
    del loud
    site_file = write_planted(tmp_path)
    site = load_site(site_file)
    kept = tmp_path / "kept.sqlite"
    words = ("--http-port", "0", "--tftp-port", "0", "--https", "0", "--metrics", "0")
    more = ("--log", kept, "--uploads", tmp_path / "up", "--json")
    with Service("serve", site_file, *words, *more) as service:
        drained = _drain(service)
        told = json.loads(service.wait_for('"serving"').string)
        watch = json.loads(service.wait_for('"event": "metrics"').string)["url"]
        http, (https,) = told["http"], told["https"]
        for n, handset in enumerate(site.handsets, start=1):
            own, name = planted()[f"own{n}"], f"/{handset.mac.plain}.cfg"
            right = basic(f"fetch{n}", own)
            fetched(https + name, Authorization=right)
            fetched(http + name, Authorization=right)
            fetched(https + name, Authorization=basic(f"fetch{n}", f"{own}x"))
            for make in (first_token, steady_token, first_token):
                fetched(f"{https}/{make(site.access.key, handset.mac).reveal()}{name}")
            fetched(f"{http}{name}?password={quote(own)}")
            raw(http, f"http://fetch{n}:{quote(own)}@a{name}", right)
        host, port = told["tftp"].removeprefix("tftp://").split(":")
        with suppress(Exception):
            asyncio.run(fetch(host, int(port), f"{site.handsets[0].mac.plain}.cfg"))
        whole = site_file.read_text("utf-8")
        for broken in (
            whole.replace("model: T46U", "model: none", 1),
            whole.replace("file:secret/sip1}", f"{planted()['sip1']}}}", 1),
            whole.replace("file:secret/pin2", "file:secret/key", 1),
            whole,
        ):
            site_file.write_text(broken, encoding="utf-8")
            service.process.send_signal(signal.SIGHUP)
            while '"event": "reload"' not in service.lines[-1]:
                service.next_line()
            service.lines.append("{}")
        told_to_watchers = [
            urllib.request.urlopen(f"{watch}/{name}", timeout=60).read()
            for name in ("metrics", "healthz")
        ]
        code, _ = service.stop(signal.SIGTERM, 60)
    said = drained()
    assert code == 0
    results = [json.loads(line) for line in service.lines if '"event": "reload"' in line]
    assert [one["ok"] for one in results] == [False, False, False, True]
    assert re.search(r"^DEBUG ", said, re.MULTILINE), "the finest level is on"
    assert "INFO provisioning.transport.fetch_log" in said
    places = {
        "standard error": said.encode(),
        "standard output": "\n".join(service.lines).encode(),
        "metrics": told_to_watchers[0],
        "health": told_to_watchers[1],
        "kept fetches": b"".join(path.read_bytes() for path in tmp_path.glob("kept.sqlite*")),
        "dead tokens": (tmp_path / "dead.txt").read_bytes(),
    }
    assert len(places["kept fetches"]) > 10_000
    tokens = [
        make(site.access.key, handset.mac).reveal()
        for handset in site.handsets
        for make in (first_token, steady_token)
    ]
    for where, octets in places.items():
        assert leaks(where, octets) == []
        assert not [token for token in tokens if token.encode() in octets.lower()], where


def test_reports_of_a_run_hold_no_secret(tmp_path: Path, loud: None) -> None:
    del loud
    site = write_planted(tmp_path)
    out = tmp_path / "out"
    run = cli_runner.run_cli(
        "verify",
        "mwi",
        site,
        "--handset",
        "desk1",
        "--case",
        "busy",
        "--out",
        out,
        timeout_s=200,
    )
    assert run.returncode in {0, 1, 4}, run.stderr[-2000:]
    left = [path for path in out.rglob("*") if path.is_file()]
    assert {".html", ".json", ".xml", ".pcapng"} <= {path.suffix for path in left}
    assert re.search(r"^DEBUG ", run.stderr, re.MULTILINE)
    assert leaks("standard output", run.stdout.encode()) == []
    assert leaks("standard error", run.stderr.encode()) == []
    for path in left:
        assert leaks(path.name, path.read_bytes()) == []


def _drain(service: Service):
    """Read standard error all the time, so that a loud program does not stand still."""
    import threading  # noqa: PLC0415 - here only

    found: list[str] = []
    stream = service.process.stderr

    def read() -> None:
        found.extend(stream)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def all_of_it() -> str:
        thread.join(60)
        return "".join(found)

    return all_of_it

"""curl, wget and openssl against the HTTPS listener of a site: digest, certificates, old TLS."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from access_kit import ANNA, KEY, AccessLab, access_lab, own, token_path
from certificate_kit import Issued, issue
from fetch_site import run_client
from peers import require_peer

from provisioning.access_model import AccessSettings, ClientRoot, HttpsSettings, ProofKind
from provisioning.errors import UsageError
from provisioning.transport.content import Answer
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from provisioning.transport.http_tls import server_tls
from provisioning.transport.upload_area import UploadArea, UploadQuota

A = "/001565aaaa01.cfg"
B = "/000413bbbb02.cfg"
LOG = "001565aaaa01-boot.log"


@dataclass
class HttpsLab:
    """An HTTPS server, who may ask it, and what it logged."""

    server: HttpServer
    access: AccessLab
    log: FetchLog
    folder: Path
    yealink: Issued
    snom: Issued

    def url(self, path: str) -> str:
        return "https://{}:{}{}".format(*self.server.address, path)

    async def curl(self, path: str, *options: str) -> tuple[int, bytes]:
        """Status and body; status 0 when the handshake or the connection failed."""
        target = self.folder / "got"
        target.unlink(missing_ok=True)
        _, out, _ = await run_client(
            require_peer("curl"),
            *("-sk", "--path-as-is", "-m", "20", "-o", str(target), "-w", "%{http_code}"),
            *options,
            self.url(path),
            limit_s=30,
        )
        return int(out), target.read_bytes() if target.exists() else b""


class Files:
    """The files of an access lab as a content source."""

    def __init__(self, access: AccessLab) -> None:
        self._files = access.files

    def find(self, path: str, client: object, user_agent: str) -> Answer | None:
        del client, user_agent
        return self._files.get(path)


@asynccontextmanager
async def https_lab(
    folder: Path, *proofs: ProofKind, old: bool = False, uploads: UploadArea | None = None, **more
) -> AsyncIterator[HttpsLab]:
    """Serve two handsets' files over HTTPS until the block ends."""
    yealink, snom = issue(folder, "Yealink Root"), issue(folder, "Snom Root")
    server = issue(folder, "localhost", file="server")
    settings = HttpsSettings(
        server.path,
        server.path,
        (ClientRoot(yealink.path, "yealink"), ClientRoot(snom.path, "snom")),
    )
    access, log = access_lab(*proofs, folder=folder, **more), FetchLog()
    http = HttpServer(
        Files(access),
        log,
        port=0,
        access=access.gate,
        tls=server_tls(settings, old=old),
        uploads=uploads,
    )
    await http.start()
    try:
        yield HttpsLab(http, access, log, folder, yealink, snom)
    finally:
        await http.close()


@pytest.mark.interop("curl")
async def test_the_matrix_of_client_certificates(tmp_path: Path) -> None:
    revoked = tmp_path / "revoked"
    revoked.write_text("")
    async with https_lab(tmp_path, ProofKind.CERTIFICATE, revoked=revoked) as lab:
        shown = {
            "right": issue(tmp_path, "001565AAAA01", lab.yealink),
            "by alternative name": issue(
                tmp_path, "phone", lab.yealink, alternative="001565aaaa01.phones.example"
            ),
            "other mac": issue(tmp_path, "001565EEEE05", lab.yealink),
            "no mac": issue(tmp_path, "Conference Room", lab.yealink),
            "wrong vendor": issue(tmp_path, "001565AAAA01", lab.snom, file="wrong"),
            "expired": issue(tmp_path, "001565AAAA01", lab.yealink, file="old", days=(-9, -2)),
            "self-signed": issue(tmp_path, "001565AAAA01", file="own"),
        }
        got = {name: await lab.curl(A, "--cert", str(one.path)) for name, one in shown.items()}
        got["none"] = await lab.curl(A)
        missing = (404, b"not found\n")
        assert got == {
            "right": (200, b"<anna>"),
            "by alternative name": (200, b"<anna>"),
            "other mac": missing,
            "no mac": missing,
            "wrong vendor": missing,
            "expired": (0, b""),
            "self-signed": (0, b""),
            "none": missing,
        }
        right = str(shown["right"].path)
        assert await lab.curl(B, "--cert", right) == missing
        assert await lab.curl("/shared.cfg", "--cert", right) == (200, b"<shared>")
        revoked.write_text("anna\n")
        await asyncio.sleep(0.3)
        assert await lab.curl(A, "--cert", right) == missing
        failed = [record.path for record in lab.log.records if not record.status]
        assert failed == [
            "(TLS handshake: certificate verify failed)",
            "(TLS handshake: certificate verify failed)",
        ]
        assert {record.transport for record in lab.log.records} == {"https"}


@pytest.mark.interop("curl")
async def test_revocation_reaches_a_connection_that_is_open(tmp_path: Path) -> None:
    revoked = tmp_path / "revoked"
    revoked.write_text("")
    async with https_lab(tmp_path, ProofKind.CERTIFICATE, revoked=revoked) as lab:
        context = ssl.create_default_context(cafile=tmp_path / "server.pem")
        context.check_hostname = False
        context.load_cert_chain(issue(tmp_path, "001565AAAA01", lab.yealink).path)
        reader, writer = await asyncio.open_connection(*lab.server.address, ssl=context)

        async def ask() -> bytes:
            writer.write(f"GET {A} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            length = re.search(rb"Content-Length: (\d+)", head)
            assert length is not None
            await reader.readexactly(int(length[1]))
            return head.split(b" ", 2)[1]

        assert await ask() == b"200"
        revoked.write_text("00:15:65:aa:aa:01\n")
        await asyncio.sleep(0.5)
        assert await ask() == b"404"
        writer.close()


@pytest.mark.interop("curl")
@pytest.mark.parametrize("algorithms", [("SHA-256", "MD5"), ("MD5",)])
async def test_curl_and_wget_log_in(tmp_path: Path, algorithms: tuple[str, ...]) -> None:
    kind = ProofKind.DIGEST
    async with https_lab(tmp_path, kind, digest_algorithms=algorithms) as lab:
        anna = own(ANNA, AccessSettings((kind,), KEY))
        login = f"{anna.user}:{anna.password.reveal()}"
        assert await lab.curl(A, "--digest", "-u", login) == (200, b"<anna>")
        assert (await lab.curl(B, "--digest", "-u", login))[0] == 404
        assert (await lab.curl(A, "--digest", "-u", f"{anna.user}:wrong"))[0] == 401
        assert (await lab.curl(A))[0] == 401
        assert (await lab.curl(A, "--basic", "-u", login))[0] == 401, "basic was not offered"
        if algorithms == ("MD5",):  # wget knows no other
            status, out, _ = await run_client(
                require_peer("wget"),
                *("-q", "-O", "-", "--no-check-certificate", "--tries=1", "--timeout=20"),
                *(f"--user={anna.user}", f"--password={anna.password.reveal()}"),
                lab.url(A),
                limit_s=30,
            )
            assert (status, out) == (0, b"<anna>")
        said = " ".join(map(str, lab.log.records))
        assert anna.password.reveal() not in said


@pytest.mark.interop("curl")
async def test_two_step_tokens_over_https(tmp_path: Path) -> None:
    async with https_lab(tmp_path, ProofKind.TOKEN) as lab:
        first, steady = (token_path(ANNA, A, first=is_first) for is_first in (True, False))
        assert await lab.curl(first) == (200, b"<anna>")
        assert await lab.curl(steady) == (200, b"<anna>")
        assert await lab.curl(first) == (404, b"not found\n")
        assert await lab.curl(A) == (404, b"not found\n")
        for record in lab.log.records[:3]:
            assert record.path == f"/***{A}"


def openssl(*words: str) -> tuple[str | Path, ...]:
    return (require_peer("openssl"), "s_client", *words)


@pytest.mark.interop("openssl")
async def test_old_tls_is_answered_by_its_own_listener_only(tmp_path: Path) -> None:
    for old, versions in ((False, ("tls1_2", "tls1_3")), (True, ("tls1", "tls1_1", "tls1_2"))):
        async with https_lab(tmp_path, old=old) as lab:
            for version in ("tls1", "tls1_1", "tls1_2", "tls1_3"):
                where = "{}:{}".format(*lab.server.address)
                status, out, _ = await run_client(
                    *openssl("-connect", where, f"-{version}"),
                    *("-cipher", "DEFAULT:@SECLEVEL=0", "-brief"),
                    limit_s=30,
                )
                expected = version in versions or version == "tls1_3"
                assert (status == 0) is expected, (old, version, out)
            refused = [record.path for record in lab.log.records if not record.status]
            wanted = ["(TLS handshake: unsupported protocol)"] * 2 if not old else []
            assert refused == wanted


@pytest.mark.interop("curl")
async def test_a_handset_puts_its_log_and_nothing_else(tmp_path: Path) -> None:
    area = UploadArea(tmp_path / "up", {LOG: "anna"}, UploadQuota(file_bytes=10_000))
    kind = ProofKind.DIGEST
    async with https_lab(tmp_path, kind, uploads=area) as lab:
        anna = own(ANNA, AccessSettings((kind,), KEY))
        login = ("--digest", "-u", f"{anna.user}:{anna.password.reveal()}")
        small, big = tmp_path / "small", tmp_path / "big"
        small.write_bytes(b"booted\n")
        big.write_bytes(b"x" * 20_000)
        assert (await lab.curl(f"/{LOG}", "-T", str(small)))[0] == 401
        assert (await lab.curl(f"/{LOG}", "-T", str(small), *login))[0] == 201
        assert [p.read_bytes() for p in (tmp_path / "up").rglob("*.log")] == [b"booted\n"]
        assert (await lab.curl(f"/{LOG}", *login, "-T", str(big)))[0] == 413
        for name in ("/000413bbbb02-boot.log", f"/../{LOG}", A, f"/x/{LOG}", "/etc/passwd"):
            assert (await lab.curl(name, *login, "-T", str(small)))[0] == 404, name
        assert (await lab.curl(f"/{LOG}", *login))[0] == 404, "what was put is never served"
        chunked = ("-H", "Transfer-Encoding: chunked", "-X", "POST", "--data-binary")
        assert (await lab.curl(f"/{LOG}", *login, *chunked, f"@{big}"))[0] == 413
        assert [p.read_bytes() for p in (tmp_path / "up").rglob("*") if p.is_file()] == [
            b"booted\n"
        ]
        taken = [record for record in lab.log.records if record.status == 201]
        assert [(one.handset, one.octets) for one in taken] == [("anna", 7)]


@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        (lambda f: (f / "server.pem").unlink(), "server.pem: cannot be read: No such file"),
        (lambda f: (f / "server.pem").write_text("x"), "no certificate with its key"),
        (lambda f: (f / "root.pem").write_text("x"), "root.pem: no certificates that vouch"),
        (lambda f: (f / "root.pem").unlink(), "root.pem: cannot be read"),
    ],
)
def test_files_that_are_none_are_named(tmp_path: Path, break_it, complaint: str) -> None:
    server, root = issue(tmp_path, "server"), issue(tmp_path, "root")
    other = issue(tmp_path, "other")
    settings = HttpsSettings(server.path, server.path, (ClientRoot(root.path),))
    server_tls(settings)
    with pytest.raises(UsageError, match="key values mismatch"):
        server_tls(HttpsSettings(server.path, other.path))
    break_it(tmp_path)
    with pytest.raises(UsageError, match=re.escape(complaint)) as caught:
        server_tls(settings)
    assert "\n" not in str(caught.value)


async def test_a_client_that_never_finishes_its_handshake_keeps_nobody_out(tmp_path: Path) -> None:
    async with https_lab(tmp_path) as lab:
        silent = [await asyncio.open_connection(*lab.server.address) for _ in range(50)]
        assert await lab.curl(A) == (200, b"<anna>")
        for _, writer in silent:
            writer.close()

"""Pushing to real servers: OpenSSH, nginx and lighttpd with WebDAV, a TFTP server, a full disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from peers import require_root
from push_kit import CuttingRelay, empty, lighttpd, nginx, push, small_disk, tftpd, there
from sshd_kit import SshServer, make_key, ssh_server

from provisioning.errors import RigError, UsageError
from provisioning.profile_model import FileKind, FileScope
from provisioning.push.folder_target import FolderTarget
from provisioning.push.sftp_target import SftpTarget
from provisioning.push.target import PushError, PushLost, PushTarget
from provisioning.push.tftp_target import TftpTarget
from provisioning.push.web_target import WebLogin, WebTarget
from provisioning.secret import Secret
from provisioning.ssh import SshHost, SshLogin

pytestmark = [pytest.mark.interop("push"), pytest.mark.root]


@dataclass(frozen=True)
class File:
    """A file as the renderer makes it."""

    path: str
    content: bytes
    secret: bool = True
    scope: FileScope = FileScope.HANDSET
    kind: FileKind = FileKind.SETTINGS
    handset: str = "desk"


def site(word: str, octets: int = 3000) -> list[File]:
    names = ("80:5e #ä.cfg", "Cisco/CP-8841/a.xml", "phone1.cfg", "phone2.cfg")
    return [File(name, f"{word} {name}\n".encode().ljust(octets, b".")) for name in names]


def contents(files: list[File]) -> dict[str, bytes]:
    return {file.path: file.content for file in files}


OLD, NEW = site("old"), site("new")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, int]]:
    require_root()
    folder = tmp_path_factory.mktemp("nginx")
    with nginx(folder) as (port, tls_port):
        yield folder, port, tls_port


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


def sftp(server: SshServer, folder: Path, port: int = 0) -> SftpTarget:
    login = SshLogin(server.identity, server.known_hosts(*([port] if port else [])))
    return SftpTarget(SshHost("127.0.0.1", "root", port or server.port), str(folder), login)


def went_well(target: Callable[[], PushTarget], folder: Path, record: Path) -> None:
    """First push, second push, a change, a removal."""
    first = push(target(), OLD, record)
    assert first.error is None
    assert sorted(first.delivered) == sorted(contents(OLD))
    assert there(folder) == contents(OLD)
    assert push(target(), OLD, record).delivered == []
    record.unlink()  # the target itself is looked at
    mixed = [NEW[0], *OLD[1:]]
    assert push(target(), mixed, record).delivered == [NEW[0].path]
    gone = push(target(), mixed[:-1], record, prune=True)
    assert gone.removed == [OLD[-1].path]
    assert there(folder) == contents(mixed[:-1])


def test_sftp(sshd: SshServer, served: Path, tmp_path: Path) -> None:
    went_well(lambda: sftp(sshd, served), served, tmp_path / "record")


def test_sftp_that_breaks_at_any_place_goes_on(
    sshd: SshServer, served: Path, tmp_path: Path
) -> None:
    record = tmp_path / "record"
    push(sftp(sshd, served), OLD, record)
    found = broke = 0
    for word, after in enumerate((6000, 9000, 12_000, 15_000, 18_000)):
        wanted, before = site(f"try{word}", 2000), there(served)
        with CuttingRelay(sshd.port, after) as relay:
            try:
                broken = push(sftp(sshd, served, relay.port), wanted, record.with_name("other"))
            except PushLost:
                continue
            record = record.with_name("other")
            broke += broken.error is not None
        now = {name: octets for name, octets in there(served).items() if ".part" not in name}
        assert set(now) == set(before)
        assert all(now[name] in {before[name], contents(wanted)[name]} for name in now)
        # The record knows the relay's address; what was brought is known by its name.
        known = record.read_text().replace(f":{relay.port}/", f":{sshd.port}/")
        record = tmp_path / f"record{word}"
        record.write_text(known)
        rest = push(sftp(sshd, served), wanted, record)
        assert rest.error is None
        found += len(rest.found)
        assert there(served) == contents(wanted)
    assert broke > 1
    assert found > 0


def test_sftp_refusals(sshd: SshServer, served: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"
    with pytest.raises(UsageError, match="is no folder"):
        push(sftp(sshd, served / "missing"), OLD, record)
    nobody = SftpTarget(
        SshHost("127.0.0.1", "root", sshd.port),
        str(served),
        SshLogin(sshd.identity, tmp_path / "empty"),
    )
    with pytest.raises(RigError, match=r"not known: ssh-ed25519 SHA256:.* add this line"):
        push(nobody, OLD, record)
    gone = SshLogin(tmp_path / "no key", sshd.known_hosts())
    target = SftpTarget(SshHost("127.0.0.1", "root", sshd.port), str(served), gone)
    with pytest.raises(UsageError, match="no key: the private key cannot be read: No such file"):
        push(target, OLD, record)
    make_key(tmp_path / "wrong")
    asked: list[str] = []

    def password(what: str) -> Secret:
        asked.append(what)
        return Secret("PLANTED")

    login = SshLogin(tmp_path / "wrong", sshd.known_hosts(), password)
    with pytest.raises(RigError, match="lets nobody in") as caught:
        push(SftpTarget(SshHost("127.0.0.1", "root", sshd.port), str(served), login), OLD, record)
    assert asked
    assert "PLANTED" not in str(caught.value)
    assert there(served) == {}


def test_webdav_of_nginx_over_https(web: tuple[Path, int, int], tmp_path: Path) -> None:
    folder, _, tls_port = web
    login = WebLogin(ca=folder / "cert.pem")

    def target() -> WebTarget:
        return WebTarget(f"https://127.0.0.1:{tls_port}/dav", login)

    went_well(target, folder / "dav", tmp_path / "record")
    with pytest.raises(PushLost, match="not trusted"):
        push(WebTarget(f"https://127.0.0.1:{tls_port}/dav", WebLogin()), OLD, tmp_path / "r")
    empty(folder / "dav")


def test_a_server_that_only_knows_put_is_said_to_be_so(
    web: tuple[Path, int, int], tmp_path: Path
) -> None:
    folder, port, _ = web
    target = WebTarget(f"http://127.0.0.1:{port}/put", WebLogin())
    assert push(target, OLD, tmp_path / "record").error is None
    assert "does not know MOVE" in target.caveat
    left = there(folder / "put")
    assert {name: left[name] for name in contents(OLD)} == contents(OLD)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("closed", r"answered by 405; the server takes no uploads"),
        ("basic", r"answered by 401; name the account"),
        ("nowhere", r"answered by 405"),
        ("moved", r"is redirected, which is not followed"),
    ],
)
def test_a_web_server_that_refuses_says_why(
    web: tuple[Path, int, int], tmp_path: Path, place: str, says: str
) -> None:
    target = WebTarget(f"http://127.0.0.1:{web[1]}/{place}", WebLogin())
    with pytest.raises(PushError, match=says):
        push(target, OLD, tmp_path / "record")


def test_a_wrong_password_is_called_one(web: tuple[Path, int, int], tmp_path: Path) -> None:
    target = WebTarget(f"http://127.0.0.1:{web[1]}/basic", WebLogin("deploy", Secret("wrong")))
    with pytest.raises(PushError, match="401; the server does not take the user 'deploy' with"):
        push(target, OLD, tmp_path / "record")


def test_a_file_too_large_for_the_server_leaves_all_old_ones(
    web: tuple[Path, int, int], tmp_path: Path
) -> None:
    folder, port, _ = web
    url, record = f"http://127.0.0.1:{port}/small", tmp_path / "record"
    small = [File("a.cfg", b"1"), File("b.cfg", b"2")]
    assert push(WebTarget(url, WebLogin()), small, record).error is None
    refused = push(
        WebTarget(url, WebLogin()), [File("a.cfg", b"new"), File("b.cfg", b"x" * 3000)], record
    )
    assert "413" in str(refused.error)
    assert there(folder / "small") == contents(small)


def test_http_basic_and_what_a_broken_connection_leaves(
    web: tuple[Path, int, int], tmp_path: Path
) -> None:
    folder, port, _ = web
    login, record = WebLogin("anna", Secret("quitte")), tmp_path / "record"
    flat = [file for file in OLD if "/" not in file.path]
    assert push(WebTarget(f"http://127.0.0.1:{port}/basic", login), flat, record).error is None
    wanted = [File(file.path, file.content.replace(b"old", b"new")) for file in flat]
    with CuttingRelay(port, 7000) as relay:
        url = f"http://127.0.0.1:{relay.port}/basic"
        broken = push(WebTarget(url, login), wanted, tmp_path / "other")
    assert isinstance(broken.error, PushLost)
    left = there(folder / "basic")
    assert {file.path: left[file.path] for file in flat} == contents(flat)
    empty(folder / "basic")


def test_digest_of_lighttpd(tmp_path: Path) -> None:
    folder = tmp_path / "lighttpd"
    folder.mkdir()
    with lighttpd(folder) as port:
        url = f"http://127.0.0.1:{port}/dav"
        went_well(
            lambda: WebTarget(url, WebLogin("anna", Secret("quitte"))),
            folder / "dav",
            tmp_path / "record",
        )
        with pytest.raises(PushError, match="401"):
            push(WebTarget(url, WebLogin("anna", Secret("wrong"))), OLD, tmp_path / "record")


@pytest.mark.parametrize("program", ["atftpd", "in.tftpd-hpa"])
def test_tftp(program: str, served: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"
    flat = [file for file in OLD if "/" not in file.path]
    with tftpd(program, served) as port:
        target = TftpTarget("127.0.0.1", port)
        assert sorted(push(target, flat, record).delivered) == sorted(contents(flat))
        assert there(served) == contents(flat)
        assert push(target, flat, record).delivered == []
        record.unlink()
        wanted = [File(flat[0].path, b"changed"), *flat[1:]]
        assert push(target, wanted, record).delivered == [flat[0].path]
        refused = push(target, [*wanted, File("missing/x.cfg", b"1")], record)
        assert isinstance(refused.error, PushError)
        assert refused.in_doubt == ["missing/x.cfg"]
    assert there(served) == contents(wanted)


def test_nobody_answers_over_tftp(tmp_path: Path) -> None:
    target = TftpTarget("127.0.0.1", 9, give_up_s=0.3)
    with pytest.raises(PushLost):
        push(target, OLD[:1], tmp_path / "record")


@pytest.mark.parametrize("by", ["folder", "sftp", "web"])
def test_a_full_disk_leaves_all_old_files(
    by: str, sshd: SshServer, web: tuple[Path, int, int], served: Path, tmp_path: Path
) -> None:
    folder = web[0] / "full" if by == "web" else served
    flat = [file for file in site("old", 6000) if "/" not in file.path]
    wanted = [File(file.path, b"new" * 20_000) for file in flat]

    def target() -> PushTarget:
        if by == "sftp":
            return sftp(sshd, folder)
        if by == "web":
            return WebTarget(f"http://127.0.0.1:{web[1]}/full", WebLogin())
        return FolderTarget(folder)

    old = contents(flat)
    with small_disk(folder, 96, sshd.process.pid if by == "sftp" else 0) as disk:
        assert push(target(), flat, tmp_path / "record").error is None
        full = push(target(), wanted, tmp_path / "record")
        assert isinstance(full.error, PushError)
        assert not isinstance(full.error, PushLost)
        assert full.delivered == []
        left = there(disk)
        assert {name: left[name] for name in old} == old
        if by != "web":  # nginx itself leaves what it had of the file that did not fit
            assert set(left) == set(old)
        assert push(target(), flat, tmp_path / "record").error is None

"""A capture on another host, against a real sshd and a real tcpdump."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from peers import require_root
from sshd_kit import SshServer, make_key, ssh_server

from provisioning.ssh import SshHost
from rig.capture.analysis import CaptureAnalyser
from rig.capture.remote import RemoteCapture, RemoteOptions
from rig.errors import RigError, UsageError

pytestmark = [pytest.mark.root, pytest.mark.interop("sshd")]

COUNT = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    require_root()
    with ssh_server(tmp_path_factory.mktemp("sshd")) as started:
        yield started


@pytest.fixture
def net() -> str:
    return f"127.{150 + secrets.randbelow(40)}.{1 + secrets.randbelow(250)}"


def options(server: SshServer, net: str, **other: object) -> RemoteOptions:
    wanted = {
        "interface": "lo",
        "pcap_filter": f"udp and net {net}.0/24",
        "identity": server.identity,
        "known_hosts": server.known_hosts(),
        **other,
    }
    return RemoteOptions(**wanted)  # type: ignore[arg-type]  # of several types


def send(net: str, count: int) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink,
    ):
        sink.bind((f"{net}.2", 5060))
        sock.bind((f"{net}.3", 5060))
        for nth in range(count):
            text = (
                f"OPTIONS sip:a@b.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{nth}\r\n"
                f"From: <sip:c@d.example>;tag=1\r\nTo: <sip:a@b.example>\r\nCall-ID: r-{nth}\r\n"
                "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
            sock.sendto(text.encode(), sink.getsockname())


def wait_for(happened: Callable[[], bool], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_what_happens_on_the_far_host_is_seen_here(server: SshServer, net: str) -> None:
    target = SshHost.parse(server.target)
    analyser = CaptureAnalyser(Path("far"))
    with RemoteCapture(target, options(server, net)) as remote:
        assert len(server.tcpdumps()) == 1
        send(net, COUNT)
        for frame in remote.frames():
            analyser.feed(frame)
            # On loopback each datagram is captured twice: as it leaves and as it arrives.
            if analyser.result.frames == COUNT:
                remote.stop()
        assert (remote.ended_badly, remote.dropped) == ("", 0)
        assert remote.clock_offset_s is not None
        assert abs(remote.clock_offset_s) < 5
    assert analyser.finish().methods == {"OPTIONS": COUNT}
    assert wait_for(lambda: not server.tcpdumps(), 5)


def test_leaving_early_ends_the_far_process(server: SshServer, net: str) -> None:
    with RemoteCapture(SshHost.parse(server.target), options(server, net)):
        assert len(server.tcpdumps()) == 1
    assert wait_for(lambda: not server.tcpdumps(), 5)


def test_a_link_that_breaks_ends_both_sides(server: SshServer, net: str) -> None:
    """The far side of the connection dies: what came is given, and the reason is told."""
    with RemoteCapture(SshHost.parse(server.target), options(server, net)) as remote:
        send(net, 10)
        frames = remote.frames()
        assert len([next(frames) for _ in range(10)]) == 10
        transport = remote._client.get_transport()
        assert transport is not None
        transport.sock.shutdown(socket.SHUT_RDWR)
        assert list(frames) == []
        assert "the link to [127.0.0.1]" in remote.ended_badly
        assert wait_for(lambda: not server.tcpdumps(), 5)


def test_a_link_that_goes_silent_ends_both_sides(server: SshServer, net: str) -> None:
    """No octet passes any more and nobody says so: a cable was pulled."""
    wanted = options(server, net, silence_s=2)
    with RemoteCapture(SshHost.parse(server.target), wanted) as remote:
        assert len(server.tcpdumps()) == 1
        remote._over.set()  # our signs of life stop
        assert wait_for(lambda: not server.tcpdumps(), 8)
    with RemoteCapture(SshHost.parse(server.target), wanted) as remote:
        sessions = [
            pid for pid in server.children()
            if Path(f"/proc/{pid}/comm").read_text().strip() in {"sshd", "sshd-session"}
        ]  # fmt: skip
        for pid in sessions:
            os.kill(pid, signal.SIGSTOP)  # the far signs of life stop
        try:
            assert list(remote.frames()) == []
            assert "the link to [127.0.0.1]" in remote.ended_badly
        finally:
            for pid in sessions:
                os.kill(pid, signal.SIGCONT)
    assert wait_for(lambda: not server.tcpdumps(), 8)


def test_an_unknown_host_key_is_refused_with_its_fingerprint(
    server: SshServer, net: str, tmp_path: Path
) -> None:
    empty = tmp_path / "known_hosts"
    with (
        pytest.raises(RigError) as caught,
        RemoteCapture(SshHost.parse(server.target), options(server, net, known_hosts=empty)),
    ):
        pass  # pragma: no cover
    line = server.known_hosts().read_text().strip()
    assert str(caught.value).endswith(f"add this line to {empty}: {line}")
    assert "ssh-ed25519 SHA256:" in str(caught.value)
    assert not empty.exists()


def test_another_host_key_is_refused(server: SshServer, net: str, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    kind, key, *_ = (tmp_path / "other.pub").read_text().split()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {kind} {key}\n")
    with (
        pytest.raises(RigError, match=r"another one than .* Somebody may be in between"),
        RemoteCapture(SshHost.parse(server.target), options(server, net, known_hosts=known)),
    ):
        pass  # pragma: no cover


def test_a_key_that_does_not_open_is_refused(server: SshServer, net: str, tmp_path: Path) -> None:
    make_key(tmp_path / "wrong")
    asked: list[str] = []

    def password(what: str) -> str:
        asked.append(what)
        return "PLANTED"

    wanted = options(server, net, identity=tmp_path / "wrong", password=password)
    with (
        pytest.raises(RigError, match="lets nobody in") as caught,
        RemoteCapture(SshHost.parse(server.target), wanted),
    ):
        pass  # pragma: no cover
    assert asked == [f"password for [127.0.0.1]:{server.port}"]
    assert "PLANTED" not in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"interface": "nosuch0"}, "nosuch0"),
        ({"pcap_filter": "udp and and"}, "syntax error"),
        ({"pcap_filter": '$(touch /x) `id` "'}, "syntax error|illegal"),
    ],
)
def test_what_tcpdump_refuses_is_told(
    server: SshServer, net: str, wanted: dict[str, object], says: str
) -> None:
    with (
        pytest.raises(RigError, match=f"tcpdump on .*({says})"),
        RemoteCapture(SshHost.parse(server.target), options(server, net, **wanted)),
    ):
        pass  # pragma: no cover
    assert not Path("/x").exists()
    assert not server.tcpdumps()


def test_nobody_answers(server: SshServer, net: str) -> None:
    with (
        pytest.raises(RigError, match=r"no SSH with .*: Unable to connect.*is its server up"),
        RemoteCapture(SshHost("127.0.0.1", "root", 9), options(server, net)),
    ):
        pass  # pragma: no cover


def test_targets() -> None:
    assert SshHost.parse("root@pbx.example") == SshHost("pbx.example", "root", 22)
    assert SshHost.parse("pbx:2222") == SshHost("pbx", None, 2222)
    assert SshHost.parse("a@[2001:db8::1]:24") == SshHost("2001:db8::1", "a", 24)
    assert SshHost("pbx", None, 2222).known_name == "[pbx]:2222"
    for wrong in ("", "a@", "a b@c", "host:0", "host:99999", "-oProxyCommand=x", "host:x"):
        with pytest.raises(UsageError, match="--ssh is"):
            SshHost.parse(wrong)

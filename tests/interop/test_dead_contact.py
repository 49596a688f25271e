"""A phone that is gone: Kamailio tells it of a message, and the kernel says that nobody listens.

What a technician's capture of that says is judged, not a capture that we wrote.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

from kamailio_peer import NOTIFIER, Kamailio
from peers import require_root

SUMMARY = "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n"
SEEN_BY_S = 3.0
"""Kamailio tells at once, and the kernel answers at once."""


def request(method: str, server: int, phone: int, rows: str, body: str = "") -> bytes:
    return (
        f"{method} sip:anna@127.0.0.1:{server} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:{phone};branch=z9hG4bK{method}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:anna@127.0.0.1>;tag={method}\r\nTo: <sip:anna@127.0.0.1>\r\n"
        f"Call-ID: {method}{phone}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:anna@127.0.0.1:{phone}>\r\nEvent: message-summary\r\nExpires: 600\r\n"
        f"{rows}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def answer(message: bytes) -> bytes:
    """A 200 to a NOTIFY."""
    rows = message.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    kept = [
        r for r in rows if r.lower().startswith((b"via", b"from", b"to:", b"call-id", b"cseq"))
    ]
    return b"\r\n".join((b"SIP/2.0 200 OK", *kept, b"Content-Length: 0", b"", b""))


def subscribe_and_leave(server: int) -> int:
    """A phone that subscribes, takes its first NOTIFY and is switched off; gives its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(10)
        phone.bind(("127.0.0.1", 0))
        port: int = phone.getsockname()[1]
        phone.sendto(request("SUBSCRIBE", server, port, ""), ("127.0.0.1", server))
        while not (message := phone.recv(65_535)).startswith(b"NOTIFY"):
            assert b" 20" in message[:14], message
        phone.sendto(answer(message), ("127.0.0.1", server))
    return port


def publish(server: int) -> None:
    """Somebody leaves a message."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.settimeout(10)
        caller.bind(("127.0.0.1", 0))
        kind = "Content-Type: application/simple-message-summary\r\n"
        told = request("PUBLISH", server, caller.getsockname()[1], kind, SUMMARY)
        caller.sendto(told, ("127.0.0.1", server))
        assert caller.recv(65_535).startswith(b"SIP/2.0 200")


async def test_a_dead_contact_is_named_by_what_the_kernel_says(tmp_path: Path) -> None:
    require_root()
    async with Kamailio(tmp_path, NOTIFIER) as kamailio:
        server = kamailio.address[1]
        capture = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rig.cli", "capture", "analyze", "--live", "lo"),
            *("--filter", f"udp port {server} or icmp", "--json"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert capture.stderr is not None
        try:
            async with asyncio.timeout(60):
                assert b"capturing on lo" in await capture.stderr.readline()
                await asyncio.sleep(1.0)
                phone = await asyncio.to_thread(subscribe_and_leave, server)
                await asyncio.to_thread(publish, server)
                await asyncio.sleep(SEEN_BY_S)
                capture.send_signal(signal.SIGINT)
                out, _ = await capture.communicate()
        finally:
            if capture.returncode is None:
                capture.kill()
                await capture.wait()
    findings = json.loads(out)["findings"]
    named = [f for f in findings if f["oracle"] == "refused-port" and f":{phone}:" in f["text"]]
    assert [f["severity"] for f in named] == ["warning"], findings
    assert f"nobody listens at 127.0.0.1:{phone}" in named[0]["text"]
    assert "NOTIFY" in named[0]["text"]
    assert f"an 127.0.0.1:{phone} hört niemand" in named[0]["text_de"]

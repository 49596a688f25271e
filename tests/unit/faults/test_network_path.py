"""The relay between handset and platform: drops, alters, doubles and delays what passes."""

from __future__ import annotations

import asyncio
import socket

from rig.faults.network import NetworkPath, Passed

HOST = "127.0.0.1"


async def test_what_a_hook_says_is_what_passes() -> None:
    loop = asyncio.get_running_loop()

    def hook(payload: bytes, towards_handset: bool) -> Passed:
        if payload == b"lost":
            return None
        if payload == b"none":
            return ()
        if payload == b"late":
            return ((0.02, b"second"), (0.0, b"first"))
        return payload + (b" down" if towards_handset else b" up")

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as platform,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handset,
    ):
        for end in (platform, handset):
            end.setblocking(False)
            end.bind((HOST, 0))
        path = NetworkPath(platform.getsockname(), host=HOST, hook=hook)
        await path.start()
        for packet in (b"lost", b"none", b"hello", b"late"):
            await loop.sock_sendto(handset, packet, path.address)
        got = [await asyncio.wait_for(loop.sock_recvfrom(platform, 99), 2) for _ in range(3)]
        assert [data for data, _ in got] == [b"hello up", b"first", b"second"]
        assert path.dropped == 2
        await loop.sock_sendto(platform, b"back", got[0][1])
        back = await asyncio.wait_for(loop.sock_recv(handset, 99), 2)
        assert back == b"back down"
        await loop.sock_sendto(platform, b"late", got[0][1])
        assert await asyncio.wait_for(loop.sock_recv(handset, 99), 2) == b"first"
        await path.close()
        await asyncio.sleep(0.04)  # what was still to come goes nowhere, and breaks nothing

"""Netstrings in pieces, junk, and the control connection against a small server."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import RemoteProtocolError, RigError
from rig.handset.softphone_control import NetstringReader, SoftphoneControl, netstring


@given(
    contents=st.lists(st.binary(max_size=200), max_size=10),
    cuts=st.lists(st.integers(1, 50), min_size=1, max_size=20),
)
def test_netstrings_survive_any_cutting(contents, cuts):
    stream = b"".join(map(netstring, contents))
    reader = NetstringReader()
    found, index = [], 0
    while stream:
        cut = cuts[index % len(cuts)]
        found += reader.feed(stream[:cut])
        stream = stream[cut:]
        index += 1
    assert found == contents


@pytest.mark.parametrize("junk", [b"abc:", b"-1:,", b"123456789:", b"3:abcd", b"9999999:", b":,"])
def test_what_is_no_netstring_is_refused(junk):
    with pytest.raises(RemoteProtocolError, match="no netstring"):
        NetstringReader().feed(junk)


async def serve(answer):
    """A control server on a free port; ``answer`` gives the messages for one command."""

    async def client(reader, writer):
        netstrings = NetstringReader()
        while data := await reader.read(1000):
            for content in netstrings.feed(data):
                for message in answer(json.loads(content)):
                    writer.write(netstring(json.dumps(message).encode()))
        writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[:2]


async def test_answers_are_matched_by_token_and_events_told():
    def answer(command):
        yield {"event": True, "type": "MWI_NOTIFY"}
        yield {"response": True, "ok": True, "data": "other", "token": "stranger"}
        ok = command["command"] == "dial"
        yield {"response": True, "ok": ok, "data": command["params"], "token": command["token"]}

    events = []
    server, address = await serve(answer)
    control = SoftphoneControl(events.append)
    await control.connect(address)
    dialled = await control.command("dial", "*97")
    refused = await control.command("nonsense")
    await control.close()
    await control.close()
    server.close()
    assert (dialled.ok, dialled.text) == (True, "*97")
    assert not refused.ok
    assert [event["type"] for event in events] == ["MWI_NOTIFY", "MWI_NOTIFY"]


async def test_silence_and_a_lost_connection_are_rig_errors():
    server, address = await serve(lambda _: [])
    control = SoftphoneControl(lambda _: None)
    with pytest.raises(RigError, match="not connected"):
        await control.command("dial")
    await control.connect(address)
    with pytest.raises(RigError, match="no answer to dial"):
        await control.command("dial", timeout_s=0.05)
    await control.close()
    server.close()

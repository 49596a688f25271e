"""Twinkle as a judge of bodies: it refuses a NOTIFY that is not as RFC 3842 wants it.

Of the packaged softphones it is the one that parses the body, both inside a subscription and
outside (one setting of its profile), so its status codes say whether our bodies are right.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from peers import require_root
from small_registrar import SmallRegistrar, body
from twinkle_peer import twinkle_console

from rig.handset.netns import own_network_namespace
from rig.sip.message_summary import Counts, MessageSummary

GOOD = [
    body(0),
    body(1),
    body(2, 5),
    MessageSummary(True, "sip:*97@demo.example", Counts(2, 8, 1, 2)).to_bytes(),
    MessageSummary(True, None, Counts(1, 0), {"fax-message": Counts(1, 0, 0, 0)}).to_bytes(),
    MessageSummary(False).to_bytes(),
]
BAD = [b"Voice-Message: 1/0 (0/0)\r\n", b"there is a message for you"]


@pytest.fixture
def namespace():
    require_root()
    with own_network_namespace():
        yield


@contextlib.asynccontextmanager
async def twinkle(home, *, subscribes):
    """Twinkle's console on a small registrar."""
    registrar = SmallRegistrar(first_body=body(0))
    await registrar.start()
    try:
        async with twinkle_console(home, registrar.address, subscribes=subscribes):
            await registrar.wait_for("REGISTER", timeout_s=20)
            if subscribes:
                await registrar.wait_subscribed(20)
                await asyncio.sleep(0.3)
            yield registrar
    finally:
        await registrar.close()


@pytest.mark.interop(peer="twinkle-console")
@pytest.mark.root
async def test_twinkle_accepts_our_bodies_in_its_subscription_and_refuses_bad_ones(
    namespace, tmp_path
):
    async with twinkle(tmp_path, subscribes=True) as registrar:
        asked = registrar.subscriptions[0].request
        assert asked.event == ("message-summary", {})
        assert [await registrar.notify(content) for content in GOOD] == [200] * len(GOOD)
        assert [await registrar.notify(content) for content in BAD] == [400] * len(BAD)
        assert await registrar.notify(body(1), content_type="text/plain") == 415


@pytest.mark.interop(peer="twinkle-console")
@pytest.mark.root
async def test_twinkle_accepts_our_unsolicited_bodies_and_refuses_bad_ones(namespace, tmp_path):
    async with twinkle(tmp_path, subscribes=False) as registrar:
        good = [await registrar.notify_unsolicited("1002", content) for content in GOOD]
        bad = [await registrar.notify_unsolicited("1002", content) for content in BAD]
        assert good == [200] * len(GOOD)
        assert bad == [400] * len(BAD)
        assert registrar.count("SUBSCRIBE") == 0


@pytest.mark.interop(peer="twinkle-console")
@pytest.mark.root
async def test_twinkle_refuses_unsolicited_bodies_when_it_subscribes(namespace, tmp_path):
    async with twinkle(tmp_path, subscribes=True) as registrar:
        assert await registrar.notify_unsolicited("1002", body(1)) == 403

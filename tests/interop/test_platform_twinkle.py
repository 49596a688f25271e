"""Twinkle at the real platform: it judges the body of every NOTIFY, subscribed or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from peers import require_peer, require_root
from platform_kit import ANNA, CARL, DORA, Phone, leave_message, make_site
from rule_watch import RuleWatch
from twinkle_peer import twinkle_console

from rig.handset.netns import own_network_namespace
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.message_summary import Counts, parse_summary
from rig.sip.parser import parse_message
from rig.timeline import Address

pytestmark = [
    pytest.mark.interop(peer="twinkle-console"),
    pytest.mark.root,
    pytest.mark.parametrize("subscribes", [True, False], ids=["subscribed", "unsolicited"]),
]


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    require_root()
    require_peer("twinkle-console")
    with own_network_namespace():
        yield


class Judge(PlatformHook):
    """Twinkle as the platform sees it; and, on demand, a platform that damages its bodies.

    Attributes:
        bodies: of the NOTIFYs sent, by CSeq and Call-ID.
        damage: applied to the body of every NOTIFY.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[tuple[str, int], bytes]] = []
        self.answers: dict[tuple[str, int], int] = {}
        self.damage: Callable[[bytes], bytes] | None = None
        self.watch = RuleWatch()

    def outgoing(
        self, message: Request | Response, flow: Flow
    ) -> Request | Response | bytes | None:
        del flow
        if isinstance(message, Request) and message.method == "NOTIFY":
            if self.damage is not None:
                message.body = self.damage(message.body)
            key = message.call_id, message.cseq.number
            if key not in dict(self.sent):
                self.sent.append((key, message.body))
        return message

    def tap(
        self, transport: str, source: Address, to: Address, data: bytes, leaves: bool, at: float
    ) -> None:
        self.watch.tap(transport, source, to, data, leaves, at)
        if not leaves and data.startswith(b"SIP/2.0"):
            answer = parse_message(data)
            if isinstance(answer, Response) and answer.cseq.method == "NOTIFY":
                self.answers[answer.call_id, answer.cseq.number] = answer.status

    @property
    def verdicts(self) -> list[int]:
        """What it answered to each NOTIFY, in order; shorter while answers are missing."""
        return [self.answers[key] for key, _ in self.sent if key in self.answers]


@asynccontextmanager
async def judged(
    folder: Path, *, subscribes: bool
) -> AsyncIterator[tuple[EmbeddedPlatform, Judge]]:
    """A platform with Anna's (subscribes) or Carl's (unsolicited) Twinkle on it."""
    judge = Judge()
    platform = EmbeddedPlatform(
        make_site(),
        store_dir=folder / "store",
        hook=judge,
        tap=judge.tap,
        config=PlatformConfig(seconds_per_ring=0.2, warn_without_mail=False),
    )
    await platform.start()
    user = platform.site.users[ANNA if subscribes else CARL]
    try:
        async with twinkle_console(
            folder / "home",
            platform.sip_address,
            subscribes=subscribes,
            user=user.sip_user,
            auth_user=user.auth_user,
            password=user.password.reveal(),
        ):
            await until(lambda: len(judge.verdicts) == 1)
            yield platform, judge
        assert platform.internal_errors == 0
        if judge.damage is None:
            judge.watch.check()
    finally:
        await platform.stop()


async def until(reached: Callable[[], bool], timeout_s: float = 30) -> None:
    async with asyncio.timeout(timeout_s):
        while not reached():  # noqa: ASYNC110 - another program tells nobody
            await asyncio.sleep(0.02)


async def test_it_accepts_what_the_platform_says_of_messages_that_come_and_go(
    subscribes: bool, tmp_path: Path
) -> None:
    async with judged(tmp_path, subscribes=subscribes) as (platform, judge):
        owner = ANNA if subscribes else CARL
        assert platform.subscriptions == int(subscribes)
        caller = await Phone(platform, platform.site.users[DORA]).open()
        await leave_message(caller, owner)  # Twinkle has no sound here: nobody answers
        await caller.close()
        await until(lambda: len(judge.verdicts) == 2)
        (message,) = platform.store.messages(owner)
        platform.store.add(owner, DORA, bytes(16000), urgent=True)
        await until(lambda: len(judge.verdicts) == 3)
        platform.store.mark_heard(message.message_id)
        await until(lambda: len(judge.verdicts) == 4)
        platform.store.clear(owner)
        await until(lambda: len(judge.verdicts) == 5)
        assert judge.verdicts == [200] * 5
        voices = [parse_summary(body).voice for _, body in judge.sent]
        assert voices == [
            Counts(0, 0, 0, 0),
            Counts(1, 0, 0, 0),
            Counts(2, 0, 1, 0),
            Counts(1, 1, 1, 0),
            Counts(0, 0, 0, 0),
        ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body.partition(b"\r\n")[2],
        lambda _: b"you have mail\r\n",
        lambda body: body.replace(b"Messages-Waiting: yes", b"Messages-Waiting= yes"),
    ],
    ids=["no status line", "junk", "no colon"],
)
async def test_it_refuses_a_body_that_the_platform_was_made_to_damage(
    subscribes: bool, damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    """The judge can fail: the platform's own NOTIFY with nothing wrong but its body."""
    async with judged(tmp_path, subscribes=subscribes) as (platform, judge):
        judge.damage = damage
        platform.store.add(ANNA if subscribes else CARL, DORA, bytes(16000))
        await until(lambda: len(judge.verdicts) == 2)
        assert judge.verdicts == [200, 400]
    of_us, _ = judge.watch.findings()
    assert {finding.group for finding in of_us} == {"body"}  # the oracles say so too

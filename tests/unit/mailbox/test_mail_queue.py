"""The queue of mails in simulated time: what waits, what is given up, what a crash leaves."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from platform_kit import CARL, DORA, make_site

from rig.errors import RigError
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig
from rig.mailbox_platform.embedded.mail.mail_delivery import MailDelivery
from rig.mailbox_platform.embedded.mail.mail_message import LeftMessage, MailComposer
from rig.mailbox_platform.embedded.mail.mail_queue import MailQueue, MailState, QueuedMail
from rig.mailbox_platform.embedded.mail.mail_rules import MailPurpose, mails_for
from rig.mailbox_platform.embedded.mail.mail_service import MailService, release_redirects, rescue
from rig.mailbox_platform.embedded.mail.mail_transport import Attempt, AttemptResult
from rig.mailbox_platform.embedded.settings import Settings
from rig.mailbox_platform.embedded.store.store import MessageStore

ALL = mails_for(
    MailboxOptions(email_redirect="r@a.example", email_copy="c@a.example", email_notify="n@a.exam")
)
REDIRECT, COPY, NOTICE = ALL
LEFT = LeftMessage("m1", CARL, DORA, "Dora", 1000.0, 2.0, redirected=True)
PCM = b"\1\0" * 8000
LATER = Attempt(AttemptResult.LATER, "451 later")
DOWN = Attempt(AttemptResult.SERVER_DOWN, "refused")
NEVER = Attempt(AttemptResult.REFUSED, "550 never")
TAKEN = Attempt(AttemptResult.ACCEPTED)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[MailQueue]:
    queue = MailQueue(tmp_path)
    yield queue
    queue.close()


def message(number: int) -> LeftMessage:
    return replace(LEFT, message_id=f"m{number}")


def test_r33_what_is_queued_is_due_at_once_and_once(queue: MailQueue) -> None:
    queue.enqueue(LEFT, ALL, PCM, 1000.0)
    queue.enqueue(LEFT, ALL, PCM, 1001.0)
    due = queue.due(1000.0)
    assert [mail.purpose for mail in due] == [m.purpose for m in ALL]
    assert {mail.left for mail in due} == {LEFT}
    assert queue.due(999.0) == ()


def test_r33_audio_is_kept_only_for_mails_that_attach_it(queue: MailQueue) -> None:
    queue.enqueue(message(1), [NOTICE], PCM, 0)
    queue.enqueue(message(2), [COPY], PCM, 0)
    assert queue.audio("m1") is None
    assert queue.audio("m2") == PCM
    assert queue.audio("m3") is None


@pytest.mark.parametrize("settle", ["delivered", "failed"])
def test_r35_audio_goes_with_the_last_mail_that_needs_it(queue: MailQueue, settle: str) -> None:
    queue.enqueue(LEFT, ALL, PCM, 0)
    redirect, copy, _notice = queue.due(0)
    queue.delivered(redirect, 1)
    assert queue.audio("m1") == PCM
    if settle == "delivered":
        queue.delivered(copy, 1)
    else:
        queue.failed(copy, 1, "550 no")
    assert queue.audio("m1") is None
    assert [mail.purpose for mail in queue.due(1)] == [MailPurpose.NOTICE]


def test_r33_a_settled_mail_stays_settled(queue: MailQueue) -> None:
    queue.enqueue(LEFT, [NOTICE], None, 0)
    (mail,) = queue.due(0)
    queue.delivered(mail, 1)
    queue.deferred(mail, 2, 3, "late")
    queue.failed(mail, 4, "late")
    (record,) = queue.records()
    assert (record.state, record.attempts, record.at, record.reason) == (
        MailState.DELIVERED, 1, 1, "",
    )  # fmt: skip
    assert queue.next_due_at() is None


def test_r33_a_deferred_mail_waits_for_its_time(queue: MailQueue) -> None:
    queue.enqueue(LEFT, [NOTICE], None, 0)
    (mail,) = queue.due(0)
    queue.deferred(mail, 0, 8, "451 later")
    assert queue.next_due_at() == 8
    assert queue.due(7.9) == ()
    (again,) = queue.due(8)
    assert again.attempts == 1


def test_r35_messages_that_wait_by_mailbox(queue: MailQueue) -> None:
    queue.enqueue(message(1), ALL, PCM, 0)
    queue.enqueue(replace(message(2), mailbox="+491"), ALL, PCM, 0)
    queue.enqueue(message(3), [COPY], PCM, 0)
    assert [m.left.message_id for m in queue.waiting_redirects(CARL)] == ["m1"]
    assert len(queue.waiting_redirects()) == 2
    assert len(queue.records(CARL)) == 4
    assert len(queue.records()) == 7


def test_r33_a_lone_surrogate_in_a_name_does_not_stop_the_mail(queue: MailQueue) -> None:
    queue.enqueue(replace(LEFT, caller_name="a\ud800b\0"), [NOTICE], None, 0)
    assert queue.due(0)[0].left.caller_name.startswith("a?b")


def crash(folder: Path, copy: Path) -> Path:
    """The files as they are on disk while their owner still has them open."""
    shutil.copytree(folder, copy)
    return copy


def test_r33_a_crash_keeps_what_was_queued_and_what_was_settled(tmp_path: Path) -> None:
    queue = MailQueue(tmp_path / "a")
    assert queue.closed_well
    queue.enqueue(LEFT, ALL, PCM, 0)
    queue.delivered(queue.due(0)[0], 1)
    after = MailQueue(crash(tmp_path / "a", tmp_path / "b"))
    assert not after.closed_well
    assert [mail.purpose for mail in after.due(1)] == [MailPurpose.COPY, MailPurpose.NOTICE]
    assert after.audio("m1") == PCM
    after.close()
    again = MailQueue(tmp_path / "b")
    assert again.closed_well
    again.close()
    queue.close()
    queue.close()


def test_r33_a_clock_set_back_delays_no_mail_for_long(queue: MailQueue) -> None:
    queue.enqueue(LEFT, [NOTICE], None, 1_000_000)
    assert queue.due(500_000) == ()
    queue.begin(500_000, 60, 100, [])
    assert queue.next_due_at() == 500_060


def test_r33_old_records_go_and_waiting_mails_stay(queue: MailQueue) -> None:
    for number in (1, 2, 3):
        queue.enqueue(message(number), [NOTICE], None, 0)
    first, second, _third = queue.due(0)
    queue.delivered(first, 10)
    queue.failed(second, 50, "550 no")
    queue.begin(100, 3600, 60, ["m1"])
    assert [r.message_id for r in queue.records()] == ["m2", "m3"]
    assert queue.knows("m1")  # it is in the store still: its mail must not be sent anew
    queue.begin(1000, 3600, 60, [])
    assert [r.message_id for r in queue.records()] == ["m3"]
    assert not queue.knows("m1")


def test_r33_another_version_is_refused(tmp_path: Path) -> None:
    MailQueue(tmp_path).close()
    with sqlite3.connect(tmp_path / "mail.sqlite") as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(RigError, match="schema version 9, expected 1; move the file away"):
        MailQueue(tmp_path)


def test_r33_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RigError, match="give a folder that can be written"):
        MailQueue(tmp_path / "file")


def test_r33_no_queue_without_its_audio(tmp_path: Path) -> None:
    """What cannot be kept is not half kept."""
    queue = MailQueue(tmp_path)
    queue.enqueue(LEFT, ALL, PCM, 0)
    with sqlite3.connect(tmp_path / "mail.sqlite") as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON mail BEGIN SELECT RAISE(FAIL, 'x'); END")
    db.close()
    with pytest.raises(RigError, match="not queued"):
        queue.enqueue(message(2), ALL, PCM, 0)
    assert not queue.knows("m2")
    queue.close()


# -- delivery in simulated time -----------------------------------------------------------


class ScriptedTransport:
    """Answers attempts as told; 250 when used up."""

    def __init__(self, *script: Attempt) -> None:
        self.script = list(script)
        self.sent: list[tuple[float, str, bytes]] = []
        self.clock: Callable[[], float] = float
        self.asked = asyncio.Event()

    async def send(
        self, recipient: str, content: bytes, on_accepted: Callable[[], None]
    ) -> Attempt:
        self.sent.append((self.clock(), recipient, content))
        self.asked.set()
        attempt = self.script.pop(0) if self.script else TAKEN
        if attempt is TAKEN:
            on_accepted()
        return attempt


class Office:
    """A queue, a scripted server, and a clock that is set by hand."""

    def __init__(self, queue: MailQueue, *script: Attempt, attempts: int = 5) -> None:
        self.now = 1000.0
        self.queue = queue
        self.transport = ScriptedTransport(*script)
        self.transport.clock = self.clock
        self.given_up: list[QueuedMail] = []
        self.refuse_giving_up = False
        self.delivery = MailDelivery(
            queue,
            MailComposer(make_site(), "m@pbx.example"),
            self.transport,
            MailConfig(host="x", sender="m@pbx.example", attempts=attempts, longest_wait_s=4),
            on_given_up=self._given_up,
            clock=self.clock,
        )

    def clock(self) -> float:
        return self.now

    def _given_up(self, mail: QueuedMail) -> None:
        if self.refuse_giving_up:
            raise RigError("disk full")
        self.given_up.append(mail)

    async def run(self, until: float) -> None:
        """Let time pass, from one due mail to the next."""
        while (due_at := self.queue.next_due_at()) is not None and due_at <= until:
            self.now = max(self.now, due_at)
            assert await self.delivery.deliver_due() > 0


@pytest.mark.parametrize("steps", range(6))
async def test_r33_delivery_stops_however_close_the_news_come(
    queue: MailQueue, steps: int
) -> None:
    office = Office(queue, LATER)
    queue.enqueue(LEFT, [NOTICE], None, 1000)
    office.delivery.start()
    async with asyncio.timeout(5):
        await office.transport.asked.wait()  # from now on it waits for news, with a limit
    for _ in range(4):
        await asyncio.sleep(0)
    office.delivery.wake()
    for _ in range(steps):
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await office.delivery.stop()
    office.delivery.wake()
    await asyncio.sleep(0)
    assert len(office.transport.sent) == 1


async def test_r33_back_off_in_time(queue: MailQueue) -> None:
    office = Office(queue, LATER, LATER, LATER, LATER, TAKEN)
    queue.enqueue(LEFT, [COPY], PCM, 1000)
    await office.run(2000)
    assert [at for at, _, _ in office.transport.sent] == [1000, 1001, 1003, 1007, 1011]
    assert len({content for _, _, content in office.transport.sent}) == 1
    (record,) = queue.records()
    assert (record.state, record.attempts) == (MailState.DELIVERED, 5)


@pytest.mark.parametrize("failure", [LATER, DOWN])
async def test_r33_given_up_after_so_many_attempts(queue: MailQueue, failure: Attempt) -> None:
    office = Office(queue, *[failure] * 9, attempts=3)
    queue.enqueue(LEFT, [NOTICE], None, 1000)
    await office.run(9000)
    (record,) = queue.records()
    assert (record.state, record.attempts, record.reason) == (
        MailState.FAILED, 3, failure.reason,
    )  # fmt: skip
    assert [mail.purpose for mail in office.given_up] == [MailPurpose.NOTICE]


async def test_r33_refused_is_given_up_at_once_and_the_others_go_on(queue: MailQueue) -> None:
    office = Office(queue, NEVER, TAKEN, TAKEN)
    queue.enqueue(LEFT, ALL, PCM, 1000)
    await office.run(1000)
    assert [r.state for r in queue.records()] == ["failed", "delivered", "delivered"]
    assert [m.purpose for m in office.given_up] == [MailPurpose.REDIRECT]


async def test_r33_a_server_that_is_down_is_asked_once_a_round(queue: MailQueue) -> None:
    office = Office(queue, DOWN)
    for number in range(10):
        queue.enqueue(message(number), [NOTICE], None, 1000)
    assert await office.delivery.deliver_due() == 10
    assert len(office.transport.sent) == 1
    assert {r.attempts for r in queue.records()} == {1}
    await office.run(1001)
    assert {r.state for r in queue.records()} == {MailState.DELIVERED}


async def test_r35_what_cannot_be_rescued_keeps_waiting(queue: MailQueue) -> None:
    office = Office(queue, *[NEVER] * 20)
    office.refuse_giving_up = True
    queue.enqueue(LEFT, [REDIRECT], PCM, 1000)
    await office.run(1020)
    (record,) = queue.records()
    assert record.state is MailState.WAITING
    assert record.attempts > 5
    assert queue.audio("m1") == PCM
    office.refuse_giving_up = False
    await office.run(1030)
    assert queue.records()[0].state is MailState.FAILED


@settings(deadline=None)
@given(st.lists(st.sampled_from([LATER, DOWN, NEVER, TAKEN]), max_size=30))
def test_r33_whatever_the_server_says_every_mail_ends_once(
    tmp_path_factory: pytest.TempPathFactory, script: list[Attempt]
) -> None:
    import asyncio  # noqa: PLC0415 - hypothesis runs outside of the loop

    async def whole_story() -> None:
        queue = MailQueue(tmp_path_factory.mktemp("mail"), durable=False)
        office = Office(queue, *script)
        for number in range(3):
            queue.enqueue(message(number), ALL, PCM, 1000)
        await office.run(1_000_000)
        records = queue.records()
        assert {r.state for r in records} <= {MailState.DELIVERED, MailState.FAILED}
        failed = [r for r in records if r.state is MailState.FAILED]
        assert len(office.given_up) == len(failed)
        assert all(r.attempts <= 5 for r in records)
        assert all(queue.audio(f"m{number}") is None for number in range(3))
        queue.close()

    asyncio.run(whole_story())


# -- the message of a mail that failed ----------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MessageStore]:
    store = MessageStore(tmp_path / "store")
    yield store
    store.close()


def test_r35_rescued_once_with_its_own_time(queue: MailQueue, store: MessageStore) -> None:
    queue.enqueue(LEFT, ALL, PCM, 2000)
    (mail,) = queue.waiting_redirects()
    rescue(mail, queue, store)
    rescue(mail, queue, store)
    (kept,) = store.messages(CARL)
    assert (kept.message_id, kept.caller, kept.at) == ("m1", DORA, 1000.0)
    assert store.audio("m1") == PCM


def test_r34_copies_and_notices_are_not_rescued(queue: MailQueue, store: MessageStore) -> None:
    queue.enqueue(LEFT, [COPY, NOTICE], PCM, 0)
    for mail in queue.due(0):
        rescue(mail, queue, store)
    assert store.messages(CARL) == ()


def test_r35_released_when_there_is_no_mail_any_more(store: MessageStore, tmp_path: Path) -> None:
    release_redirects(tmp_path / "nothing", store, lambda: 5.0)
    assert not (tmp_path / "nothing").exists()
    queue = MailQueue(tmp_path)
    queue.enqueue(LEFT, ALL, PCM, 0)
    queue.close()
    for _ in range(2):
        release_redirects(tmp_path, store, lambda: 5.0)
    assert len(store.messages(CARL)) == 1
    queue = MailQueue(tmp_path)
    states = {r.purpose: r.state for r in queue.records()}
    queue.close()
    assert states == {
        MailPurpose.REDIRECT: MailState.FAILED,
        MailPurpose.COPY: MailState.WAITING,
        MailPurpose.NOTICE: MailState.WAITING,
    }


class Life:
    """A mail service on a folder, whose mail server is never reached."""

    def __init__(self, folder: Path, *, notify: bool = True) -> None:
        site = make_site()
        settings = Settings(site)
        options = MailboxOptions(email_notify="n@a.example" if notify else None)
        settings.set_options(CARL, options)
        self.store = MessageStore(folder)
        self.service = MailService(
            site=site,
            settings=settings,
            store=self.store,
            folder=folder,
            config=MailConfig(host="127.0.0.1", port=9, sender="m@pbx.example"),
            clock=lambda: 5000.0,
            durable=False,
        )
        self.service.start([CARL])

    async def end(self) -> None:
        await self.service.close()
        self.store.close()


async def test_r33_a_message_stored_before_a_crash_gets_its_mail_afterwards(
    tmp_path: Path,
) -> None:
    before = Life(tmp_path / "a")
    known = before.service.place_for(CARL, "").add(CARL, DORA, PCM)
    unknown = before.store.add(CARL, DORA, PCM)  # the process dies right behind this
    crashed = crash(tmp_path / "a", tmp_path / "b")
    await before.end()
    after = Life(crashed)
    assert {r.message_id for r in after.service.records()} == {
        known.message_id, unknown.message_id,
    }  # fmt: skip
    await after.end()
    again = Life(crashed)
    assert len(again.service.records()) == 2
    await again.end()


async def test_r33_messages_of_a_time_without_mail_are_not_mailed_later(tmp_path: Path) -> None:
    with_mail = Life(tmp_path)
    await with_mail.end()
    store = MessageStore(tmp_path)
    store.add(CARL, DORA, PCM)
    store.close()
    later = Life(tmp_path)
    assert later.service.records() == ()
    await later.end()


async def test_r33_heard_before_the_crash_is_not_announced(tmp_path: Path) -> None:
    before = Life(tmp_path / "a")
    message_id = before.store.add(CARL, DORA, PCM).message_id
    assert before.store.mark_heard(message_id)
    crashed = crash(tmp_path / "a", tmp_path / "b")
    await before.end()
    after = Life(crashed)
    assert after.service.records() == ()
    await after.end()


async def test_r33_marked_urgent_right_after_it_was_left(tmp_path: Path) -> None:
    life = Life(tmp_path)
    message_id = life.service.place_for(CARL, "").add(CARL, DORA, PCM).message_id
    assert life.store.mark_urgent(message_id)
    await life.end()
    queue = MailQueue(tmp_path)
    (mail,) = queue.due(5000.0)
    assert mail.left.urgent
    queue.close()

"""Mail about messages: real calls into the mailbox, real SMTP out of it."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from mail_sink import MailSink, TakenMail
from platform_kit import (
    CARL,
    DORA,
    PORTAL,
    Phone,
    TalkingCall,
    leave_message,
    make_site,
)

from provisioning.intent import LocaleIntent
from provisioning.inventory_site import Site
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig
from rig.mailbox_platform.embedded.mail.mail_queue import MailRecord, MailState
from rig.media.prompt import marker, prompt_pcm
from rig.media.wav import from_wav
from rig.sip.message_summary import Counts, parse_summary

pytestmark = pytest.mark.waits

NOTIFY, COPY, REDIRECT = "notify@carl.example", "copy@carl.example", "redirect@carl.example"
ALL_CALLS = MailboxOptions(all_calls=True)
MARKER = marker("test_platform_mail")


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    sink = await MailSink().open()
    yield sink
    await sink.close()


def described(soxi: str, path: Path) -> list[str]:
    """What SoX says of a file: rate, channels, bits, encoding."""
    return [
        subprocess.run(
            [soxi, flag, path], capture_output=True, text=True, check=True, timeout=20
        ).stdout.strip()
        for flag in ("-r", "-c", "-b", "-e")
    ]


class Bench:
    """A platform with a mail server; Carl has a mailbox, Dora calls."""

    def __init__(self, folder: Path, mail: MailConfig | None, site: Site | None = None) -> None:
        self.platform = EmbeddedPlatform(
            site or make_site(),
            store_dir=folder,
            config=PlatformConfig(seconds_per_ring=0.2, mail=mail),
        )
        self.carl: Phone
        self.dora: Phone

    async def open(self) -> Bench:
        await self.platform.start()
        users = self.platform.site.users
        self.carl = await Phone(self.platform, users[CARL]).open()
        self.dora = await Phone(self.platform, users[DORA]).open()
        await self.carl.register()
        await self.dora.register()
        return self

    async def options(self, **options: object) -> None:
        await self.platform.set_mailbox_options(CARL, replace(ALL_CALLS, **options))

    async def leave(self) -> None:
        """Dora leaves a message that holds the marker."""
        talk = await TalkingCall(self.dora).place(CARL)
        await talk.stream.wait_prompt("beep", 10)
        await talk.stream.play(prompt_pcm(MARKER))
        await talk.stream.speak(1.0)
        await talk.hang_up()

    async def settled(self, count: int, timeout_s: float = 8.0) -> tuple[MailRecord, ...]:
        """Wait until so many mails are no longer waiting."""
        async with asyncio.timeout(timeout_s):
            while True:
                records = self.platform.mail_records()
                done = [r for r in records if r.state is not MailState.WAITING]
                if len(done) >= count:
                    return records
                await asyncio.sleep(0.02)

    async def failed_once(self, timeout_s: float = 8.0) -> MailRecord:
        """Wait until the only mail has failed once and waits for the next attempt."""
        async with asyncio.timeout(timeout_s):
            while True:
                records = self.platform.mail_records()
                if records and records[0].attempts:
                    return records[0]
                await asyncio.sleep(0.02)

    @property
    def lamp(self) -> Counts | None:
        return parse_summary(self.carl.notifies[-1].body).voice

    async def new(self) -> int:
        return (await self.platform.counts(CARL)).new

    async def close(self) -> None:
        await self.carl.close()
        await self.dora.close()
        assert self.platform.internal_errors == 0
        await self.platform.stop()


def config(sink: MailSink, **options: object) -> MailConfig:
    settings = {"first_wait_s": 0.05, "longest_wait_s": 0.2, "timeout_s": 2.0} | options
    return MailConfig(
        host="127.0.0.1",
        port=sink.port,
        sender="mailbox@pbx.example",
        **settings,  # type: ignore[arg-type]  # values by name
    )


@pytest.fixture
async def bench(tmp_path: Path, sink: MailSink) -> AsyncIterator[Bench]:
    bench = await Bench(tmp_path / "store", config(sink)).open()
    yield bench
    await bench.close()


# -- R31, R33, R34, R35 -------------------------------------------------------------------


@pytest.mark.requirement("R4")
async def test_r33_a_new_message_sends_one_notice_without_audio(
    bench: Bench, sink: MailSink
) -> None:
    await bench.options(email_notify=NOTIFY)
    await bench.leave()
    await bench.settled(1)
    mail = sink.to(NOTIFY)
    assert mail.sender == "mailbox@pbx.example"
    assert not mail.attachments
    message = mail.message
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"] == f"Neue Sprachnachricht von Dora Dorn ({DORA})"
    body = message.get_content()
    assert f"Anrufer: Dora Dorn ({DORA})" in body
    assert f"Mailbox: Carl Cordes, {CARL}" in body
    assert PORTAL in body
    assert await bench.new() == 1
    await asyncio.sleep(0.3)
    assert len(sink.mails) == 1


async def test_r33_r34_switched_off_send_nothing(bench: Bench, sink: MailSink) -> None:
    await bench.options()
    await bench.leave()
    await bench.carl.until(lambda: len(bench.carl.notifies) == 2)
    await asyncio.sleep(0.3)
    assert sink.attempts == 0
    assert bench.platform.mail_records() == ()


async def test_r34_the_copy_holds_what_the_caller_said(
    bench: Bench, sink: MailSink, tmp_path: Path
) -> None:
    await bench.options(email_copy=COPY)
    await bench.leave()
    await bench.settled(1)
    mail = sink.to(COPY)
    assert mail.prompts == [MARKER]
    (part,) = mail.message.iter_attachments()
    assert part.get_content_type() == "audio/wav"
    name = part.get_filename() or ""
    assert name.startswith("mailbox-2")
    assert name.endswith(".wav")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    (stored,) = bench.platform.store.messages(CARL)
    assert from_wav(mail.attachments[0]) == bench.platform.store.audio(stored.message_id)
    other_reader = shutil.which("soxi")
    if other_reader is not None:
        path = tmp_path / "copy.wav"
        path.write_bytes(mail.attachments[0])
        assert await asyncio.to_thread(described, other_reader, path) == [
            "8000", "1", "16", "Signed Integer PCM",
        ]  # fmt: skip


async def test_r31_r34_the_message_stays_in_the_mailbox_and_lights_the_lamp(
    bench: Bench, sink: MailSink
) -> None:
    await bench.options(email_copy=COPY, email_notify=NOTIFY)
    await bench.leave()
    await bench.settled(2)
    assert sink.to(COPY).prompts == [MARKER]
    assert not sink.to(NOTIFY).attachments
    assert bench.lamp == Counts(1, 0, 0, 0)
    talk = await TalkingCall(bench.carl).place(PORTAL)
    await talk.stream.wait_prompt("portal.enter_pin", 5)
    await talk.stream.send_digits("246802#")
    await talk.stream.wait_prompt("portal.main", 5)
    await talk.stream.send_digits("1")
    await talk.stream.wait_prompt(MARKER, 15)
    await talk.hang_up()


async def test_r35_the_message_goes_by_mail_and_the_mailbox_stays_empty(
    bench: Bench, sink: MailSink
) -> None:
    seen = []
    bench.platform.subscribe(seen.append)
    await bench.options(email_redirect=REDIRECT)
    before = len(bench.carl.notifies)
    await bench.leave()
    await bench.settled(1)
    assert sink.to(REDIRECT).prompts == [MARKER]
    assert bench.platform.store.messages(CARL) == ()
    assert await bench.new() == 0
    assert seen == []
    assert len(bench.carl.notifies) == before
    assert bench.lamp == Counts(0, 0, 0, 0)


async def test_r35_notice_and_copy_can_be_had_beside_it(bench: Bench, sink: MailSink) -> None:
    await bench.options(email_redirect=REDIRECT, email_copy=COPY, email_notify=NOTIFY)
    await bench.leave()
    await bench.settled(3)
    assert sink.to(REDIRECT).prompts == sink.to(COPY).prompts == [MARKER]
    notice = sink.to(NOTIFY)
    assert not notice.attachments
    assert PORTAL not in notice.message.get_content()  # there is nothing to be heard there
    assert len({mail.message_id for mail in sink.mails}) == 3
    assert await bench.new() == 0


async def test_r35_holds_from_the_next_call_and_back(bench: Bench, sink: MailSink) -> None:
    await bench.options(email_redirect=REDIRECT)
    await bench.leave()
    await bench.options()
    await bench.leave()
    await bench.settled(1)
    assert await bench.new() == 1
    assert len(sink.mails) == 1


async def test_r33_english_site_writes_english(tmp_path: Path, sink: MailSink) -> None:
    site = replace(make_site(), locale=LocaleIntent(language="en-GB", time_zone="Europe/London"))
    bench = await Bench(tmp_path / "store", config(sink), site).open()
    await bench.options(email_notify=NOTIFY)
    await bench.leave()
    await bench.settled(1)
    assert sink.to(NOTIFY).message["Subject"] == f"New voice message from Dora Dorn ({DORA})"
    await bench.close()


# -- the mail server has its own ways -----------------------------------------------------


async def test_r34_server_down_then_up(bench: Bench, sink: MailSink) -> None:
    await sink.close()
    await bench.options(email_copy=COPY)
    await bench.leave()
    assert (await bench.failed_once()).state is MailState.WAITING
    assert bench.lamp == Counts(1, 0, 0, 0)  # the lamp does not wait for the mail server
    await bench.platform.clear_mailbox(CARL)  # nor does the owner
    await sink.open()
    await bench.settled(1)
    assert sink.to(COPY).prompts == [MARKER]


async def test_r34_not_now_then_taken_is_one_mail(bench: Bench, sink: MailSink) -> None:
    contents: list[bytes] = []
    sink.on_data = contents.append
    sink.replies = ["451 try again", "421 closing", "452 no room"]
    await bench.options(email_copy=COPY)
    await bench.leave()
    (record,) = await bench.settled(1)
    assert (record.state, record.attempts) == (MailState.DELIVERED, 4)
    assert len(sink.mails) == 1
    assert len(contents) == 4
    assert len(set(contents)) == 1  # octet for octet, Message-ID and Date included


@pytest.mark.parametrize("at", ["DATA", "RCPT"])
async def test_r33_refused_for_good_leaves_a_bounce_record(
    bench: Bench, sink: MailSink, at: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = "550 no such user here"
    (sink.replies if at == "DATA" else sink.rcpt_replies).append(refusal)
    await bench.options(email_notify=NOTIFY)
    await bench.leave()
    (record,) = await bench.settled(1)
    assert (record.state, record.attempts, record.reason) == (MailState.FAILED, 1, refusal)
    assert (record.mailbox, record.address) == (CARL, NOTIFY)
    assert f"notice mail of mailbox {CARL} given up after 1 attempt(s): 550" in caplog.text
    await asyncio.sleep(0.3)
    assert sink.mails == []
    assert await bench.new() == 1


async def test_r35_a_redirected_message_that_is_refused_becomes_a_new_message(
    bench: Bench, sink: MailSink
) -> None:
    sink.replies = ["550 no such user here"]
    await bench.options(email_redirect=REDIRECT)
    await bench.leave()
    await bench.settled(1)
    (message,) = bench.platform.store.messages(CARL)
    assert message.caller == DORA
    assert await bench.new() == 1
    await bench.carl.until(lambda: bench.lamp == Counts(1, 0, 0, 0))


async def test_r35_gives_up_after_so_many_attempts_and_keeps_the_message(
    tmp_path: Path, sink: MailSink
) -> None:
    bench = await Bench(tmp_path / "store", config(sink, attempts=3)).open()
    sink.replies = ["451 try again"] * 9
    await bench.options(email_redirect=REDIRECT)
    await bench.leave()
    (record,) = await bench.settled(1)
    assert (record.state, record.attempts, sink.attempts) == (MailState.FAILED, 3, 3)
    assert await bench.new() == 1
    await bench.close()


async def test_r35_restart_while_the_server_is_down_loses_nothing(
    tmp_path: Path, sink: MailSink
) -> None:
    bench = await Bench(tmp_path / "store", config(sink)).open()
    await sink.close()
    await bench.options(email_redirect=REDIRECT, email_notify=NOTIFY)
    await bench.leave()
    await bench.failed_once()
    await bench.platform.restart()
    assert await bench.new() == 0
    await sink.open()
    await bench.settled(2)
    assert sink.to(REDIRECT).prompts == [MARKER]
    assert len(sink.mails) == 2
    await bench.platform.restart()
    await asyncio.sleep(0.2)
    assert len(sink.mails) == 2
    await bench.close()


async def test_r35_messages_in_the_queue_are_given_back_when_mail_is_switched_off(
    tmp_path: Path, sink: MailSink
) -> None:
    bench = await Bench(tmp_path / "store", config(sink)).open()
    await sink.close()
    await bench.options(email_redirect=REDIRECT)
    await bench.leave()
    await bench.failed_once()
    await bench.close()
    without = await Bench(tmp_path / "store", None).open()
    assert await without.new() == 1
    await without.platform.restart()
    assert await without.new() == 1
    await without.close()


async def test_r35_without_a_mail_server_messages_stay_and_the_log_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    bench = await Bench(tmp_path / "store", None).open()
    assert "no mail server" not in caplog.text
    await bench.options(email_redirect=REDIRECT)
    await bench.leave()
    assert await bench.new() == 1
    assert bench.platform.mail_records() == ()
    await bench.platform.restart()
    await bench.options(email_redirect=REDIRECT, email_notify=NOTIFY)
    assert (
        caplog.text.count(f"'embedded' has no mail server, so nothing is mailed for {CARL}") == 1
    )
    await bench.close()


async def test_r33_a_caller_cannot_write_into_the_mail(tmp_path: Path, sink: MailSink) -> None:
    site = make_site()
    evil = 'Eve"\r\nBcc: all@pbx.example\r\n\r\n=?utf-8?q?=0D=0ASubject:_x?= Müller 😀'
    users = {**site.users, DORA: replace(site.users[DORA], name=evil.replace("\r\n", "\t"))}
    bench = await Bench(tmp_path / "store", config(sink), replace(site, users=users)).open()
    await bench.options(email_notify=NOTIFY)
    await bench.leave()
    await bench.settled(1)
    mail = sink.to(NOTIFY)
    assert mail.message["Bcc"] is None
    assert len(mail.message.get_all("Subject", [])) == 1
    assert "Müller" in mail.message["Subject"]
    await bench.close()


async def test_r34_mail_does_not_hold_back_the_lamp(bench: Bench, sink: MailSink) -> None:
    """The NOTIFY leaves before anything of the mail is even queued."""
    queued_at_notify: list[int] = []
    await bench.options(email_copy=COPY, email_notify=NOTIFY)
    bench.platform.subscribe(lambda _: queued_at_notify.append(len(bench.platform.mail_records())))
    await bench.leave()
    await bench.settled(2)
    assert queued_at_notify == [0]


async def test_r34_twenty_messages_are_twenty_mails(bench: Bench, sink: MailSink) -> None:
    sink.replies = ["451 busy", "250 ok", "451 busy"]
    await bench.options(email_redirect=REDIRECT)
    await asyncio.gather(*(leave_message(bench.dora, CARL) for _ in range(20)))
    await bench.settled(20, 20)
    assert len({mail.message_id for mail in sink.mails}) == len(sink.mails) == 20
    assert await bench.new() == 0


def test_the_sink_shows_only_what_it_was_given() -> None:
    mail = TakenMail("a@b.example", ("c@d.example",), b"Subject: x\r\n\r\ny", False, "")
    assert mail.message["Subject"] == "x"
    assert mail.attachments == []


async def test_a_bench_without_mail_can_be_silent_about_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    platform = EmbeddedPlatform(
        make_site(), store_dir=tmp_path, config=PlatformConfig(warn_without_mail=False)
    )
    await platform.set_mailbox_options(CARL, replace(ALL_CALLS, email_redirect=REDIRECT))
    await platform.start()
    await platform.stop()
    assert caplog.records == []

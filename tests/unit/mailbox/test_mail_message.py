"""The mails themselves: no caller can write into one, and every attempt writes the same."""

from __future__ import annotations

import email
import email.header
import email.policy
import unicodedata
from dataclasses import replace
from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from platform_kit import CARL, DORA, PORTAL, make_site

from provisioning.intent import LocaleIntent
from rig.mailbox_platform.embedded.mail.mail_message import (
    LONGEST_NAME,
    LeftMessage,
    MailComposer,
    length_text,
    message_id,
    shape_name,
    time_zone,
)
from rig.mailbox_platform.embedded.mail.mail_rules import MailPurpose
from rig.mailbox_platform.embedded.mail.mail_text import ENGLISH, GERMAN, text_for
from rig.media.wav import from_wav

SENDER, TO = "mailbox@pbx.example", "carl@carl.example"
SUMMER_AT = 1_720_000_000.0  # 2024-07-03 09:46:40 UTC
LEFT = LeftMessage("0123456789abcdef", CARL, DORA, "Dora Dorn", SUMMER_AT, 62.4)
PCM = bytes(range(256)) * 20
HEADERS = {
    "subject", "from", "to", "date", "message-id", "auto-submitted", "mime-version",
    "content-type", "content-transfer-encoding",
}  # fmt: skip
EVIL = [
    "Eve\r\nBcc: all@pbx.example",
    "Eve\nBcc: all@pbx.example\n\n<script>",
    "Eve\rX: y",
    "Eve\u2028X: y\u2029\x85\x0b\x0c",
    "=?utf-8?q?=0D=0ABcc=3A_all=40pbx.example?=",
    "=?utf-8?b?DQpCY2M6IGFsbEBwYnguZXhhbXBsZQ==?=",
    "=?=?utf-8?q?x?=?=",
    '"><Eve@evil.example>, "',
    "Müller, Jürgen 😀 👨\u200d👩\u200d👧",
    "\u202egnp.exe\u202c",
    "\x00\x07\x1b[31m",
    "\ud800lone",
    "x" * 10_240,
    "ü" * 10_240,
    "😀" * 10_240,
    " " * 10_240,
    "{owner} {0} %s",
    "--=_" + "0" * 32,
]


def composer(language: str = "de", zone: str = "Europe/Berlin") -> MailComposer:
    site = replace(make_site(), locale=LocaleIntent(language=language, time_zone=zone))
    return MailComposer(site, SENDER)


def parse(content: bytes) -> EmailMessage:
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    assert mail.defects == []
    return mail


def text_of(part: EmailMessage | None) -> str:
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def write(left: LeftMessage, purpose: MailPurpose = MailPurpose.NOTICE) -> EmailMessage:
    return parse(composer().compose(left, purpose, TO, PCM))


def assert_safe(content: bytes, names: set[str]) -> None:
    """What must hold of every mail, read by both of the library's parsers."""
    assert content.isascii()
    lines = content.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    old = email.message_from_bytes(content, policy=email.policy.compat32)
    for mail in (parse(content), old):
        assert {name.lower() for name in mail.keys()} == names  # noqa: SIM118 - repeats count
        assert len(mail.keys()) == len(names)
        assert str(mail["To"]) == TO
        assert str(mail["From"]) == f"Mailbox <{SENDER}>"
    unfolded = old["Subject"].replace("\r\n", "")
    shown = "".join(
        part if isinstance(part, str) else part.decode(charset or "ascii")
        for part, charset in email.header.decode_header(unfolded)
    )
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in shown)


@given(st.text(max_size=300))
@example("")
@example("000000¡¡¡¡¡¡¡¡ ¡")  # the library lost the space between encoded words
def test_r33_no_name_of_a_caller_alters_the_mail(name: str) -> None:
    left = replace(LEFT, caller_name=name)
    content = composer().compose(left, MailPurpose.NOTICE, TO, None)
    assert_safe(content, HEADERS)
    mail = parse(content)
    shaped = shape_name(name)
    caller = f"{shaped} ({DORA})" if shaped and shaped != DORA else DORA
    assert mail["Subject"] == f"Neue Sprachnachricht von {caller}"
    assert f"Anrufer: {caller}\n" in text_of(mail)


@pytest.mark.parametrize("purpose", MailPurpose)
@pytest.mark.parametrize("name", EVIL)
def test_r33_r34_names_that_try_to(name: str, purpose: MailPurpose) -> None:
    left = replace(LEFT, caller_name=name)
    content = composer().compose(left, purpose, TO, PCM)
    attached = purpose.attaches_audio
    # A mail about a lock is about no caller, and names none.
    if purpose is MailPurpose.LOCKED:
        assert parse(content)["Subject"] == "Ihre Mailbox ist gesperrt"
    else:
        assert shape_name(name) in parse(content)["Subject"]
    assert_safe(content, HEADERS - ({"content-transfer-encoding"} if attached else set()))
    mail = parse(content)
    assert len(list(mail.iter_attachments())) == int(attached)
    if attached:
        (part,) = mail.iter_attachments()
        assert from_wav(part.get_content()) == PCM


@given(st.text(max_size=200))
def test_r33_a_shaped_name_is_short_and_visible(name: str) -> None:
    shaped = shape_name(name)
    assert len(shaped) <= LONGEST_NAME
    assert shaped == shaped.strip()
    assert "=?" not in shaped
    assert "?=" not in shaped
    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in shaped)
    assert shape_name(shaped) == shaped


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="=?"),
               min_size=1, max_size=LONGEST_NAME))  # fmt: skip
def test_r33_a_plain_name_is_left_alone(name: str) -> None:
    assert shape_name(name) == name


@pytest.mark.parametrize(
    ("caller", "name", "shown"),
    [
        (DORA, "Dora Dorn", f"Dora Dorn ({DORA})"),
        (DORA, "", DORA),
        (DORA, DORA, DORA),
        ("", "", "unbekannt"),
        ("", "Dora Dorn", "Dora Dorn"),
        ("info\r\nX: y", "", "info X: y"),
    ],
)
def test_r33_the_caller_as_it_is_shown(caller: str, name: str, shown: str) -> None:
    mail = write(replace(LEFT, caller=caller, caller_name=name))
    assert mail["Subject"] == f"Neue Sprachnachricht von {shown}"


def test_r33_german_notice_in_the_time_of_the_site() -> None:
    mail = write(LEFT)
    assert text_of(mail) == (
        "Für Carl Cordes wurde eine Nachricht hinterlassen.\n\n"
        f"Anrufer: Dora Dorn ({DORA})\n"
        "Zeit: 03.07.2024, 11:46 Uhr (CEST)\n"
        "Länge: 1:02 min\n"
        f"Mailbox: Carl Cordes, {CARL}\n\n"
        f"Zum Abhören rufen Sie die Mailbox an ({PORTAL}).\n"
    )
    assert mail["Date"] == "Wed, 03 Jul 2024 11:46:40 +0200"


def test_r34_english_copy_in_the_time_of_the_site() -> None:
    content = composer("en-US", "America/New_York").compose(LEFT, MailPurpose.COPY, TO, PCM)
    mail = parse(content)
    assert text_of(mail.get_body()) == (
        "A message was left for Carl Cordes.\n\n"
        f"Caller: Dora Dorn ({DORA})\n"
        "Time: 2024-07-03 05:46 (EDT)\n"
        "Length: 1:02 min\n"
        f"Mailbox: Carl Cordes, {CARL}\n\n"
        f"The message is attached. It is in the mailbox as well ({PORTAL}).\n"
    )
    (part,) = mail.iter_attachments()
    assert part.get_filename() == "mailbox-20240703-054640.wav"


def test_r35_each_purpose_says_where_the_message_is() -> None:
    bodies = {}
    for purpose in MailPurpose:
        body = write(replace(LEFT, redirected=True), purpose).get_body()
        assert body is not None
        bodies[purpose] = body.get_content()
    assert "In der Mailbox liegt sie nicht" in bodies[MailPurpose.REDIRECT]
    assert "geht per E-Mail" in bodies[MailPurpose.NOTICE]
    assert PORTAL not in bodies[MailPurpose.NOTICE]


@pytest.mark.parametrize("language", [GERMAN, ENGLISH])
def test_r33_every_language_has_every_text(language: object) -> None:
    assert isinstance(language, type(GERMAN))
    assert set(language.closing) == set(MailPurpose)
    assert "{caller}" in language.subject
    assert "{owner}" in language.opening


@pytest.mark.parametrize(
    ("language", "german"),
    [("de", True), ("de-AT", True), ("DE_ch", True), ("en", False), ("den", False), ("", False)],
)
def test_r33_language_of_the_site(language: str, german: bool) -> None:
    assert (text_for(language) is GERMAN) is german


def test_r33_urgent_messages_say_so() -> None:
    mail = write(replace(LEFT, urgent=True))
    assert mail["Importance"] == "high"
    assert mail["Subject"].startswith("Dringend: ")
    assert write(LEFT)["Importance"] is None


@pytest.mark.parametrize("purpose", MailPurpose)
def test_r34_every_attempt_writes_the_same_octets(purpose: MailPurpose) -> None:
    first = composer().compose(LEFT, purpose, TO, PCM)
    assert composer().compose(LEFT, purpose, TO, PCM) == first
    assert parse(first)["Auto-Submitted"] == "auto-generated"


def test_r34_message_ids_differ_by_message_and_purpose() -> None:
    ids = {message_id(m, p, "pbx.example") for m in ("a", "b") for p in MailPurpose}
    assert len(ids) == 2 * len(MailPurpose)
    assert message_id("a", MailPurpose.COPY, "pbx.example") == "<a.copy@pbx.example>"
    assert message_id("a", MailPurpose.COPY, "\r\n[::1]>") == "<a.copy@1>"
    assert message_id("a", MailPurpose.COPY, "><") == "<a.copy@localhost>"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:01 min"), (1.2, "0:01 min"), (59.6, "1:00 min"), (180, "3:00 min")],
)
def test_r33_length_for_people(seconds: float, shown: str) -> None:
    assert length_text(seconds) == shown


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/passwd"])
def test_r33_unknown_time_zone_means_utc(name: str) -> None:
    assert time_zone(name).tzname(None) == "UTC"
    body = parse(composer(zone=name).compose(LEFT, MailPurpose.NOTICE, TO, None)).get_content()
    assert "03.07.2024, 09:46 Uhr (UTC)" in body

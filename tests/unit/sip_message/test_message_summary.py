from __future__ import annotations

import pytest

from rig.sip.errors import MessageError
from rig.sip.message_summary import (
    Counts,
    MessageSummary,
    lint_summary,
    parse_summary,
)

CANONICAL = (
    b"Messages-Waiting: yes\r\n"
    b"Message-Account: sip:100@h.test\r\n"
    b"Voice-Message: 2/8 (1/2)\r\n"
    b"Fax-Message: 1/0\r\n"
    b"\r\n"
    b"To: <sip:100@h.test>\r\n"
    b"Subject: hello\r\n"
    b"\r\n"
    b"From: <sip:2@h.test>\r\n"
)


def test_canonical_body() -> None:
    summary = parse_summary(CANONICAL)
    assert summary == MessageSummary(
        waiting=True,
        account="sip:100@h.test",
        voice=Counts(2, 8, 1, 2),
        others={"fax-message": Counts(1, 0)},
        message_headers=(
            (("To", "<sip:100@h.test>"), ("Subject", "hello")),
            (("From", "<sip:2@h.test>"),),
        ),
    )
    assert summary.to_bytes() == CANONICAL
    assert lint_summary(CANONICAL) == []


@pytest.mark.parametrize(
    ("body", "waiting", "voice"),
    [
        (b"Messages-Waiting: yes", True, None),
        (b"messages-WAITING \t:\tYES\n\n", True, None),
        (b"\r\nMessages-Waiting: no\r\nVoice-Message: 7/2\r\n", False, Counts(7, 2)),
        (b"Messages-Waiting: yes\r\nVOICE-MESSAGE:3/1(0/0)\r\n", True, Counts(3, 1, 0, 0)),
        (b"Messages-Waiting: yes\r\nVoice-Message: 3 / 1 ( 1 / 0 )", True, Counts(3, 1, 1, 0)),
        (b"Voice-Message: 1/0\nMessages-Waiting:\n yes\n", True, Counts(1, 0)),
        (b"Messages-Waiting: yes\r\nVoice-Message: 7/2 (3/6)\r\n", True, Counts(7, 2, 3, 6)),
        (b"Messages-Waiting: yes\r\nVoice-Message: -1/0\r\n", True, None),
        (b"Messages-Waiting: yes\r\nVoice-Message: \r\n", True, None),
        (
            b"Messages-Waiting: yes\r\nVoice-Message: 99999999999999999999/1\r\n",
            True,
            Counts(2**32 - 1, 1),
        ),
        (b"Messages-Waiting: yes\r\nVoice-Message: 1/0\r\nVoice-Message: 2/0", True, Counts(1, 0)),
    ],
)
def test_tolerant_reading(body: bytes, waiting: bool, voice: Counts | None) -> None:
    summary = parse_summary(body)
    assert (summary.waiting, summary.voice) == (waiting, voice)


@pytest.mark.parametrize(
    "body",
    [b"", b"\r\n", b"Voice-Message: 1/0\r\n", b"Messages-Waiting: maybe\r\n", b"\xff\x00", b"yes"],
)
def test_only_the_status_line_is_a_must(body: bytes) -> None:
    with pytest.raises(MessageError, match="Messages-Waiting"):
        parse_summary(body)
    assert lint_summary(body)


def test_status_line_after_the_empty_line_is_no_status_line() -> None:
    with pytest.raises(MessageError):
        parse_summary(b"Voice-Message: 1/0\r\n\r\nMessages-Waiting: yes\r\n")


def test_unknown_rows_and_classes_are_kept() -> None:
    summary = parse_summary(b"Messages-Waiting: no\r\nUpdate-Reason: NEW\r\nX-Mail: 1/2\r\n")
    assert summary.extra == (("Update-Reason", "NEW"),)
    assert summary.others == {"x-mail": Counts(1, 2)}
    assert parse_summary(summary.to_bytes()) == summary


def test_shortest_body() -> None:
    assert MessageSummary(waiting=False).to_bytes() == b"Messages-Waiting: no\r\n"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"Messages-Waiting: yes\r\n", b"", "expected Messages-Waiting"),
        (b"yes", b"on", "expected yes or no"),
        (b"yes", b"no", "3 new messages are counted"),
        (b"h.test\r\n", b"h.test\n", "LF alone"),
        (b"sip:100@h.test", b"100", "Message-Account"),
        (b"2/8 (1/2)", b"-2/8", "negative"),
        (b"2/8 (1/2)", b"two", "unreadable"),
        (b"2/8 (1/2)", b"2/8 (3/2)", "more urgent"),
        (b"2/8 (1/2)", b"2/8 (1/9)", "more urgent"),
        (b"2/8", b"4294967296/8", "beyond"),
        (b"Fax-Message: 1/0", b"Voice-Message: 1/0", "2 times"),
        (b"Fax-Message: 1/0", b"Update-Reason: NEW", "no place"),
        (b"Subject: hello", b"hello there", "no header row"),
        (b"Messages-W", b"\r\nMessages-W", "empty line or a blank"),
    ],
)
def test_each_fault_is_named(old: bytes, new: bytes, text: str) -> None:
    findings = lint_summary(CANONICAL.replace(old, new, 1))
    assert any(text in finding.text for finding in findings), findings
    assert len(findings) <= 2


def test_more_faults() -> None:
    def texts(body: bytes) -> str:
        return " | ".join(finding.text for finding in lint_summary(body))

    assert "no line end" in texts(b"Messages-Waiting: yes")
    assert "every count" in texts(b"Messages-Waiting: yes\r\nVoice-Message: 0/4\r\n")
    assert texts(b"Messages-Waiting: yes\r\n") == ""
    assert "directly" in texts(
        b"Messages-Waiting: no\r\nVoice-Message: 0/0\r\nMessage-Account: sip:a@h\r\n"
    )


def test_largest_number_is_allowed() -> None:
    body = b"Messages-Waiting: yes\r\nVoice-Message: 4294967295/0000000000001\r\n"
    assert lint_summary(body) == []
    assert parse_summary(body).voice == Counts(2**32 - 1, 1)


def test_long_account_does_no_harm() -> None:
    account = b"sip:" + b"a" * 65526 + b"@h.test"
    body = b"Messages-Waiting: yes\r\nMessage-Account: " + account + b"\r\n"
    assert parse_summary(body).account == account.decode()
    findings = lint_summary(body)
    assert len(findings) == 1
    assert "65537 characters" in findings[0].text
    assert lint_summary(body.replace(b"aa", b"a", 1)) == []

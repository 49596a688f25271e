"""What mails follow from a message: every combination of the guide's options."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.email_address import EmailAddressError
from provisioning.errors import UsageError
from provisioning.secret import Secret
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig
from rig.mailbox_platform.embedded.mail.mail_rules import (
    MailPurpose,
    MailWanted,
    mails_for,
    next_wait_s,
    stays_in_mailbox,
)

N, C, R = "n@a.example", "c@a.example", "r@a.example"
TABLE = {
    # redirect, copy, notify -> mails
    (False, False, False): "",
    (False, False, True): "notice",
    (False, True, False): "copy",
    (False, True, True): "copy notice",
    (True, False, False): "redirect",
    (True, False, True): "redirect notice",
    (True, True, False): "redirect copy",
    (True, True, True): "redirect copy notice",
}
ADDRESS = {"notice": N, "copy": C, "redirect": R}


def options(redirect: bool, copy: bool, notify: bool, **others: bool) -> MailboxOptions:
    return MailboxOptions(
        email_redirect=R if redirect else None,
        email_copy=C if copy else None,
        email_notify=N if notify else None,
        **others,  # type: ignore[arg-type]  # flags only
    )


def test_r31_the_table_is_complete() -> None:
    assert set(TABLE) == set(itertools.product((False, True), repeat=3))


@pytest.mark.parametrize(("switches", "expected"), TABLE.items())
def test_r33_r34_r35_each_option_makes_its_own_mail(
    switches: tuple[bool, bool, bool], expected: str
) -> None:
    wanted = [MailWanted(MailPurpose(name), ADDRESS[name]) for name in expected.split()]
    assert list(mails_for(options(*switches))) == wanted


@pytest.mark.parametrize("switches", TABLE)
def test_r26_a_mailbox_that_is_off_sends_nothing(switches: tuple[bool, bool, bool]) -> None:
    assert mails_for(options(*switches, active=False)) == ()


@pytest.mark.parametrize("mwi", [False, True])
@pytest.mark.parametrize("switches", TABLE)
def test_r32_the_lamp_and_the_mails_do_not_depend_on_each_other(
    switches: tuple[bool, bool, bool], mwi: bool
) -> None:
    assert mails_for(options(*switches, mwi=mwi)) == mails_for(options(*switches))


@pytest.mark.parametrize("mail", [False, True])
@pytest.mark.parametrize("switches", TABLE)
def test_r31_r35_where_the_message_stays(switches: tuple[bool, bool, bool], mail: bool) -> None:
    redirect = switches[0]
    assert stays_in_mailbox(options(*switches), mail=mail) is not (redirect and mail)


def test_r33_only_notices_are_without_audio() -> None:
    assert [p for p in MailPurpose if not p.attaches_audio] == [
        MailPurpose.NOTICE,
        MailPurpose.LOCKED,
    ]


def test_r33_same_address_for_two_wishes_gets_two_mails() -> None:
    both = MailboxOptions(email_copy=N, email_notify=N)
    assert [mail.address for mail in mails_for(both)] == [N, N]


def test_r33_waiting_doubles_up_to_the_longest() -> None:
    waits = [next_wait_s(count, 1.0, 60.0) for count in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


@given(st.integers(1, 10_000), st.floats(0.001, 100), st.floats(100, 1e5))
def test_r33_no_wait_is_shorter_than_the_first_or_longer_than_the_longest(
    count: int, first: float, longest: float
) -> None:
    wait = next_wait_s(count, first, longest)
    assert first <= wait <= longest
    assert wait <= next_wait_s(count + 1, first, longest)


def test_r33_the_default_patience_is_about_a_week() -> None:
    config = MailConfig(host="mail.example", sender="m@a.example")
    total_s = sum(
        next_wait_s(count, config.first_wait_s, config.longest_wait_s)
        for count in range(1, config.attempts)
    )
    assert 6.5 * 86400 < total_s < 7.5 * 86400


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"sender": "nobody"}, "sender 'nobody'"),
        ({"sender": "a@b.example\r\nBcc: x@y.example"}, "this is no address"),
        ({"host": ""}, "host '', port 25"),
        ({"port": 0}, "port 0"),
        ({"port": 65536}, "port 65536"),
        ({"user": "u"}, "only one is given"),
        ({"password": Secret("p")}, "only one is given"),
        ({"attempts": 0}, "attempts=0"),
        ({"first_wait_s": 0.0}, "first_wait_s=0.0"),
        ({"first_wait_s": 10.0, "longest_wait_s": 5.0}, "longest_wait_s=5.0"),
        ({"timeout_s": 0.0}, "timeout_s=0.0"),
    ],
)
def test_r33_settings_that_cannot_work_are_refused(
    settings: dict[str, object], expected: str
) -> None:
    whole = {"host": "mail.example", "sender": "m@a.example"} | settings
    with pytest.raises(UsageError) as caught:
        MailConfig(**whole)  # type: ignore[arg-type]  # wrong on purpose
    assert expected in str(caught.value)


def test_r33_settings_show_no_password() -> None:
    config = MailConfig(
        host="mail.example", sender="m@a.example", user="u", password=Secret("hunter2-hunter2")
    )
    assert "hunter2" not in repr(config)


def test_r33_an_address_error_says_what_to_do() -> None:
    assert str(EmailAddressError("this is no address")) == (
        "mail address: this is no address; expected an address like anna@company.example. "
        "Write one address, without name or angle brackets."
    )

"""Which mail addresses a mailbox may hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.email_address import MAX_CHARS, EmailAddressError, check_email


@pytest.mark.parametrize(
    "address",
    [
        "anna@company.example",
        "anna.arndt+mailbox@mail.company.example",
        "o'neil@a-b.example",
        "root@localhost",
        "a" * 64 + "@" + "b" * 15,
    ],
)
def test_r33_a_plain_address_is_taken_as_it_is(address: str) -> None:
    assert check_email(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "@company.example",
        "anna@",
        "anna@@company.example",
        "an na@company.example",
        "anna@company..example",
        ".anna@company.example",
        "anna.@company.example",
        "an..na@company.example",
        "anna@-company.example",
        "anna@company-.example",
        "anna@company.example.",
        "Anna <anna@company.example>",
        '"an na"@company.example',
        "anna@[192.0.2.1]",
        "änna@company.example",
        "anna@firma-ü.example",
        "anna@company.example\r\nBcc: x@y.example",
        "anna@company.example\n",
        "anna@company.example,bert@company.example",
    ],
)
def test_r33_anything_else_is_refused_in_words(address: str) -> None:
    with pytest.raises(EmailAddressError, match=r"mail address: .*; expected .*"):
        check_email(address)


@pytest.mark.parametrize(("length", "good"), [(MAX_CHARS, True), (MAX_CHARS + 1, False)])
def test_r33_an_address_has_at_most_80_characters(length: int, good: bool) -> None:
    address = "a" * 40 + "@" + "b" * (length - 41)
    if good:
        assert check_email(address) == address
    else:
        with pytest.raises(EmailAddressError, match="it has 81 characters; expected at most 80"):
            check_email(address)


def test_r33_the_part_before_the_at_has_at_most_64_characters() -> None:
    with pytest.raises(EmailAddressError, match="65 characters before the @"):
        check_email("a" * 65 + "@b.example")


@given(st.text(max_size=90))
def test_r33_what_is_taken_needs_no_escaping(text: str) -> None:
    try:
        address = check_email(text)
    except EmailAddressError:
        return
    assert address.isascii()
    assert address.count("@") == 1
    assert not set(address) & set(' \t\r\n<>()[]\\",:;')

"""Numbers, aliases and transfer numbers: the guide's rules, and one normal form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.phone_number import (
    NumberError,
    alias_notes,
    display_form,
    normalise,
    parse_alias,
    parse_dial_string,
    parse_extension,
    parse_service_number,
    parse_transfer_number,
    same_number,
)

NBSP = "\u00a0"


@pytest.mark.parametrize(
    "text",
    ["+493023125101", "+49 30 23125 101", "+49-30-23125-101", "0049 30 23125101", "03023125101",
     "030/23125-101", "(030) 23125101", "+49 (0)30 23125101", f"+49{NBSP}30{NBSP}23125101",
     "+49\u202f30\u202f23125101", "+49.30.23125101", "030\u201323125101"],
)  # fmt: skip
def test_all_spellings_have_one_normal_form(text: str) -> None:
    assert normalise(text) == "+493023125101"


@pytest.mark.parametrize(
    ("text", "country_code", "prefix", "normal"),
    [
        ("020 7946 0000", "44", "0", "+442079460000"),
        ("06 698 12345", "39", "", "+390669812345"),
        ("+39 06 69812345", "39", "", "+390669812345"),
        ("+43 1 58858", "49", "0", "+43158858"),
    ],
)
def test_other_countries(text: str, country_code: str, prefix: str, normal: str) -> None:
    assert normalise(text, country_code, prefix) == normal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("+", "empty"),
        ("23125101", "no area code"),
        ("101", "no area code"),
        ("+49 030 23125101", "trunk prefix 0 follows"),
        ("+030 23125101", "0 follows the international prefix"),
        ("000 49 30 23125101", "0 follows the international prefix"),
        ("0", "too short"),
        ("+4930", "too short"),
        ("+49 30 23125101 23125101", "too long"),
        ("+49 30 23125abc", "something other than digits"),
        ("++49 30 23125101", "something other than digits"),
        ("+49 30 \u0662\u0663125101", "something other than digits"),
        ("\uff0b493023125101", "something other than digits"),
        ("4,93023E+12", "spreadsheet"),
        ("4.93023E+12", "spreadsheet"),
        ("sip:anna@x", "something other than digits"),
        ("03023125101\n", "something other than digits"),
    ],
)
def test_what_has_no_normal_form_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(NumberError, match=reason):
        normalise(text)


# The mailbox guide's three examples are one number.
@pytest.mark.parametrize(
    "text",
    ["+49 2115551111", "02115551111", "0211-555-1111", f"+49{NBSP}2115551111", "+492115551111",
     "+49-211-555-1111", " 0211 555 1111 "],
)  # fmt: skip
def test_the_guides_aliases_are_one_number(text: str) -> None:
    assert parse_alias(text) == "+492115551111"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0049 2115551111", "more than one 0"),
        ("00211", "more than one 0"),
        ("0 0211", "more than one 0"),
        ("0-0211", "more than one 0"),
        ("49+211", r"\+ stands inside"),
        ("+49+211", r"\+ stands inside"),
        ("0211+", r"\+ stands inside"),
        ("+0211555", "0 follows"),
        ("-", "empty"),
        ("", "empty"),
        ("0211-", "hyphen stands alone"),
        ("-0211", "hyphen stands alone"),
        ("0211--555", "hyphen stands alone"),
        ("+-49211555", "other than digits|hyphen"),
        ("0211/555", "other than digits"),
        ("(0211)555", "other than digits"),
        ("0211#", "other than digits"),
        ("*97", "other than digits"),
        ("1234567890123456789012345", "too long"),
    ],
)
def test_a_broken_alias_names_the_rule(text: str, reason: str) -> None:
    with pytest.raises(NumberError, match=reason):
        parse_alias(text)


def test_an_alias_without_prefix_stays_and_is_noted() -> None:
    assert parse_alias("105") == "105"
    assert parse_alias("2115551111") == "2115551111"
    assert any("inside the site" in note for note in alias_notes("105"))
    assert any("spaces" in note for note in alias_notes("+49 2115551111"))
    assert alias_notes("0211-555-1111") == ()


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("+49 211-555-1111", "+492115551111"),
        ("0211-555-1111", "+492115551111"),
        ("0049211-5551111", "+492115551111"),
        ("101", "101"),
    ],
)
def test_transfer_numbers(text: str, normal: str) -> None:
    assert parse_transfer_number(text) == normal


@pytest.mark.parametrize(
    "text", ["", "-", "sip:x@y", "+49+1", "0211-", "*97", "1" * 31, "+0211", "00"]
)
def test_a_broken_transfer_number_is_refused(text: str) -> None:
    with pytest.raises(NumberError):
        parse_transfer_number(text)


@pytest.mark.parametrize(("text", "extension"), [("0123", "0123"), (" 10 1", "101")])
def test_extensions_keep_their_zeros(text: str, extension: str) -> None:
    assert parse_extension(text) == extension


@pytest.mark.parametrize("text", ["", "1", "123456789", "1a", "+49", "*97", "\u0661\u0662"])
def test_a_broken_extension_is_refused(text: str) -> None:
    with pytest.raises(NumberError):
        parse_extension(text)


@pytest.mark.parametrize(
    ("text", "dialled"),
    [("*97", "*97"), ("*62#", "*62#"), ("900", "900"), ("030 23125 900", "+493023125900")],
)
def test_service_numbers(text: str, dialled: str) -> None:
    assert parse_service_number(text) == dialled


def test_dial_strings() -> None:
    assert parse_dial_string("+49 (30) 23125-104") == "+493023125104"
    assert parse_dial_string("*21*0171#") == "*21*0171#"
    with pytest.raises(NumberError):
        parse_dial_string("anna")


def test_display_form() -> None:
    assert display_form("+493023125101") == "+49 3023125101"
    assert display_form("+493023125101", extension="101") == "+49 3023125-101"
    assert display_form("+43158858") == "+43158858"
    assert display_form("101", extension="101") == "101"


def test_same_number() -> None:
    assert same_number("030 23125101", "+49 30 23125101")
    assert not same_number("030 23125101", "030 23125102")
    assert not same_number("101", "101")


NATIONAL = st.from_regex(r"[1-9][0-9]{4,10}", fullmatch=True)


@given(national=NATIONAL, separators=st.lists(st.sampled_from(["", " ", "-", NBSP, "/"])))
def test_separators_never_change_a_number(national: str, separators: list[str]) -> None:
    padded = separators + [""] * len(national)
    spelt = "".join(a + b for a, b in zip(national, padded, strict=False))
    assert normalise("+49" + spelt) == normalise("0" + spelt) == "+49" + national


@given(national=NATIONAL)
def test_normal_form_is_a_fixed_point(national: str) -> None:
    normal = normalise("0" + national)
    assert normalise(normal) == normal
    assert parse_alias(normal) == parse_transfer_number(normal) == normal


@given(text=st.text(alphabet="0123456789+- \u00a0/().abc*#\u0663", max_size=30))
def test_an_accepted_number_is_always_e164(text: str) -> None:
    try:
        normal = normalise(text)
    except NumberError:
        return
    assert normal[0] == "+"
    assert normal[1:].isascii()
    assert normal[1:].isdigit()
    assert normal[1] != "0"
    assert 5 <= len(normal) - 1 <= 15


@given(text=st.text(alphabet="0123456789+- \u00a0", max_size=26))
def test_an_accepted_alias_keeps_every_rule(text: str) -> None:
    try:
        alias = parse_alias(text)
    except NumberError:
        return
    squeezed = text.replace(" ", "").replace(NBSP, "")
    assert "+" not in squeezed[1:]
    assert not squeezed.replace("-", "").startswith("00")
    assert not squeezed.startswith("-")
    assert not squeezed.endswith("-")
    assert "--" not in squeezed
    assert "-" not in alias
    assert parse_alias(alias) == alias or alias[0] != "+"

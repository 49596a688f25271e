"""Sections of text as Fanvil reads them: names by part, and what the phone would not read."""

from __future__ import annotations

import pytest
from render_intents import quickly

from provisioning.formats.fanvil_text import FORMAT
from provisioning.formats.settings import FormatError

HEAD = "<<VOIP CONFIG FILE>>Version:2.0000000000   \n"
GOOD = HEAD + (
    "\n<SIP CONFIG MODULE>\nSIP  Port          :5060\n--SIP Line List--  :\n"
    "SIP1 MWI Num       :*97\nSIP1 Register Pswd :a:b <c>\n"
    "<DSSKEY CONFIG MODULE>\n--Sidekey Config1--:\nFkey1 Type   :2\n"
    "--SoftDss Config-- :\nFkey1 Type     :0\n<<END OF FILE>>\n"
)


def test_one_name_in_two_parts_is_two_settings():
    values = FORMAT.read(GOOD.encode(), "f").values
    assert quickly(values) == FORMAT.scan(GOOD.encode())
    assert values == {
        ("SIP CONFIG MODULE.SIP  Port", None): "5060",
        ("SIP Line List.SIP1 MWI Num", None): "*97",
        ("SIP Line List.SIP1 Register Pswd", None): "a:b <c>",
        ("Sidekey Config1.Fkey1 Type", None): "2",
        ("SoftDss Config.Fkey1 Type", None): "0",
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "SIP1 MWI Num :*97\n<<END OF FILE>>\n", 2),
        (HEAD + "<A>\nno setting\n<<END OF FILE>>\n", 3),
        (HEAD + "<A>\n: 1\n<<END OF FILE>>\n", 3),
        (HEAD + "<A>\nB :1\n", 4),
    ],
)
def test_what_the_phone_would_not_read_is_a_problem_with_its_line(text, line):
    assert [problem.line for problem in FORMAT.read(text.encode(), "f").problems] == [line]
    assert FORMAT.scan(text.encode()) is None


def test_first_line_and_encoding_are_strict():
    with pytest.raises(FormatError, match="the first line must be"):
        FORMAT.read(GOOD[1:].encode(), "f")
    with pytest.raises(FormatError, match="not UTF-8"):
        FORMAT.read(GOOD.encode() + b"\xff", "f")
    assert FORMAT.scan(b"\xff") is None


def test_a_setting_given_twice_is_seen_and_a_secret_masked_in_its_part_alone():
    twice = GOOD.replace("SIP1 MWI Num       :*97\n", "SIP1 MWI Num :1\nSIP1 MWI Num :2\n")
    assert FORMAT.read(twice.encode(), "f").duplicates
    assert FORMAT.scan(twice.encode()) is None
    masked = FORMAT.mask(GOOD, ["SIP Line List.SIP1 Register Pswd", "SoftDss Config.Fkey1 Type"])
    assert "SIP1 Register Pswd :***\n" in masked
    assert "Fkey1 Type     :***\n" in masked
    assert "Fkey1 Type   :2\n" in masked

"""A scan by differences gives what the scan of the whole file gives, whatever differs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from render_intents import account, intent, representatives

from provisioning.address import Mac
from provisioning.device_profile import shipped_profiles
from provisioning.dialect import load_dialect
from provisioning.formats.registry import format_named
from provisioning.intent import MwiIntent, MwiMode
from provisioning.line_scan import LineScan
from provisioning.profile_model import FileKind, FileScope
from provisioning.render import render_handset
from provisioning.secret import Secret

PROFILES = shipped_profiles()
MODELS = sorted(
    {
        (render.dialect, render.format, str(render.files)): model
        for model in representatives(PROFILES)
        for render in [PROFILES[model].render]
    }.values()
)
"""One for each set of templates: what else sets models apart changes values, not syntax."""
NAMES = ("Anna Abel", "Bo Baum", "Cem Çelik", 'D & "E" <F>', "# G = H", "x: y", "Ina")
WHOLE = frozenset({"patton_cli"})
"""Formats whose files are scanned whole: a value stands in the names of other settings too."""


def files_of(profile, number):
    """What handset ``number`` has for itself."""
    name = NAMES[number] if number < len(NAMES) else f"User {number}"
    name = name.replace('"', "").replace("<", "") if profile.render.format != "key_value" else name
    user = f"user{number}"
    one = account(
        1,
        user=user,
        auth_user=user,
        display_name=name,
        label=name,
        password=Secret(f"word-{number}-x" if number > 5 else f"word-{number}-&"),
        mwi=MwiIntent(MwiMode.SUBSCRIBE, 3600, None),
    )
    base = intent(profile, accounts=(one,))
    wanted = replace(base, mac=Mac(f"{base.mac.oui}{number:06x}"), line_keys=())
    return [
        file.content
        for file in render_handset(wanted, profile).files
        if file.kind is FileKind.SETTINGS and file.scope is FileScope.HANDSET
    ]


def flips(content):
    """The file with an octet changed, left out or doubled, all over it."""
    for at in range(0, len(content), max(1, len(content) // 5)):
        yield content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
        yield content[:at] + content[at + 1 :]
        yield content[:at] + content[at : at + 1] + content[at:]


@pytest.mark.parametrize("model", MODELS)
def test_it_is_the_scan_of_the_whole_file_and_the_third_is_not_scanned_whole(model):
    profile = PROFILES[model]
    form = load_dialect(profile.render.dialect, profile.render.format).format
    scanned = []
    counting = replace(form, scan=lambda content: scanned.append(content) or form.scan(content))
    for rows in zip(
        *(files_of(profile, number) for number in (6, 20, 21, *range(6))), strict=True
    ):
        scan = LineScan(counting)
        for content in rows:
            assert scan.scan(content) == form.scan(content)
        third = rows[2]
        for content in flips(third):
            assert scan.scan(content) == form.scan(content)
    assert (third in scanned) == (profile.render.format in WHOLE)


KEY_VALUE = format_named("key_value")
LINES = b"#!version:1.0.0.1\naccount.1.label = %s\naccount.1.user_name = 100\n"


def taught(form=KEY_VALUE, lines=LINES):
    scan = LineScan(form)
    for word in (b"Anna", b"Bo"):
        assert scan.scan(lines % word) == form.scan(lines % word)
    return scan


@pytest.mark.parametrize(
    "word",
    [b"", b" ", b" x", b"x ", b"x\r", b'"x"', b"x\ny = 1", b"x account.2.label = y", b"#x",
     b"\xff", "\u00a0x".encode(), "x\u2028y".encode(), b"x\x00", b"Cem", b"Cem Baum"],
)  # fmt: skip
def test_a_word_that_could_mean_more_is_read_whole(word):
    assert taught().scan(LINES % word) == KEY_VALUE.scan(LINES % word)


def test_a_name_of_a_setting_is_no_place_for_a_word():
    xml = format_named("xml_elements")
    lines = b'<settings><phone-settings>\n<a idx="%s">1</a>\n</phone-settings></settings>\n'
    for word in (b"2", b"3", b"x", b"4"):
        scan = LineScan(xml)
        for other in (b"1", word, b"5"):
            assert scan.scan(lines % other) == xml.scan(lines % other)


def test_a_reader_that_looks_into_words_is_not_second_guessed():
    """One that turns words round is found out by the second file, and asked ever after."""

    def scan_round(content):
        found = KEY_VALUE.scan(content)
        return found and {key: value[::-1] for key, value in found.items()}

    odd = replace(KEY_VALUE, scan=scan_round)
    scan = taught(odd)
    for word in (b"Cem", b"Dora"):
        assert scan.scan(LINES % word) == odd.scan(LINES % word)


def test_an_encoding_that_nobody_knows_is_odd_and_no_exception():
    assert (
        format_named("grandstream_xml").scan(b'<?xml version="1.0" encoding="UTF-9"?><a/>') is None
    )

"""Hostile values: back exactly as they were, or refused with field and reason; no new key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from render_intents import (
    account,
    admin_password_of,
    intent,
    labelled_key,
    quickly,
    representatives,
)

from provisioning.device_profile import shipped_profiles
from provisioning.dialect import load_dialect
from provisioning.errors import UsageError
from provisioning.formats.registry import rule_of
from provisioning.formats.value_rule import why_unfit
from provisioning.profile_model import FileKind
from provisioning.readback import read_back
from provisioning.render import render_handset
from provisioning.secret import Secret

PROFILES = shipped_profiles()
MODELS = representatives(PROFILES)

HELD = [
    "Müller & Söhne",
    "<b>fett</b>",
    "a > b < c",
    "\"doppelt\" und 'einfach'",
    "a;b#c=d%e",
    "# kein Kommentar",
    "= vorn",
    "enable = 0",
    "{{7*7}}",
    "{% raw %}x{% endraw %}",
    "{# weg #}",
    "${7*7} #{7*7}",
    "__class__",
    "]]>",
    "<!-- -->",
    "&amp; &#10; &lt;",
    "100 % sicher",
    "%25",
    'include:config "x"',
    "日本語 🙂 Ω",
    "x" * 511,
    "mitten  doppelte Blanks",
    "$Tinvite$",
    "{n} {user} {p}",
    "\u00ad\u200b\u202e",
]
REFUSED = [
    "Zeile\nzwei = 1",
    "Zeile\rzwei",
    "Zeile\r\nzwei",
    "Tab\tzwei",
    "Null\x00",
    "Esc\x1b[31m",
    "NEL\x85x",
    "LS\u2028x",
    "PS\u2029x",
    "\ud800",
    "x\udfff",
    "\ufffe",
    "\uffff",
    "\ufdd0",
    "\U0001fffe",
    "\ufeffBOM",
    "\x7f",
    " vorn",
    "hinten ",
    "\u00a0hart",
    "x" * 512,
    "x" * 10_240,
]


def keys_of(profile, contents):
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    return [
        {(setting.key, setting.index) for setting in dialect.format.read(content, path).settings}
        for path, content in contents.items()
    ]


@cache
def usual_keys(model):
    """The settings of files without any hostile value."""
    profile = PROFILES[model]
    return keys_of(profile, render_handset(with_text(profile, "benign"), profile).contents)


@contextmanager
def naming(value: object) -> Iterator[None]:
    """Say which of many values an assertion was about."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"the value: {value!r:.200}")
        raise


def with_text(profile, value):
    """The same intent with one value in every field that holds free text."""
    base = intent(profile)
    return replace(
        base,
        accounts=(
            account(1, label=value, display_name=value, auth_user=value, password=Secret(value)),
        ),
        line_keys=labelled_key(profile, value),
        admin_password=Secret(value),
    )


def check_refused(profile, value):
    """Not one field is dropped in silence, and the value itself is not told."""
    with pytest.raises(UsageError) as caught:
        render_handset(with_text(profile, value), profile)
    message = str(caught.value)
    keys = [f"line_keys[{key.position}].label" for key in labelled_key(profile, value)]
    for field in (
        "accounts[1].label",
        "accounts[1].display_name",
        "accounts[1].auth_user",
        "accounts[1].password",
        "admin_password",
        *keys,
    ):
        assert field in message
    assert value not in message


def check_round_trip(profile, value):
    if why_unfit(value, rule_of(profile.render.format, profile.limits.value_length)):
        check_refused(profile, value)
        return
    rendered = render_handset(with_text(profile, value), profile)
    files = {file.path: file.content for file in rendered.files if file.kind is FileKind.SETTINGS}
    read = read_back(files, profile, rendered.fitted.mac)
    first = read.accounts[0]
    assert (first.label, first.display_name, first.auth_user) == (value, value, value)
    assert first.password.reveal() == value
    assert [key.label for key in read.line_keys] == [value] * len(rendered.fitted.line_keys)
    assert read.admin_password.reveal() == admin_password_of(profile, value)
    scan = load_dialect(profile.render.dialect, profile.render.format).format
    for path, content in files.items():
        assert scan.scan(content) == quickly(scan.read(content, path).values)
    assert keys_of(profile, rendered.contents) == usual_keys(profile.model)


@pytest.mark.parametrize("model", MODELS)
def test_a_hostile_value_comes_back_exactly(model):
    for value in HELD:
        with naming(value):
            check_round_trip(PROFILES[model], value)


@pytest.mark.parametrize("model", MODELS)
def test_what_a_file_cannot_hold_is_refused_with_every_field(model):
    for value in REFUSED:
        with naming(value):
            check_refused(PROFILES[model], value)


def test_the_reset_word_of_yealink_is_refused_there_and_held_elsewhere():
    with pytest.raises(UsageError, match="%NULL% has a meaning of its own"):
        render_handset(with_text(PROFILES["T46U"], "%NULL%"), PROFILES["T46U"])
    check_round_trip(PROFILES["D785"], "%NULL%")


def test_a_value_like_a_setting_is_refused_in_flat_files_and_held_in_xml():
    value = "x account.2.enable = 0"
    with pytest.raises(UsageError, match=r"accounts\[1\]\.label: looks like a further setting"):
        render_handset(with_text(PROFILES["T46U"], value), PROFILES["T46U"])
    check_round_trip(PROFILES["GRP2614"], value)


@pytest.mark.parametrize("model", MODELS)
@given(value=st.text(min_size=1, max_size=60))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
def test_any_text_comes_back_exactly_or_is_refused(model, value):
    profile = PROFILES[model]
    if value in profile.admin.default_passwords:
        return
    if why_unfit(value, rule_of(profile.render.format, profile.limits.value_length)):
        with pytest.raises(UsageError, match=r"accounts\[1\]\.label"):
            render_handset(with_text(profile, value), profile)
    else:
        check_round_trip(profile, value)


BAD_FIELDS = [
    ("accounts[1].domain", {"domain": "a.example;transport=tls"}),
    ("accounts[1].domain", {"domain": "::1"}),
    ("accounts[1].registrar_host", {"registrar_host": "127.0.0.1:5060"}),
    ("accounts[1].registrar_host", {"registrar_host": ""}),
    ("accounts[1].registrar_port", {"registrar_port": 0}),
    ("accounts[1].registrar_port", {"registrar_port": 65536}),
    ("accounts[1].user", {"user": "anna@x"}),
    ("accounts[1].user", {"user": ""}),
    ("accounts[1].user", {"user": "a b"}),
    ("accounts[1].auth_user", {"auth_user": ""}),
    ("accounts[1].password", {"password": Secret("")}),
    ("accounts[1].voicemail_number", {"voicemail_number": "12 34"}),
    ("accounts[1].register_expires_s", {"register_expires_s": 0}),
]


@pytest.mark.parametrize("model", MODELS)
def test_a_structural_field_is_refused_by_name(model):
    for field, changes in BAD_FIELDS:
        wrong = intent(PROFILES[model], accounts=(account(1, **changes),), line_keys=())
        with naming(changes):
            with pytest.raises(UsageError) as caught:
                render_handset(wrong, PROFILES[model])
            assert f"probe: {field}: " in str(caught.value)


@pytest.mark.parametrize("model", MODELS)
def test_a_vendor_default_password_is_refused(model):
    profile = PROFILES[model]
    for default in (*profile.admin.default_passwords, ""):
        with pytest.raises(UsageError, match="admin_password"):
            render_handset(intent(profile, admin_password=Secret(default)), profile)


def test_an_ipv6_registrar_survives_every_syntax():
    for model in MODELS:
        profile = PROFILES[model]
        wanted = intent(profile, accounts=(account(1, registrar_host="2001:db8::5"),))
        rendered = render_handset(replace(wanted, line_keys=()), profile)
        assert rendered.fitted.accounts[0].registrar_host == "2001:db8::5"


def test_everything_unfit_is_unprintable_so_that_the_quick_check_is_safe():
    rule = rule_of("xml_elements", 511)
    unfit = [
        chr(code)
        for code in range(0x110000)
        if why_unfit(f"x{chr(code)}y", rule) or not chr(code).isprintable()
    ]
    assert not any(char.isprintable() for char in unfit)
    assert {"\x00", "\x85", "\u2028", "\ud800", "\ufdd0", "\U0010ffff"} <= set(unfit)
    assert why_unfit("x\u00ady", rule) == ""

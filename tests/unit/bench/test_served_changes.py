"""What the inventory does not say and a firmware heeds: a file that is not as it was rendered."""

from __future__ import annotations

import re

import pytest

from provisioning.device_profile import shipped_profiles
from provisioning.inventory import load_site
from provisioning.readback import read_back_places
from provisioning.render import render_site
from provisioning.resources import demo_site_dir
from rig.served_changes import changed_settings

SITE = load_site(demo_site_dir() / "site.yaml")
PROFILES = shipped_profiles()
FILES = render_site(SITE, PROFILES)


def changes(name, pattern="", new="", *, in_file=""):
    """What is found when a pattern is replaced in the files of a handset."""
    wanted = FILES.of_handset(name)
    profile = PROFILES.get(wanted.fitted.model)
    served = {
        path: re.sub(pattern.encode(), new.encode(), content, flags=re.MULTILINE)
        if pattern and in_file in path
        else content
        for path, content in wanted.contents.items()
    }
    assert not pattern or served != wanted.contents
    reading = read_back_places(served, profile, wanted.fitted.mac)
    found = changed_settings(wanted.contents, reading, profile, wanted.fitted)
    return [(d.key, d.wanted, d.got, bool(d.line)) for d in found]


@pytest.mark.parametrize("name", [handset.name for handset in SITE.handsets])
def test_nothing_was_changed(name):
    assert changes(name) == []


def test_a_number_that_is_none():
    key = "account.1.subscribe_mwi_expires"
    assert changes("anna", rf"^{re.escape(key)} = 3600", f"{key} = 36OO") == [
        (key, "3600", "36OO", True)
    ]


def test_a_line_that_was_left_out():
    key = "local_time.summer_time"
    assert changes("anna", rf"^{re.escape(key)} = .*\n", "") == [(key, "2", "", False)]


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"\n", "\r\n"),
        (r" = ", "  =   "),
        (r"^(account\.1\.label = .*)$", r"\1\n\1"),
        (r"\Z", "## by hand\nfeatures.shiny.enable = 1\n"),
        (r"^voice_mail\.number\.3 =\n", ""),
    ],
    ids=["CRLF", "blanks", "the same twice", "more settings", "an empty one left out"],
)
def test_what_changes_nothing(pattern, new):
    assert changes("anna", pattern, new, in_file="805ec01a2b01") == []


def test_what_the_phones_own_file_sets_again_counts_there():
    common = next(path for path in FILES.of_handset("anna").contents if path.startswith("y"))
    assert changes("anna", r"\Z", "local_time.summer_time = 0\n", in_file=common) == []


def test_a_secret_is_not_shown():
    assert changes("anna", "quitte-4711-anna", "quitte") == []

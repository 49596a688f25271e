"""The order of a boot's requests, fall-backs after 404, and files that name further ones."""

from __future__ import annotations

import pytest

from provisioning.address import Mac
from rig.errors import RigError
from rig.handset.emulated.boot_sequence import BootSequence, BootStep, follow_ups

MAC = Mac.parse("00:15:65:12:34:56")


def walk(steps, served):
    """Boot against a mapping; returns what was asked for and the sequence."""
    sequence = BootSequence(steps, MAC)
    asked = []
    while (step := sequence.next_step()) is not None:
        asked.append(step.path)
        if step.path in served:
            sequence.fetched(step, served[step.path])
        else:
            sequence.missing(step)
    return asked, sequence


def test_alternatives_are_asked_for_until_one_is_there():
    steps = [
        BootStep("cfg0015", required=True, group="own"),
        BootStep("cfg0015.xml", required=True, group="own"),
        BootStep("cfg.xml", required=True, group="own"),
        BootStep("extra.xml"),
    ]
    asked, sequence = walk(steps, {"cfg0015.xml": b"<a/>"})
    assert asked == ["cfg0015", "cfg0015.xml", "extra.xml"]
    assert sequence.files == {"cfg0015.xml": b"<a/>"}


def test_a_required_file_that_is_missing_is_named():
    with pytest.raises(RigError, match=r"001565123456\.cfg is required"):
        walk([BootStep("common.cfg"), BootStep("001565123456.cfg", required=True)], {})


def test_a_required_group_without_any_file_names_all_of_them():
    steps = [BootStep("a", required=True, group="g"), BootStep("b", required=True, group="g")]
    with pytest.raises(RigError, match=r"none of a, b"):
        walk(steps, {})


def test_snom_setting_files_are_fetched_before_the_rest():
    listing = b"""<?xml version="1.0"?><setting-files>
      <!-- <file url="old.xml"/> -->
      <file url="snom-general.xml"/><file url='000413AA.xml?a=1&amp;b=2'/></setting-files>"""
    served = {
        "snomD785.htm": listing,
        "snom-general.xml": b"<s/>",
        "000413AA.xml?a=1&b=2": b"<s/>",
    }
    asked, sequence = walk([BootStep("snomD785.htm", required=True), BootStep("last")], served)
    assert asked == ["snomD785.htm", "snom-general.xml", "000413AA.xml?a=1&b=2", "last"]
    assert set(sequence.files) == set(served)


def test_a_file_that_a_list_names_must_be_there():
    served = {"list.htm": b'<setting-files><file url="gone.xml"/></setting-files>'}
    with pytest.raises(RigError, match=r"gone\.xml is required"):
        walk([BootStep("list.htm")], served)


def test_poly_config_files_get_the_mac_for_the_placeholder():
    master = (
        b'<APPLICATION APP_FILE_PATH="sip.ld" CONFIG_FILES="[PHONE_MAC_ADDRESS]-u.cfg, s.cfg"/>'
    )
    assert follow_ups(master, MAC) == ["001565123456-u.cfg", "s.cfg"]


def test_yealink_boot_file_names_its_includes():
    boot = b'#!version:1.0.0.1\ninclude:config "common.cfg"\ninclude:config <own.cfg>\n'
    assert follow_ups(boot, MAC) == ["common.cfg", "own.cfg"]


def test_an_ordinary_file_names_nothing():
    assert follow_ups(b"account.1.label = include:config\n", MAC) == []
    assert follow_ups(b"\xff\xfe<broken", MAC) == []


def test_files_that_name_each_other_are_asked_for_once():
    served = {
        "a": b'<setting-files><file url="b"/></setting-files>',
        "b": b'<setting-files><file url="a"/></setting-files>',
    }
    asked, _ = walk([BootStep("a")], served)
    assert asked == ["a", "b"]


def test_a_chain_without_end_is_broken_off():
    class Endless(dict):
        def __contains__(self, path):
            return True

        def __getitem__(self, path):
            number = int(path) + 1
            return b'<setting-files><file url="%d"/></setting-files>' % number

    with pytest.raises(RigError, match="more than"):
        walk([BootStep("0")], Endless())

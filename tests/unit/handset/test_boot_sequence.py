"""The order of a boot's requests, fall-backs after 404, and files that name further ones."""

from __future__ import annotations

import pytest

from provisioning.address import Mac
from provisioning.device_profile import shipped_profiles
from provisioning.profile_model import BootRequest, FileKind
from provisioning.readback import read_back
from rig.errors import RigError
from rig.handset.emulated.boot_sequence import BootSequence, follow_ups

MAC = Mac.parse("00:15:65:12:34:56")
SNOM, POLY, YEALINK, AVAYA = (
    shipped_profiles()[model].boot.listing for model in ("D785", "VVX450", "T46U", "J179")
)


def walk(steps, served, listing=SNOM):
    """Boot against a mapping; returns what was asked for and the sequence."""
    sequence = BootSequence(steps, MAC, listing=listing)
    asked = []
    while (request := sequence.next_request()) is not None:
        asked.append(request.path)
        if request.path in served:
            sequence.fetched(request, served[request.path])
        else:
            sequence.missing(request)
    return asked, sequence


def test_alternatives_are_asked_for_until_one_is_there():
    steps = [
        BootRequest("cfg0015", required=True, group="own"),
        BootRequest("cfg0015.xml", required=True, group="own"),
        BootRequest("cfg.xml", required=True, group="own"),
        BootRequest("extra.xml"),
    ]
    asked, sequence = walk(steps, {"cfg0015.xml": b"<a/>"})
    assert asked == ["cfg0015", "cfg0015.xml", "extra.xml"]
    assert sequence.files == {"cfg0015.xml": b"<a/>"}


def test_a_required_file_that_is_missing_is_named():
    with pytest.raises(RigError, match=r"001565123456\.cfg is required"):
        walk([BootRequest("common.cfg"), BootRequest("001565123456.cfg", required=True)], {})


def test_a_required_group_without_any_file_names_all_of_them():
    steps = [
        BootRequest("a", required=True, group="g"),
        BootRequest("b", required=True, group="g"),
    ]
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
    asked, sequence = walk(
        [BootRequest("snomD785.htm", required=True, expects=FileKind.LIST), BootRequest("last")],
        served,
    )
    assert asked == ["snomD785.htm", "snom-general.xml", "000413AA.xml?a=1&b=2", "last"]
    assert set(sequence.files) == set(served)


def test_a_file_that_a_list_names_must_be_there():
    served = {"list.htm": b'<setting-files><file url="gone.xml"/></setting-files>'}
    with pytest.raises(RigError, match=r"gone\.xml is required"):
        walk([BootRequest("list.htm", expects=FileKind.LIST)], served)


def test_poly_config_files_get_the_mac_for_the_placeholder():
    master = (
        b'<APPLICATION APP_FILE_PATH="sip.ld" CONFIG_FILES="[PHONE_MAC_ADDRESS]-u.cfg, s.cfg"/>'
    )
    assert follow_ups(master, MAC, POLY) == ["001565123456-u.cfg", "s.cfg"]


def test_yealink_boot_file_names_its_includes():
    boot = b'#!version:1.0.0.1\ninclude:config "common.cfg"\ninclude:config <own.cfg>\n'
    assert follow_ups(boot, MAC, YEALINK) == ["common.cfg", "own.cfg"]


def test_an_ordinary_file_names_nothing():
    assert follow_ups(b"account.1.label = include:config\n", MAC, YEALINK) == []
    assert follow_ups(b"\xff\xfe<broken", MAC, POLY) == []
    assert follow_ups(b'<settings><uploads><file url="a"/></uploads></settings>', MAC, SNOM) == []


def test_files_that_name_each_other_are_asked_for_once():
    served = {
        "a": b'<setting-files><file url="b"/></setting-files>',
        "b": b'<setting-files><file url="a"/></setting-files>',
    }
    asked, _ = walk([BootRequest("a", expects=FileKind.LIST)], served)
    assert asked == ["a", "b"]


def test_a_chain_without_end_is_broken_off():
    class Endless(dict):
        def __contains__(self, path):
            return True

        def __getitem__(self, path):
            number = int(path) + 1
            return b'<setting-files><file url="%d"/></setting-files>' % number

    with pytest.raises(RigError, match="more than"):
        walk([BootRequest("0", expects=FileKind.LIST)], Endless())


def test_settings_are_not_searched_for_names_of_files():
    served = {"own.xml": b'<setting-files><file url="other.xml"/></setting-files>'}
    asked, _ = walk([BootRequest("own.xml")], served)
    assert asked == ["own.xml"]


def test_a_served_group_makes_other_requests_needless():
    steps = [
        BootRequest("own.boot", group="boot", expects=FileKind.LIST),
        BootRequest("own.cfg", required=True, unless_group="boot"),
    ]
    included = {"own.boot": b'include:config "x.cfg"\n', "x.cfg": b"a = 1\n"}
    assert walk(steps, included, YEALINK)[0] == ["own.boot", "x.cfg"]
    assert walk(steps, {"own.cfg": b"a = 1\n"})[0] == ["own.boot", "own.cfg"]


T46U = shipped_profiles()["T46U"]
OWN_BOOT, COMMON_BOOT = "001565123456.boot", "y000000000000.boot"
MODEL_CFG, OWN_CFG, LOCAL_CFG = (
    "y000000000108.cfg",
    "001565123456.cfg",
    "001565123456-local.cfg",
)
ORDINARY = {
    MODEL_CFG: b"#!version:1.0.0.1\nsip.notify_reboot_enable = 1\n",
    OWN_CFG: b"#!version:1.0.0.1\naccount.1.enable = 1\naccount.1.label = own\n",
    LOCAL_CFG: b"#!version:1.0.0.1\naccount.1.label = local\n",
}
SITE_CFG = b"#!version:1.0.0.1\naccount.1.enable = 1\naccount.1.label = site\n"


def boot_list(*names):
    lines = [f'include:config "{name}"' for name in names]
    return "\n".join(["#!version:1.0.0.1", *lines, ""]).encode()


@pytest.mark.parametrize(
    ("served", "asked", "label"),
    [
        (ORDINARY, [OWN_BOOT, COMMON_BOOT, MODEL_CFG, OWN_CFG, LOCAL_CFG], "local"),
        (
            {**ORDINARY, OWN_BOOT: boot_list("site.cfg"), "site.cfg": SITE_CFG},
            [OWN_BOOT, "site.cfg"],
            "site",
        ),
        (
            {**ORDINARY, COMMON_BOOT: boot_list("site.cfg"), "site.cfg": SITE_CFG},
            [OWN_BOOT, COMMON_BOOT, "site.cfg"],
            "site",
        ),
        (
            {OWN_BOOT: boot_list("site.cfg", OWN_CFG), "site.cfg": SITE_CFG, **ORDINARY},
            [OWN_BOOT, "site.cfg", OWN_CFG],
            "own",
        ),
        (
            {
                **ORDINARY,
                OWN_BOOT: boot_list("site.cfg"),
                COMMON_BOOT: boot_list(OWN_CFG),
                "site.cfg": SITE_CFG,
            },
            [OWN_BOOT, "site.cfg"],
            "site",
        ),
    ],
    ids=["no boot file", "own boot file", "common boot file", "own file in the list", "both"],
)
def test_a_yealink_boot_file_takes_the_place_of_the_other_names(served, asked, label):
    names, sequence = walk(T46U.boot_requests(MAC), served, YEALINK)
    assert names == asked
    (account,) = read_back(sequence.files, T46U, MAC).accounts
    assert account.label == label


def test_a_yealink_boot_file_that_names_nothing_leaves_the_handset_without_accounts():
    names, sequence = walk(T46U.boot_requests(MAC), {**ORDINARY, OWN_BOOT: boot_list()}, YEALINK)
    assert names == [OWN_BOOT]
    assert read_back(sequence.files, T46U, MAC).accounts == ()


def test_a_yealink_without_boot_files_needs_its_own_file():
    with pytest.raises(RigError, match=rf"{OWN_CFG} is required and not served"):
        walk(T46U.boot_requests(MAC), {MODEL_CFG: ORDINARY[MODEL_CFG]})


def test_avaya_get_lines_name_files_with_the_address_put_in():
    upgrade = b"## the phone's own file\nGET 46xxsettings.txt\r\nGET $MACADDR.cfg\n"
    assert follow_ups(upgrade, MAC, AVAYA) == ["46xxsettings.txt", "001565123456.cfg"]
    assert follow_ups(b'## GET a.cfg\nSET APPNAME "GET b.cfg"\n', MAC, AVAYA) == []

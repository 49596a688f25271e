"""Who is asking: graded by path, User-Agent, DHCP and certificate, by the shipped profiles."""

from __future__ import annotations

import pytest

from provisioning.address import Mac
from provisioning.device_profile import shipped_profiles
from provisioning.identifier import DhcpSeen, Identifier
from provisioning.identity import (
    NOBODY,
    Certainty,
    Clues,
    Identification,
    KnownHandset,
    KnownHandsets,
    identify,
    macs_in,
)
from provisioning.model_marks import ModelMarks

ANNA = KnownHandset("anna", Mac.parse("805ec01a2b01"), "T46U")
CLARA = KnownHandset("clara", Mac.parse("0004131a2b03"), "D785")
EMIL = KnownHandset("emil", Mac.parse("001565123456"), "T46U")
SITE = KnownHandsets([ANNA, CLARA, EMIL])
OWN = "/805ec01a2b01.cfg"
COMMON = "/y000000000108.cfg"
T46U = "Yealink SIP-T46U 108.86.0.20 80:5e:c0:1a:2b:01"
D785 = "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 x)"
SPA = "Cisco Systems, Inc. IP Phone CP-7941G"


@pytest.fixture(scope="module")
def marks() -> ModelMarks:
    return ModelMarks(shipped_profiles().values())


def ask(marks: ModelMarks, path: str, agent: str = "", **more: object) -> Identification:
    return identify(Clues(path, agent, **more), SITE, marks)  # type: ignore[arg-type]  # of several types


@pytest.mark.parametrize(
    ("path", "agent", "certificate", "handset", "certainty"),
    [
        (OWN, "", "", "anna", Certainty.ONE_MAC),
        ("/805EC01A2B01.cfg", "", "", "anna", Certainty.ONE_MAC),
        ("/80:5e:c0:1a:2b:01.cfg", "", "", "anna", Certainty.ONE_MAC),
        ("/x_80_5e_c0_1a_2b_01.cfg", "", "", "anna", Certainty.ONE_MAC),
        ("/p/80%3A5e%3Ac0%3A1a%3A2b%3A01.cfg", "", "", "anna", Certainty.ONE_MAC),
        ("/snomD785-0004131A2B03.htm", "curl/8", "", "clara", Certainty.ONE_MAC),
        (OWN, T46U[:-18], "", "anna", Certainty.ONE_MAC),  # no Yealink sends it like this
        (OWN, T46U, "", "anna", Certainty.TWO_MACS),
        (COMMON, T46U, "", "anna", Certainty.MAC_AND_MODEL),
        ("/snomD785-0004131A2B03.htm", D785, "", "clara", Certainty.MAC_AND_MODEL),
        (OWN, T46U, "805EC01A2B01", "anna", Certainty.CERTIFICATE),
        ("/snomD785.htm", D785, "", "clara", Certainty.MODEL_ONLY),
        ("/snomD785.htm", "", "", "clara", Certainty.MODEL_ONLY),
        (COMMON, "", "", "", Certainty.UNKNOWN),  # the site has two of them
        ("/common.cfg", "", "", "", Certainty.UNKNOWN),
        ("/aabbccddeef0.cfg", "", "", "", Certainty.UNKNOWN),
        ("/000000000000.cfg", "", "", "", Certainty.UNKNOWN),
        (OWN, D785, "", "", Certainty.CONFLICT),
        (COMMON, D785, "", "", Certainty.CONFLICT),
        (OWN, T46U.replace("80:5e:c0:1a:2b:01", "00:15:65:12:34:56"), "", "", Certainty.CONFLICT),
        (OWN, "", "001565123456", "", Certainty.CONFLICT),
    ],
)
def test_grades(
    marks: ModelMarks, path: str, agent: str, certificate: str, handset: str, certainty: Certainty
) -> None:
    found = ask(marks, path, agent, certificate_name=certificate)
    assert (found.handset, found.certainty) == (handset, certainty)


def test_evidence_and_firmware_are_told(marks: ModelMarks) -> None:
    found = ask(marks, COMMON, T46U)
    assert str(found) == (
        "model=T46U mac=80:5e:c0:1a:2b:01 firmware=108.86.0.20 sure=mac_and_model"
    )
    assert found.evidence == (
        "the User-Agent has the MAC 80:5e:c0:1a:2b:01",
        "the User-Agent is that of a T46U",
        "the path is that of a T46U",
    )
    assert str(NOBODY) == "model=? mac=? firmware=? sure=unknown"


def test_a_conflict_says_what_contradicts_what(marks: ModelMarks) -> None:
    found = ask(marks, OWN, D785)
    assert found.evidence == (
        "the path has the MAC 80:5e:c0:1a:2b:01",
        "the User-Agent is that of a D785",
        "the handset with this MAC is anna, a T46U",
    )


def test_a_stranger_of_a_known_model_keeps_model_and_mac(marks: ModelMarks) -> None:
    found = ask(marks, "/0004139a9a9a.htm", D785)
    assert (found.handset, found.certainty) == ("", Certainty.UNKNOWN)
    assert (found.models, str(found.mac)) == (("D785",), str(Mac("0004139a9a9a")))


def test_a_file_that_several_vendors_ask_for_tells_no_model(marks: ModelMarks) -> None:
    assert not marks.of_path("805ec01a2b01.cfg").models
    assert not marks.of_path("y000000000999.cfg").models
    assert marks.of_path("firmware/of/2026/y000000000108.cfg?x=1").models == {"T46U"}


def test_a_vendor_class_names_the_model_or_all_of_the_vendor(marks: ModelMarks) -> None:
    assert marks.of_vendor_class(SPA).models == {"CP-7941G"}
    assert marks.of_vendor_class("LINKSYS SPA-942").models == {"SPA942"}
    assert "SPA942" in marks.of_vendor_class("LINKSYS SPA-99").models
    assert not marks.of_vendor_class("MSFT 5.0").models


def test_dhcp_tells_who_has_the_address(marks: ModelMarks) -> None:
    book = {"192.0.2.7": DhcpSeen(CLARA.mac, "snomD785"), "192.0.2.8": DhcpSeen(ANNA.mac, SPA)}
    identifier = Identifier(SITE, marks, book.get)
    plain = identifier("192.0.2.7", "/unknown.bin", "", "")
    assert (plain.handset, plain.certainty) == ("clara", Certainty.MAC_AND_MODEL)
    assert identifier("192.0.2.7", "/0004131A2B03.htm", "", "").certainty is Certainty.TWO_MACS
    assert identifier("192.0.2.7", OWN, "", "").certainty is Certainty.CONFLICT
    assert identifier("192.0.2.8", OWN, "", "").certainty is Certainty.CONFLICT
    assert identifier("192.0.2.9", "/unknown.bin", "", "") == NOBODY


def test_a_mac_inside_a_longer_run_of_hex_digits_is_none() -> None:
    assert macs_in("d41d8cd98f00b204e9800998ecf8427e") == ()
    assert macs_in("x0004131a2b03y 0004131A2B03 01005e000001") == (CLARA.mac,)


def test_a_serial_number_that_looks_like_a_mac_is_none(marks: ModelMarks) -> None:
    found = ask(marks, "/000e081a2b05.xml", "Linksys/SPA-942-6.1.5(a) (88019FA42805)")
    assert (found.models, found.mac) == (("SPA942",), Mac("000e081a2b05"))


def test_hostile_text_is_cut_and_harms_nobody(marks: ModelMarks) -> None:
    long = "/" + "a" * 100_000 + "805ec01a2b01"
    assert ask(marks, long, "z" * 100_000, vendor_class="y" * 100_000) == NOBODY
    assert ask(marks, "/%ff%zz%", "\udcff", vendor_class="\0\xff") == NOBODY

"""Who is asking: graded by path, User-Agent and certificate; patterns come from outside."""

from __future__ import annotations

import re

import pytest

from provisioning.address import Mac
from provisioning.identity import (
    Certainty,
    KnownHandset,
    RequestPattern,
    identify,
    macs_in,
)

ANNA = KnownHandset("anna", Mac.parse("805ec01a2b01"), "T46U")
CLARA = KnownHandset("clara", Mac.parse("0004131a2b03"), "D785")
EMIL = KnownHandset("emil", Mac.parse("001565123456"), "T46U")
SPA = KnownHandset("spa", Mac.parse("0004f21a2b09"), "SPA9")
SITE = (ANNA, CLARA, EMIL, SPA)
PATTERNS = (
    RequestPattern(
        "T46U", re.compile(r"^Yealink SIP-T46U (?P<firmware>[\d.]+)(?: (?P<mac>[0-9a-f:]+))?")
    ),
    RequestPattern("D785", re.compile(r"snomD785-SIP (?P<firmware>[\d.]+)")),
    RequestPattern("SPA9", path=re.compile(r"^/spa(?P<mac>[0-9a-f]{12})\.cfg$")),
)
YEALINK = "Yealink SIP-T46U 108.86.0.20"


@pytest.mark.parametrize(
    ("path", "agent", "certificate", "handset", "certainty"),
    [
        ("/805ec01a2b01.cfg", "", "", "anna", Certainty.ONE_MAC),
        ("/805EC01A2B01.cfg", "", "", "anna", Certainty.ONE_MAC),
        ("/80:5e:c0:1a:2b:01.cfg", "", "", "anna", Certainty.ONE_MAC),
        ("/p/80%3A5e%3Ac0%3A1a%3A2b%3A01.cfg", "", "", "anna", Certainty.ONE_MAC),
        ("/cfg805ec01a2b01.xml", "", "", "anna", Certainty.ONE_MAC),
        ("/snomD785-0004131A2B03.htm", "curl/8", "", "clara", Certainty.ONE_MAC),
        ("/805ec01a2b01.cfg", YEALINK, "", "anna", Certainty.MAC_AND_MODEL),
        (
            "/805ec01a2b01.cfg",
            f"{YEALINK} 80:5e:c0:1a:2b:01",
            "",
            "anna",
            Certainty.TWO_MACS,
        ),
        ("/common.cfg", f"{YEALINK} 80:5e:c0:1a:2b:01", "", "anna", Certainty.MAC_AND_MODEL),
        ("/805ec01a2b01.cfg", YEALINK, "805EC01A2B01", "anna", Certainty.CERTIFICATE),
        ("/common.cfg", "snomD785-SIP 10.1", "", "clara", Certainty.MODEL_ONLY),
        ("/common.cfg", YEALINK, "", "", Certainty.UNKNOWN),  # the site has two of them
        ("/common.cfg", "", "", "", Certainty.UNKNOWN),
        ("/aabbccddeef0.cfg", "", "", "", Certainty.UNKNOWN),
        ("/000000000000.cfg", "", "", "", Certainty.UNKNOWN),
        ("/805ec01a2b01.cfg", "snomD785-SIP 10.1", "", "", Certainty.CONFLICT),
        ("/805ec01a2b01.cfg", f"{YEALINK} 00:15:65:12:34:56", "", "", Certainty.CONFLICT),
        ("/805ec01a2b01.cfg", "", "001565123456", "", Certainty.CONFLICT),
        ("/spa0004f21a2b09.cfg", "", "", "spa", Certainty.ONE_MAC),
    ],
)
def test_grades(
    path: str, agent: str, certificate: str, handset: str, certainty: Certainty
) -> None:
    found = identify(path, agent, SITE, PATTERNS, certificate_name=certificate)
    assert (found.handset, found.certainty) == (handset, certainty)


def test_evidence_and_firmware_are_told() -> None:
    found = identify("/805ec01a2b01.cfg", YEALINK, SITE, PATTERNS)
    assert found.firmware == "108.86.0.20"
    assert found.models == ("T46U",)
    assert found.evidence == (
        "the path has the MAC 80:5e:c0:1a:2b:01",
        "the User-Agent is that of a T46U",
    )


def test_a_mac_inside_a_longer_run_of_hex_digits_is_none() -> None:
    assert macs_in("d41d8cd98f00b204e9800998ecf8427e") == ()
    assert macs_in("x0004131a2b03y 0004131A2B03 01005e000001") == (CLARA.mac,)


def test_hostile_lengths_are_cut() -> None:
    found = identify("/" + "a" * 100_000 + "805ec01a2b01", "z" * 100_000, SITE, PATTERNS)
    assert found.certainty is Certainty.UNKNOWN


def test_a_broken_escape_is_only_unknown() -> None:
    assert identify("/%ff%zz%", "\udcff", SITE, PATTERNS).certainty is Certainty.UNKNOWN

"""What phones say when they ask by SIP PnP: requests as vendors and public programs show them."""

from __future__ import annotations

import pytest

from provisioning.address import Mac
from rig.pnp.ask import PnpAsk, read_ask
from rig.sip.message import Request
from rig.sip.parser import parse_message

HOST = "192.168.10.67"
SOURCE = (HOST, 5060)

# service.snom.com/x/6LD3DQ: no branch, no Max-Forwards, a foreign host in the URIs.
SNOM = """\
SUBSCRIBE sip:MAC%3a00135E874B49@intern.snom.de SIP/2.0
Via: SIP/2.0/UDP 192.168.10.67:5060;rport
From: <sip:MAC%3a00135E874B49@intern.snom.de>;tag=658512961
To: <sip:MAC%3a00135E874B49@intern.snom.de>
Call-ID: 1930770594@192.168.10.67
CSeq: 1 SUBSCRIBE
Event: ua-profile;profile-type="device";vendor="OEM";model="OEM";version="7.1.19"
Expires: 0
Accept: application/url
Contact: <sip:192.168.10.67:5060>
Content-Length: 0

"""
# Recorded from a GRP2612W by a public program.
GRANDSTREAM = """\
SUBSCRIBE sip:MAC%3AC074AD112233@224.0.1.75 SIP/2.0
Via: SIP/2.0/UDP 192.168.10.67:5080;branch=z9hG4bK1611133778;rport
From: <sip:MAC%3AC074AD112233@224.0.1.75>;tag=395400190
To: <sip:MAC%3AC074AD112233@224.0.1.75>
Call-ID: 490431573-5080-1@BJC.BGI.IG.DA
CSeq: 20000 SUBSCRIBE
Contact: <sip:192.168.10.67:5080>
Max-Forwards: 70
User-Agent: Grandstream GRP2612W 1.0.5.67
Expires: 0
Supported: replaces, path
Event: ua-profile;profile-type="device";vendor="Grandstream";model="GRP2612W";version="1.0.5.67"
Accept: application/url
Content-Length: 0

"""
# Manual of PLANET VIP-1120PT, page 6: no tag, the MAC behind an equals sign.
PLANET = """\
SUBSCRIBE sip:MAC=00304fa99948@224.0.1.75 SIP/2.0
Via: SIP/2.0/UDP 192.168.10.67:5060;branch=z9hG4bK3102710241234624733
From: <sip:MAC=00304fa99948@224.0.1.75>
To: <sip:MAC=00304fa99948@224.0.1.75>
Call-ID: 322432620212850-163241588724467@192.168.10.67
CSeq: 1 SUBSCRIBE
Contact: <sip:192.168.10.67:5060>
Max-Forwards: 70
User-Agent: PLANET VIP-2140PT
Expires: 0
Event:ua-profile;profile-type="device";vendor="PLANET";model="VIP-2140PT";version="2.0.3.2991"
Accept: application/url
Content-Length: 0

"""
# Administrator's manual of 405HD, LTRT-11973 page 42: nobody's MAC.
AUDIOCODES = """\
SUBSCRIBE sip:224.0.1.75:5060 SIP/2.0
From: <sip:00000001@192.168.10.67:5060>;tag=87a5a8-25020d0a-13c4
To: <sip:224.0.1.75:5060>
Call-ID: 8884c8-25020d0a-13c4-50029-386d4398-3e2bcb8e-386d4398
CSeq: 1 SUBSCRIBE
Via: SIP/2.0/UDP 192.168.10.67:5060;rport;branch=z9hG4bK-386d4398
Expires: 0
Event: ua-profile;profile-type="application";model="440HD";version="2.2.2"
Max-Forwards: 70
Supported: replaces,100rel
Accept: application/url
Contact: <sip:00000001@192.168.10.67:5060>
User-Agent: AUDC-IPPhone/2.2.2
Content-Length: 0

"""


def request(text: str) -> Request:
    message = parse_message(text.replace("\n", "\r\n").encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SNOM, PnpAsk(Mac("00135e874b49"), "OEM", "OEM", "7.1.19", SOURCE)),
        (
            GRANDSTREAM,
            PnpAsk(Mac("c074ad112233"), "Grandstream", "GRP2612W", "1.0.5.67", (HOST, 5080)),
        ),
        (PLANET, PnpAsk(Mac("00304fa99948"), "PLANET", "VIP-2140PT", "2.0.3.2991", SOURCE)),
        (AUDIOCODES, PnpAsk(None, "", "440HD", "2.2.2", SOURCE)),
    ],
    ids=["snom", "grandstream", "planet", "audiocodes"],
)
def test_a_phone_is_understood(text: str, wanted: PnpAsk) -> None:
    assert read_ask(request(text), (HOST, 40000)) == wanted


def test_the_vendor_may_be_spelt_as_panasonic_does() -> None:
    ask = read_ask(request(SNOM.replace('vendor="OEM"', 'vender="Panasonic"')), SOURCE)
    assert ask is not None
    assert ask.vendor == "Panasonic"


@pytest.mark.parametrize(
    "spelt", ["MAC%3a00:13:5E:87:4B:49", "00135e874b49", "mac:00-13-5e-87-4b-49"]
)
def test_a_mac_is_read_in_every_spelling(spelt: str) -> None:
    ask = read_ask(request(SNOM.replace("MAC%3a00135E874B49", spelt)), SOURCE)
    assert ask is not None
    assert ask.mac == Mac("00135e874b49")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Event: ua-profile", "Event: message-summary"),
        ("Event: ua-profile", "X-Event: ua-profile"),
        ("Accept: application/url", "Accept: application/pidf+xml"),
        ("Contact: <sip:192.168.10.67:5060>", "Contact: <sip:192.0.2.66:5060>"),
        ("Contact: <sip:192.168.10.67:5060>", "Contact: <sip:victim.example>"),
        ("Contact: <sip:192.168.10.67:5060>", "Contact: <sip:"),
        ("To: <sip:MAC%3a00135E874B49@intern.snom.de>", "To: <sip:x@h>;tag=1"),
        ("SUBSCRIBE sip:MAC", "INVITE sip:MAC"),
    ],
)
def test_what_is_no_question_is_none(old: str, new: str) -> None:
    assert old in SNOM
    assert read_ask(request(SNOM.replace(old, new)), SOURCE) is None


def test_who_names_two_macs_names_none() -> None:
    text = SNOM.replace("From: <sip:MAC%3a00135E874B49", "From: <sip:MAC%3a00135E874B50")
    ask = read_ask(request(text), SOURCE)
    assert ask is not None
    assert ask.mac is None


def test_words_for_the_log_are_short_and_printable() -> None:
    text = SNOM.replace('model="OEM"', 'model="a\x1b[2J' + "x" * 500 + '"')
    ask = read_ask(request(text), SOURCE)
    assert ask is not None
    assert ask.model == "a?[2J" + "x" * 59

"""What labgrid-client prints is read as it is, and whatever else it prints is a fault of the rig.

The texts were recorded from labgrid 26.0.1.
"""

from __future__ import annotations

import pytest

from rig.errors import RigError
from rig.hardware.labgrid_shown import parse_shown, serial_url

HELD = """\
Place 'desk':
  matches:
    site/lamps-7/*
    site/phone-7/*
  acquired: h/rig
  acquired resources:
    site/lamps-7/NetworkSerialPort/RawSerialPort
    site/phone-7/NetworkPowerPort/NetworkPowerPort
  created: 2026-11-30 10:39:09.902659
  changed: 2026-11-30 10:39:15.031507
Acquired resource 'RawSerialPort' (site/lamps-7/NetworkSerialPort/RawSerialPort):
  {'acquired': 'desk',
   'avail': True,
   'cls': 'NetworkSerialPort',
   'params': {'extra': {'path': '/dev/pts/4',
                        'proxy': 'localhost',
                        'proxy_required': False},
              'host': '127.0.0.1',
              'port': 58335,
              'speed': 115200}}
Acquired resource 'NetworkPowerPort' (site/phone-7/NetworkPowerPort/NetworkPowerPort):
  {'acquired': 'desk',
   'avail': True,
   'cls': 'NetworkPowerPort',
   'params': {'extra': {'proxy': 'localhost', 'proxy_required': False},
              'host': 'http://127.0.0.1:18080/relay/{index}',
              'index': 1,
              'model': 'rest'}}
"""
FREE = (
    HELD.replace("acquired: h/rig", "acquired: None")
    .replace("Acquired resource", "Matching resource")
    .replace("'port': 58335", "'port': None")
)
SECOND = HELD[HELD.index("Acquired resource 'Raw") : HELD.index("Acquired resource 'Net")].replace(
    "lamps-7", "console-7"
)


def test_a_place_that_is_held_tells_who_has_it_and_what_it_is_made_of():
    shown = parse_shown(HELD)
    assert (shown.name, shown.holder, shown.orphans) == ("desk", "h/rig", ())
    assert [(each.name, each.kind, each.available) for each in shown.resources] == [
        ("RawSerialPort", "NetworkSerialPort", True),
        ("NetworkPowerPort", "NetworkPowerPort", True),
    ]
    assert shown.resources[1].params["model"] == "rest"


def test_a_place_that_is_free_has_no_holder_and_no_open_port():
    shown = parse_shown(FREE)
    assert shown.holder == ""
    with pytest.raises(RigError, match=r"is not open: host '127\.0\.0\.1', port None"):
        serial_url(shown)


def test_what_an_exporter_took_away_is_told():
    text = HELD[: HELD.index("Acquired resource")]
    text += "Orphaned resource 'RawSerialPort' (site/lamps-7/NetworkSerialPort/RawSerialPort)\n"
    shown = parse_shown(text)
    assert shown.resources == ()
    assert shown.orphans == ("site/lamps-7/NetworkSerialPort/RawSerialPort",)


@pytest.mark.parametrize(
    ("old", "new", "url"),
    [
        ("", "", "rfc2217://127.0.0.1:58335?ign_set_control"),
        ("'127.0.0.1'", "'lab.example'", "rfc2217://lab.example:58335?ign_set_control"),
        ("'127.0.0.1'", "'fd00::7'", "rfc2217://[fd00::7]:58335?ign_set_control"),
        ("'speed'", "'protocol': 'raw', 'speed'", "socket://127.0.0.1:58335"),
        ("'speed'", "'protocol': 'rfc2217', 'speed'", "rfc2217://127.0.0.1:58335?ign_set_control"),
    ],
)
def test_the_address_of_the_serial_port_is_what_pyserial_wants(old, new, url):
    assert serial_url(parse_shown(HELD.replace(old, new, 1) if old else HELD)) == url


def test_of_two_serial_ports_one_is_named():
    shown = parse_shown(HELD + SECOND)
    with pytest.raises(RigError, match=r"has 2 times serial port, expected one.*console-7"):
        serial_url(shown)
    with pytest.raises(RigError, match="has 0 times serial port 'lamps'"):
        serial_url(shown, "lamps")
    path = "site/console-7/NetworkSerialPort/RawSerialPort"
    assert serial_url(shown, path) == "rfc2217://127.0.0.1:58335?ign_set_control"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("'proxy_required': False", "'proxy_required': True", "through an SSH proxy only"),
        ("'avail': True", "'avail': False", "is not open"),
        ("58335", "'58335'", "is not open: host '127.0.0.1', port '58335'"),
        ("'NetworkSerialPort'", "'USBSerialPort'", "has 0 times serial port"),
    ],
)
def test_a_port_that_cannot_be_used_says_why(old, new, why):
    with pytest.raises(RigError, match=why):
        serial_url(parse_shown(HELD.replace(old, new, 1)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "usage: labgrid-client [-h]\n",
        HELD.replace("  acquired: h/rig\n", ""),
        HELD.replace("'cls': 'NetworkSerialPort'", "'kind': 1"),
        HELD.replace("True", "__import__('os').getpid()"),
        HELD.replace("'params': {'extra'", "'params': {{'extra'"),
        HELD.replace("'host': '127.0.0.1'", "'host': " + "[" * 5000),
    ],
)
def test_other_words_than_those_of_labgrid_are_a_fault_of_the_rig(text):
    with pytest.raises(RigError, match="is it labgrid 26"):
        parse_shown(text)

"""What a PoE port's admin state and detection status mean, and which ports are switched."""

from __future__ import annotations

import itertools

import pytest

from provisioning.secret import Secret
from rig.errors import UsageError
from rig.hardware.poe_snmp import (
    Detection,
    PoePort,
    PoeSwitch,
    PortIndex,
    parse_ports,
    reading_of,
)
from rig.hardware.power import PowerState
from rig.hardware.snmp_agent import CommunityAccess, SnmpAgent, UserAccess

TABLE = {
    (1, 1): PowerState.IDLE, (1, 2): PowerState.IDLE, (1, 3): PowerState.ON,
    (1, 4): PowerState.FAULT, (1, 5): PowerState.UNKNOWN, (1, 6): PowerState.FAULT,
    (2, 1): PowerState.OFF, (2, 2): PowerState.OFF, (2, 3): PowerState.ON,
    (2, 4): PowerState.FAULT, (2, 5): PowerState.UNKNOWN, (2, 6): PowerState.FAULT,
}  # fmt: skip


def test_every_pair_of_rfc_3621_has_its_meaning():
    assert {(a, d): reading_of(a, d).state for a, d in itertools.product((1, 2), range(1, 7))} == (
        TABLE
    )


def test_a_port_that_delivers_is_never_off_whatever_it_was_told():
    assert reading_of(2, Detection.DELIVERING_POWER).state is PowerState.ON


@pytest.mark.parametrize(("admin", "detection"), [(0, 1), (7, 2), (1, 0), (2, 99)])
def test_numbers_that_no_document_knows_are_unknown(admin, detection):
    assert reading_of(admin, detection).state is PowerState.UNKNOWN


def test_a_reading_says_what_the_switch_said():
    assert reading_of(2, 3).detail == "admin disabled, detection delivering power (3)"


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("5", {(1, 5)}),
        ("2/7", {(2, 7)}),
        ("1-3", {(1, 1), (1, 2), (1, 3)}),
        ("2/9-10", {(2, 9), (2, 10)}),
    ],
)
def test_ports_are_written_as_people_write_them(text, ports):
    assert parse_ports(text) == {PortIndex(*port) for port in ports}


@pytest.mark.parametrize(
    "text", ["", "0", "0/5", "2/0", "-1", "5-1", "0-3", "1-9999", "a", "1/2/3", "1 "]
)
def test_what_is_no_port_is_refused(text):
    with pytest.raises(ValueError, match=r"port|range"):
        parse_ports(text)


def switch(ports="1-24", uplinks=""):
    agent = SnmpAgent("sw1", "127.0.0.1", CommunityAccess(Secret("x")))
    return PoeSwitch(agent, parse_ports(ports), parse_ports(uplinks) if uplinks else frozenset())


def test_a_port_that_is_not_on_the_list_is_never_switched():
    with pytest.raises(UsageError, match="port 25 of sw1 is not on the list of ports to switch"):
        PoePort(switch(), PortIndex(1, 25))


def test_an_uplink_is_never_switched_even_if_it_is_on_the_list():
    with pytest.raises(UsageError, match="port 24 of sw1 is an uplink and is never switched"):
        PoePort(switch(uplinks="24"), PortIndex(1, 24))


def test_a_port_on_the_list_has_a_name_for_reports():
    assert PoePort(switch(), PortIndex(1, 5)).name == "sw1 port 5"


@pytest.mark.parametrize("keys", [("short", "priv-key-0815"), ("auth-key-4711", "short")])
def test_keys_that_snmp_refuses_are_refused_before_anything_is_sent(keys):
    access = UserAccess("rig", Secret(keys[0]), Secret(keys[1]))
    with pytest.raises(UsageError, match="fewer than 8 characters") as error:
        SnmpAgent("sw1", "127.0.0.1", access)
    assert "short" not in str(error.value)


def test_how_one_is_let_in_is_not_shown():
    shown = repr(UserAccess("rig", Secret("auth-key-4711"), Secret("priv-key-0815")))
    assert "auth-key" not in shown
    assert "priv-key" not in shown

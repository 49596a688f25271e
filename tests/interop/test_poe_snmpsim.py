"""Power over Ethernet by SNMP against a real agent: snmpsim, v2c and v3, obedient and not."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
import warnings

import pytest
from snmp_kit import COMMUNITY, PATIENT, QUICK, by_user, open_files, poe_switch

from provisioning.secret import Secret
from rig.errors import UsageError
from rig.hardware.poe_snmp import PoePort, PortIndex
from rig.hardware.power import PowerError, PowerState
from rig.hardware.snmp_agent import AuthProtocol, CommunityAccess, PrivProtocol

PHONE, STUCK, EMPTY, BROKEN, LATE, FIXED, MISSING = range(1, 8)
SHORT = {"timeout_s": 0.15, "retries": 1}

pytestmark = pytest.mark.interop("snmpsim")


@pytest.fixture(scope="module")
def switch(tmp_path_factory):
    with poe_switch(tmp_path_factory.mktemp("switch")) as process:
        yield process


def port(process, number, access=None, **options):
    options.setdefault("limits", PATIENT)
    return PoePort(process.switch(access, **options), PortIndex(1, number))


@pytest.mark.parametrize("access", [None, by_user()], ids=["v2c", "v3"])
async def test_a_phone_is_switched_off_and_on_and_read_back(switch, access):
    feed = port(switch, PHONE, access)
    try:
        assert (await feed.state()).state is PowerState.ON
        await feed.off()
        assert (await feed.state()).state is PowerState.OFF
        await feed.on()
        assert (await feed.state()).detail == "admin enabled, detection delivering power (3)"
        await feed.cycle(0)
        assert (await feed.state()).state is PowerState.ON
    finally:
        await feed.close()


async def test_a_switch_that_takes_its_time_is_waited_for(switch):
    feed = port(switch, LATE)
    try:
        await feed.off()
        assert (await feed.state()).state is PowerState.OFF
        await feed.on()
        assert (await feed.state()).state is PowerState.ON
    finally:
        await feed.close()


async def test_a_port_that_delivers_on_is_not_taken_for_off(switch):
    feed = port(switch, STUCK, limits=QUICK)
    try:
        with pytest.raises(PowerError, match=r"power is not off.*admin disabled, detection deliv"):
            await feed.cycle()
        assert (await feed.state()).detail == "admin enabled, detection delivering power (3)"
    finally:
        await feed.close()


@pytest.mark.parametrize(
    ("number", "what"),
    [(EMPTY, "does a phone hang on this port"), (BROKEN, r"detection fault \(4\)")],
)
async def test_a_port_that_feeds_nobody_does_not_count_as_on(switch, number, what):
    feed = port(switch, number, limits=QUICK)
    try:
        with pytest.raises(PowerError, match=f"no power within.*{what}"):
            await feed.on()
    finally:
        await feed.close()


async def test_a_port_that_may_not_be_written_is_named(switch):
    feed = port(switch, FIXED)
    try:
        with pytest.raises(PowerError, match=r"refuses: notWritable 1\.3\.6.*may this user"):
            await feed.off()
    finally:
        await feed.close()


async def test_a_port_that_the_switch_does_not_have_is_named(switch):
    feed = port(switch, MISSING)
    try:
        with pytest.raises(PowerError, match=r"has no 1\.3\.6\.1\.2\.1\.105.*no such port"):
            await feed.state()
    finally:
        await feed.close()


@pytest.mark.parametrize(
    ("access", "what"),
    [
        (CommunityAccess(Secret("wrong-one")), "does not answer within 0.3 s.*community right"),
        (by_user(user="nobody"), "does not know this user"),
        (by_user(auth="wrong-auth-1"), "auth key or protocol is not the agent's"),
        (by_user(priv="wrong-priv-1"), "priv key or protocol is not the agent's"),
        (by_user(auth_protocol=AuthProtocol.SHA), "auth key or protocol is not the agent's"),
        (by_user(priv_protocol=PrivProtocol.AES256), "priv key or protocol is not the agent's"),
    ],
    ids=["community", "user", "auth", "priv", "auth protocol", "priv protocol"],
)
async def test_whoever_is_not_let_in_is_told_why_and_no_secret_is_shown(switch, access, what):
    feed = port(switch, PHONE, access, **SHORT)
    try:
        with pytest.raises(PowerError, match=what) as error:
            await feed.off()
    finally:
        await feed.close()
    assert "wrong-" not in str(error.value)
    assert COMMUNITY not in str(error.value)


def test_a_port_off_the_list_and_an_uplink_are_not_even_asked(switch):
    with pytest.raises(UsageError, match="not on the list"):
        port(switch, 23)
    with pytest.raises(UsageError, match="is an uplink"):
        port(switch, PHONE, uplinks=[PortIndex(1, PHONE)])


async def test_an_agent_that_is_silent_is_an_error_in_its_time_and_leaves_nothing(tmp_path):
    """Nobody answers, nobody refuses: the port is bound and mute."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        from snmp_kit import SwitchProcess  # noqa: PLC0415 - a switch without a process

        feed = port(SwitchProcess(mute.getsockname()[1], None), PHONE, **SHORT)
        began = time.monotonic()
        with pytest.raises(PowerError, match=r"does not answer within 0.3 s"):
            await feed.off()
        assert time.monotonic() - began < 20
        await feed.close()
        await feed.close()


async def test_a_switch_that_dies_in_between_is_an_error(tmp_path):
    with poe_switch(tmp_path) as process:
        feed = port(process, PHONE, **SHORT)
        await feed.off()
        process.stop()
        with pytest.raises(PowerError, match="does not answer"):
            await feed.on()
        await feed.close()


async def test_a_name_that_nobody_has_is_an_error(switch):
    agent = switch.agent(**SHORT)
    agent._host = "no-such-switch.invalid"
    from rig.hardware.poe_snmp import PoeSwitch  # noqa: PLC0415 - beside its agent

    feed = PoePort(PoeSwitch(agent, frozenset({PortIndex(1, 1)})), PortIndex(1, 1))
    with pytest.raises(PowerError, match="no SNMP with sw1"):
        await feed.state()
    await feed.close()


async def test_breaking_off_a_request_leaves_no_socket_and_no_task(switch):
    before = open_files()
    tasks = asyncio.all_tasks()
    feed = port(switch, PHONE, CommunityAccess(Secret("wrong-one")), timeout_s=5, retries=0)
    waiting = asyncio.create_task(feed.state())
    await asyncio.sleep(0.2)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await feed.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await asyncio.sleep(0.05)
        gc.collect()
    assert open_files() == before
    assert asyncio.all_tasks() == tasks


def files_below(folder):
    return list(folder.rglob("*"))


async def test_no_mib_is_looked_for_and_no_file_is_left(switch, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    feed = port(switch, PHONE)
    await feed.state()
    await feed.close()
    assert files_below(tmp_path) == []

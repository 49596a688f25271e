"""A place of a real labgrid lab: taken for a run, its power switched, its lamp board reached.

Real are coordinator, exporter, client and ser2net; the power switch speaks HTTP, the lamp board
its line protocol on a pseudo terminal.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from cli_runner import PROGRAM, environment, error_lines, run_cli
from labgrid_kit import CLIENT, Coordinator, Lab, require_labgrid, switch
from lamp_board_fake import DARK, LIT, FakeBoard
from lamp_board_kit import wait_until

from rig.bench import Bench
from rig.bench_file import load_bench
from rig.errors import RigError
from rig.hardware.labgrid_place import LabgridPlace, LabgridPort, PlaceAddress
from rig.hardware.power import PowerError, PowerLimits, PowerState

# pyserial 3.5 still sets its reader thread of RFC 2217 up as Python 2 did.
pytestmark = [
    pytest.mark.interop(peer="labgrid"),
    pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning"),
]

FILE = """\
site: demo
roles: {{callee: anna, caller: emil, target: frida}}
limits: {{lamp_s: 20, boot_s: 20, power_off_s: 0.1}}
lamps: lamps.yaml
places:
  desk: {{coordinator: "{at}", place: desk-7, client: "{client}"}}
handsets:
  anna: {{power: {{place: desk}}}}
  emil:
  frida:
"""
LAMPS = f"""\
schema: 1
boards:
  - url: labgrid:desk
    lamps:
      - {{channel: 0, handset: anna, levels: {{dark: {DARK}, lit: {LIT}, on: 368, off: 252}}}}
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with FakeBoard(tmp_path_factory.mktemp("board"), speed=1.0) as board:
        yield board


@pytest.fixture(scope="module")
def whole_lab(tmp_path_factory, board):
    require_labgrid()
    with switch() as server, Lab(tmp_path_factory.mktemp("lab"), board.url, server) as lab:
        yield lab
    assert lab.ser2nets() == []


@pytest.fixture
def lab(whole_lab):
    """Free before and after each test, its power on."""
    whole_lab.switch.on = whole_lab.switch.obeys = True
    whole_lab.switch.told.clear()
    yield whole_lab
    assert holder(whole_lab) == "None"
    assert whole_lab.ser2nets() == []


def holder(lab):
    (line,) = [each for each in lab.client("desk-7", "show").splitlines() if "acquired: " in each]
    return line.strip().removeprefix("acquired: ")


def bench_file(lab, folder, lamps=LAMPS):
    path = folder / "bench.yaml"
    text = FILE.format(at=lab.at, client=CLIENT)
    path.write_text(text if lamps else text.replace("lamps: lamps.yaml\n", ""))
    (folder / "lamps.yaml").write_text(lamps)
    return path


async def test_a_place_belongs_to_one_run_and_whoever_comes_second_is_told_whose_it_is(lab):
    first, second = lab.place(), lab.place()
    shown = await first.acquire()
    try:
        assert shown.holder == f"{first.host}/{first.user}"
        assert {each.kind for each in shown.resources} == {"NetworkPowerPort", "NetworkSerialPort"}
        assert first.serial_url.startswith("rfc2217://127.0.0.1:")
        assert len(lab.ser2nets()) == 1
        with pytest.raises(RigError, match=f"is taken by {shown.holder}; wait until"):
            await second.acquire()
        assert "already acquired by" in await asyncio.to_thread(lab.client, "desk-7", "acquire")
        # Who was refused gives nothing back, and who has it may take it again.
        await second.release()
        await first.acquire()
        await first.release()
        assert (await second.show()).holder == shown.holder
    finally:
        await first.release()
    assert (await second.show()).holder == ""
    with pytest.raises(RigError, match="is not held"):
        _ = first.serial_url


async def test_a_switch_that_does_not_obey_is_a_fault_of_the_rig(lab):
    lab.switch.obeys = False
    place = lab.place()
    port, other = (LabgridPort(place, name, PowerLimits(off_s=0)) for name in ("", "other"))
    try:
        with pytest.raises(PowerError, match=r"power is not off .* labgrid says on"):
            await port.off()
        with pytest.raises(PowerError, match=r"power other of .* no compatible resource"):
            await other.on()
        lab.switch.obeys = True
        await port.off()
        assert (lab.switch.on, lab.switch.told) == (False, ["0", "0"])
        assert (await port.state()).state is PowerState.OFF
    finally:
        await port.close()
        await other.close()


async def test_part_of_a_name_is_not_the_place(lab):
    with pytest.raises(RigError, match="is not there, expected its whole name; the nearest"):
        await lab.place("desk").acquire()
    with pytest.raises(RigError, match="place pattern nobody matches nothing"):
        await lab.place("nobody").acquire()


async def test_a_run_that_breaks_gives_its_place_back(lab, board, tmp_path):
    board.light(0, LIT)
    config = load_bench(bench_file(lab, tmp_path)).config(tmp_path / "out", boot_at_start=False)

    async def breaks():
        async with Bench(config) as bench:
            assert "phonerig" in await asyncio.to_thread(holder, lab)
            lamp = bench.lamp_of("anna")
            await asyncio.to_thread(wait_until, lambda: lamp.state("message").lit)
            board.light(0, DARK)
            await asyncio.to_thread(wait_until, lambda: not lamp.state("message").lit)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await breaks()


async def test_a_take_that_is_broken_off_leaves_the_place_free(lab):
    place = lab.place()
    take = asyncio.create_task(place.acquire())
    watch = lab.place()
    async with asyncio.timeout(60):
        while not (await watch.show()).holder:
            assert not take.done()
    take.cancel()
    await asyncio.wait([take])
    if not take.cancelled():
        await place.release()
    assert (await watch.show()).holder == ""


def test_a_bench_is_checked_with_its_place_and_the_board_behind_it(lab, board, tmp_path):
    board.light(0, LIT)
    file = bench_file(lab, tmp_path)
    result = run_cli("bench", "check", file, "--json")
    found = json.loads(result.stdout)
    assert [part for part in found["parts"] if not part["right"]] == []
    said = {part["part"]: part["said"] for part in found["parts"]}
    assert "site/lamps/NetworkSerialPort/RawSerialPort" in said["place desk"]
    assert said["power of anna"].endswith("labgrid says on")
    assert "lamp board labgrid:desk" in said
    assert (result.returncode, lab.switch.told) == (0, [])


def test_a_check_of_a_place_that_is_taken_says_by_whom(lab, tmp_path):
    file = bench_file(lab, tmp_path)
    assert lab.client("desk-7", "acquire", user="bert").strip() == "acquired place desk-7"
    try:
        result = run_cli("bench", "check", file, "--json")
        parts = {part["part"]: part for part in json.loads(result.stdout)["parts"]}
        assert result.returncode == 3
        assert "/bert" in parts["place desk"]["said"]
        assert "release --kick" in parts["place desk"]["fix"]
        assert parts["platform and servers"]["right"]
        refused = run_cli("bench", "power", file, "anna", "off")
        assert (refused.returncode, lab.switch.told) == (3, [])
        assert "is taken by" in " ".join(error_lines(refused))
        assert holder(lab).endswith("/bert")
    finally:
        lab.client("desk-7", "release", user="bert")


def test_a_scenario_cuts_the_power_at_the_place(lab, tmp_path):
    file = bench_file(lab, tmp_path, lamps="")
    done = run_cli("bench", "run", file, "--scenario", "power_cut", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.switch.told == ["0", "1"]


def test_ctrl_c_gives_the_place_and_the_power_back(lab, tmp_path):
    file = bench_file(lab, tmp_path, lamps="")
    with subprocess.Popen(
        [*PROGRAM, "bench", "run", file, "--scenario", "power_cut", "--out", tmp_path / "out"],
        env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as run:  # fmt: skip
        wait_until(lambda: lab.switch.told)
        os.killpg(run.pid, signal.SIGINT)  # as the terminal does: to everything of this job
        _, complaint = run.communicate(timeout=60)
    assert run.returncode != 0
    assert "Traceback" not in complaint
    assert (lab.switch.on, lab.switch.told) == (True, ["0", "1"])


async def test_a_coordinator_that_is_gone_is_a_fault_of_the_rig(tmp_path, caplog):
    require_labgrid()
    with Coordinator(tmp_path) as coordinator:
        coordinator.client("bare", "create")
        place = coordinator.place("bare")
        port = LabgridPort(place)
        await place.acquire()
        coordinator.stop()
        with pytest.raises(PowerError, match="the coordinator does not answer"):
            await port.off()
        await port.close()
        with caplog.at_level(logging.WARNING):
            await place.release()
        assert "could not be released" in caplog.text
        with pytest.raises(RigError, match="the coordinator does not answer"):
            await place.acquire()


def client_that(folder, does):
    program = folder / "labgrid-client"
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return LabgridPlace(PlaceAddress("desk", "127.0.0.1:9", "desk-7", str(program), limit_s=0.5))


async def test_a_client_that_hangs_is_ended_with_its_children(tmp_path):
    place = client_that(tmp_path, f"sleep 60 & echo $! >{tmp_path}/child; wait")
    with pytest.raises(RigError, match=r"labgrid-client show does not end within 0\.5 s"):
        await place.show()
    child = int((tmp_path / "child").read_text())

    def gone():
        try:
            return Path(f"/proc/{child}/stat").read_text().split()[2] == "Z"
        except OSError:
            return True

    wait_until(gone)


async def test_a_client_whose_environment_is_gone_is_told(tmp_path):
    place = client_that(tmp_path, "")
    (tmp_path / "labgrid-client").write_text(f"#!{tmp_path}/gone/bin/python\n")
    with pytest.raises(RigError, match=r"labgrid-client cannot be run: No such file.*`client`"):
        await place.acquire()


async def test_a_client_that_is_no_such_program_or_floods_is_told(tmp_path):
    place = client_that(tmp_path, "exec yes")
    with pytest.raises(RigError, match="does not end within"):
        await place.show()
    missing = LabgridPlace(PlaceAddress("desk", "127.0.0.1:9", "desk-7", str(tmp_path / "none")))
    with pytest.raises(RigError, match=r"no program .*; install labgrid in an environment"):
        await missing.acquire()

"""Tests every part of a bench before a run: what is right, what is wrong, and what to do.

Nothing is switched and no phone is booted: ports are read, sensors are looked through, captures
are begun and ended, and platform and servers are started for a moment, in a folder that goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from provisioning.ssh import SshHost
from rig.bench import Bench
from rig.bench_agents import AgentLamps, OpenAgents
from rig.bench_cameras import CameraPlace
from rig.bench_config import TAP
from rig.bench_places import OpenPlaces
from rig.bench_plan import IN_SOFTWARE, BenchPlan, TapPlan
from rig.capture.live import WireCapture
from rig.capture.recorder import PacketRecorder
from rig.capture.remote import CLOCK_OFF_S, RemoteCapture
from rig.errors import PhonerigError, RigError
from rig.handset.vendor.control import PhoneCapability
from rig.handset.vendor.place import PhonePlace, make_phone, place_of
from rig.hardware.labgrid_place import LabgridPlace
from rig.hardware.power import PowerPort, PowerState
from rig.lamp.base import LampSensor
from rig.lamp.board.events import Settings
from rig.lamp.boards import make_board, set_levels
from rig.lamp.selftest import CheckResult, selftest
from rig.lamp.wiring import BoardWire, LampWiring
from rig.loopback import family_of
from rig.scenario import Scenario
from rig.timeline import LampState
from rig.verdict.outcome import Outcome, worst

CHECK_LIMIT_S = 60.0
"""No part may take longer to answer."""
LOOK_S = 0.6
"""How long a capture is left to run: its count of drops comes several times a second."""
SIGHT_S = 5.0
"""A sensor that sees its lamp says what it does by then."""
_STEP_S = 0.05
_TRIES = 3
_TELLING = frozenset(cap for cap in PhoneCapability if cap.value.startswith("read_"))
_TO_DO = re.compile(r"; |\. (?=[A-Z])|: (?=is it )")
"""Where in our errors the advice begins."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """What came of one part.

    Attributes:
        part: which.
        right: whether a run can rely on it.
        said: what was found.
        fix: what to do; empty where nothing is.
    """

    part: str
    right: bool
    said: str
    fix: str = ""

    @property
    def outcome(self) -> Outcome:
        """A part that is not right is a fault of the rig."""
        return Outcome.PASS if self.right else Outcome.ERROR


@dataclass(frozen=True, slots=True)
class ScenarioLine:
    """Whether a scenario can be run on the bench.

    Attributes:
        name: of the scenario.
        lacks: what is missing for it; empty if it can.
    """

    name: str
    lacks: tuple[str, ...]


@dataclass(slots=True)
class BenchReport:
    """What came of a bench.

    Attributes:
        lines: one for each part.
        scenarios: one for each scenario; empty if the bench could not be opened.
    """

    lines: list[CheckLine] = field(default_factory=list)
    scenarios: list[ScenarioLine] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """The worst of all parts."""
        return worst(line.outcome for line in self.lines)


Check = Callable[[], Awaitable[list[CheckLine]]]


async def check_bench(plan: BenchPlan, scenarios: Mapping[str, Scenario]) -> BenchReport:
    """Test every part, those that have nothing to do with each other at once.

    Args:
        plan: the bench.
        scenarios: which of them can be run is told.

    Returns:
        One line for each part; a part that breaks is a line, not an exception.
    """
    report = BenchReport([CheckLine("inventory", right=True, said=_inventory(plan))])
    held = OpenPlaces(plan.places)
    try:
        for name, place in plan.places.items():
            report.lines += await _guarded(f"place {name}", partial(_place, held, name, place))
        checks = list(_checks(plan, held))
        found = await asyncio.gather(*(_guarded(part, check) for part, check in checks))
        for lines in found:
            report.lines += lines
        await _open_bench(plan, scenarios, report)
    finally:
        for port in plan.ports.values():
            await port.close()
        await held.close()
    return report


def _inventory(plan: BenchPlan) -> str:
    roles = ", ".join(f"{role} {name}" for role, name in plan.roles.items())
    return f"{plan.site.name}: {len(plan.handsets)} handsets on the bench; {roles}"


def _checks(plan: BenchPlan, held: OpenPlaces) -> Iterator[tuple[str, Check]]:
    if plan.host:
        yield "platform", partial(_ports_free, plan)
    for tap in plan.taps.values():
        far = partial(asyncio.to_thread, _far_tap, tap)
        yield f"tap {tap.name}", far if tap.ssh else partial(_near_tap, plan, tap)
    for name, place in plan.cameras.items():
        yield f"lamp of {name}", partial(_camera, name, place)
    for board in plan.wiring.boards:
        if board.handsets & set(plan.handsets):
            yield f"lamp board {board.url}", partial(asyncio.to_thread, _board, board, held)
    if plan.agent_lamps is not None:
        yield "agents", partial(_agents, plan.agent_lamps)
    for name, port in plan.ports.items():
        yield f"power of {name}", partial(_power, name, port)
    for name, handset in plan.handsets.items():
        control = plan.site.handset(name).control
        if control is not None and handset.driver not in IN_SOFTWARE:
            yield f"phone {name}", partial(_phone, name, handset.driver, place_of(control))


async def _guarded(part: str, check: Check) -> list[CheckLine]:
    """Whatever a part does, it becomes a line in its time."""
    try:
        async with asyncio.timeout(CHECK_LIMIT_S):
            return await check()
    except TimeoutError:
        said = f"does not answer within {CHECK_LIMIT_S:g} s"
        return [CheckLine(part, right=False, said=said, fix="Look at its cable and its power.")]
    except (PhonerigError, OSError) as error:
        return [_wrong(part, error)]


def _wrong(part: str, error: Exception) -> CheckLine:
    """What is wrong, and after it what to do, as our errors say it."""
    text = str(error)
    found = _TO_DO.search(text)
    if found is None:
        return CheckLine(part, right=False, said=text)
    return CheckLine(part, right=False, said=text[: found.start()], fix=text[found.end() :])


async def _phone(name: str, driver: str, place: PhonePlace) -> list[CheckLine]:
    """Ask a phone what it says of itself, which needs the right login; nothing is changed."""
    phone = make_phone(driver, place)
    try:
        if not phone.capabilities & _TELLING:
            up = await phone.answers()
            fix = "" if up else "Is the phone up, and is that its address?"
            said = f"{phone.where} {'answers' if up else 'does not answer'}"
            return [CheckLine(f"phone {name}", right=up, said=said, fix=fix)]
        state = await phone.state()
        users = [said.user for said in state.accounts or () if said.registered]
        told = f"registered: {', '.join(users)}" if users else "nobody registered, as it says"
        said = "; ".join([f"{phone.where} lets us in", *phone.warnings])
        if PhoneCapability.READ_REGISTRATION in phone.capabilities:
            said = f"{said}; {told}"
        return [CheckLine(f"phone {name}", right=True, said=said)]
    finally:
        await phone.close()


async def _place(held: OpenPlaces, name: str, place: LabgridPlace) -> list[CheckLine]:
    """Take a place for as long as the check goes on; nothing of it is switched."""
    shown = await held.take(name)
    things = ", ".join(each.path for each in shown.resources) or "nothing"
    said = f"{place.title} is free; it has {things}"
    fix = "" if shown.resources else "Match resources to the place: labgrid-client add-match."
    return [CheckLine(f"place {name}", right=not fix, said=said, fix=fix)]


# -- parts --------------------------------------------------------------------------------------


async def _ports_free(plan: BenchPlan) -> list[CheckLine]:
    taken = []
    for kind, word in ((socket.SOCK_DGRAM, "UDP"), (socket.SOCK_STREAM, "TCP")):
        with socket.socket(family_of(plan.host), kind) as probe:
            if kind is socket.SOCK_STREAM:
                # Who has just left the port does not hold it.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((plan.host, plan.sip_port))
            except OSError as error:
                taken.append(f"{word}: {error.strerror}")
    where = f"{plan.host} port {plan.sip_port}"
    if taken:
        fix = "Is the address this computer's, and does another SIP server run? ss -tulpn tells."
        return [CheckLine("platform", right=False, said=f"{where}: {', '.join(taken)}", fix=fix)]
    return [CheckLine("platform", right=True, said=f"{where} is free for UDP and TCP")]


async def _near_tap(plan: BenchPlan, tap: TapPlan) -> list[CheckLine]:
    """Begin a capture, see that it sees, and read its count of drops."""
    part = f"tap {tap.name}"
    recorder = PacketRecorder()
    addresses = [h.address for h in plan.handsets.values() if h.address]
    loop = tap.interface == "lo"
    marker = "127.0.0.1" if loop else next(iter(addresses), "")
    capture = WireCapture(tap.interface, recorder, host=marker or "127.0.0.1")
    await capture.start()
    try:
        # A machine that is busy may put time between the clock's reading and the datagram.
        for _ in range(_TRIES if marker else 0):
            await capture.catch_up()
            if abs(capture.marker_delay_s or 0.0) <= CLOCK_OFF_S:
                break
        await asyncio.sleep(LOOK_S)
        dropped, delay_s = capture.dropped, capture.marker_delay_s
    finally:
        await capture.stop()
    said = f"captures on {tap.interface}, {dropped} frames dropped"
    if dropped:
        fix = "Narrow what goes over this interface, or raise the capture's buffer."
        return [CheckLine(part, right=False, said=said, fix=fix)]
    if not marker:
        return [CheckLine(part, right=True, said=f"{said}; no handset's address to prove sight")]
    if delay_s is None:
        said = f"a datagram to {marker} was not seen on {tap.interface}"
        fix = "Name the interface that the handsets are behind (ip route get ADDRESS)."
        return [CheckLine(part, right=False, said=said, fix=fix)]
    if abs(delay_s) > CLOCK_OFF_S:
        said = f"time stamps on {tap.interface} are {delay_s:+.3f} s off our clock"
        fix = "Let the kernel stamp frames: switch hardware time stamps off."
        return [CheckLine(part, right=False, said=said, fix=fix)]
    return [CheckLine(part, right=True, said=f"{said}; sees its own datagram")]


def _far_tap(tap: TapPlan) -> list[CheckLine]:
    """Log in, begin a capture there, end it, and read drops and the far clock."""
    part = f"tap {tap.name}"
    with RemoteCapture(SshHost.parse(tap.ssh, "ssh"), tap.remote) as remote:
        remote.stop()
        for _ in remote.frames():
            pass
        dropped, why = remote.dropped, remote.ended_badly
        offset_s, error_s = remote.clock_offset_s, remote.clock_error_s
    if why:
        return [_wrong(part, RigError(why))]
    said = f"{tap.ssh}: host key right, tcpdump on {tap.interface}, {dropped} frames dropped"
    if dropped:
        fix = "Name a filter or a quieter interface."
        return [CheckLine(part, right=False, said=said, fix=fix)]
    if offset_s is None:
        fix = "Is there a POSIX date there?"
        return [CheckLine(part, right=False, said=f"{said}; its clock is not known", fix=fix)]
    if least_off(offset_s, error_s) > CLOCK_OFF_S:
        said = f"{tap.ssh}: its clock is {offset_s:+.2f} s off ours"
        fix = "Synchronise both by NTP: stamps of two clocks cannot be put in one order."
        return [CheckLine(part, right=False, said=said, fix=fix)]
    clock = f"clock {offset_s:+.3f} to {offset_s + error_s:+.3f} s off"
    return [CheckLine(part, right=True, said=f"{said}; {clock}")]


def least_off(offset_s: float, error_s: float) -> float:
    """How far a clock is off at least, which was read from afar.

    Args:
        offset_s: its stamp less the instant at which it arrived.
        error_s: how long it may have been on its way.
    """
    return max(0.0, offset_s, -(offset_s + error_s))


def _board(wire: BoardWire, held: OpenPlaces) -> list[CheckLine]:
    """Open a lamp board, give it its levels, and try all that needs no hand."""
    part = f"lamp board {wire.url}"
    raw = [lamp for lamp in wire.lamps if lamp.handset and lamp.levels is None]
    lines = [
        CheckLine(
            part, right=False, said=f"channel {lamp.channel}, {lamp.handset}: never calibrated",
            fix="phonerig sensor calibrate writes its levels into the wiring file.",
        )
        for lamp in raw
    ]  # fmt: skip
    board = make_board(wire.model_copy(update={"url": held.board_url(wire.url)}))
    board.start()
    try:
        set_levels(board, wire)
        for each in selftest(board, wire, beat_s=Settings().beat_s):
            right = each.result is not CheckResult.ERROR
            fix = "" if right else "phonerig sensor selftest says more; look at cable and light."
            lines.append(CheckLine(part, right=right, said=f"{each.name}: {each.text}", fix=fix))
    finally:
        board.stop()
    return lines


async def _seen(sensor: LampSensor) -> LampState:
    """What a sensor says, once it says anything but unknown, or when it had its time."""
    for _ in range(round(SIGHT_S / _STEP_S)):
        if sensor.state() is not LampState.UNKNOWN:
            break
        await asyncio.sleep(_STEP_S)
    return sensor.state()


async def _camera(name: str, place: CameraPlace) -> list[CheckLine]:
    """Open a camera and wait until it says anything but unknown."""
    part = f"lamp of {name}"
    sensor = place.sensor(name)
    sensor.start()
    try:
        state, reason = await _seen(sensor), sensor.reason()
    finally:
        await asyncio.to_thread(sensor.stop)
    if state is LampState.UNKNOWN:
        fix = "Look at camera, light and region; exposure and white balance must be locked."
        return [CheckLine(part, right=False, said=f"{sensor.name}: {reason}", fix=fix)]
    return [CheckLine(part, right=True, said=f"{sensor.name} sees it: {state}")]


async def _agents(lamps: AgentLamps) -> list[CheckLine]:
    """Ask every agent for its clock and for the lamps that it is to see."""
    opened = OpenAgents(lamps, lamps.places)
    lines = []
    try:
        await opened.open()
        for name in lamps.places:
            sensor = opened.sensor(name)
            if sensor is None:
                continue
            state = await _seen(sensor)
            right = state is not LampState.UNKNOWN
            said = f"{sensor.name} sees it: {state}" if right else sensor.reason()
            fix = "" if right else "Does the agent there see a handset of this name?"
            lines.append(CheckLine(f"lamp of {name}", right=right, said=said, fix=fix))
    finally:
        await opened.close()
    return lines


async def _power(name: str, port: PowerPort) -> list[CheckLine]:
    """Read a port. Switching it belongs to a run."""
    part = f"power of {name}"
    reading = await port.state()
    said = f"{port.name}: {reading.detail}"
    fixes = {
        PowerState.OFF: f"Switch it on: phonerig bench power FILE {name} on",
        PowerState.IDLE: "Does the phone hang on this port, and does it take power from it?",
        PowerState.FAULT: "Look at the port's fault on the device.",
        PowerState.UNKNOWN: "Look at the port on the device.",
    }
    fix = fixes.get(reading.state, "")
    return [CheckLine(part, right=reading.state is PowerState.ON, said=said, fix=fix)]


async def _open_bench(
    plan: BenchPlan, scenarios: Mapping[str, Scenario], report: BenchReport
) -> None:
    """Start platform and servers without a phone, and ask every scenario what it lacks."""
    with tempfile.TemporaryDirectory(prefix="phonerig-check-") as folder:
        # Captures were tried by now, and a sensor that is not right must not hide the rest.
        config = replace(plan.config(Path(folder), boot_at_start=False), capture=TAP)
        wrong = [line.part for line in report.lines if not line.right]
        if any(part.startswith("place ") for part in wrong):
            config = replace(config, places={}, lamp_wiring=LampWiring())
        if any(part.startswith(("lamp", "agents")) for part in wrong):
            config = replace(config, cameras={}, lamp_wiring=LampWiring(), agent_lamps=None)
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(CHECK_LIMIT_S):
                    bench = await stack.enter_async_context(Bench(config))
            except (PhonerigError, OSError, TimeoutError) as error:
                report.lines.append(_wrong("platform and servers", error))
                return
            where = bench.platform.sip_address[0]
            said = f"start at {where}"
            report.lines.append(CheckLine("platform and servers", right=True, said=said))
            for name, scenario in scenarios.items():
                bench.cast(name)
                report.scenarios.append(ScenarioLine(name, tuple(scenario.missing(bench))))

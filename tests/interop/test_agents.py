"""Agents and a run through a real Mosquitto: TLS, restarts, kills, clocks, and who may do what."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from certificate_kit import issue
from lamp_board_fake import DARK, LIT, FakeBoard
from mosquitto_kit import Mosquitto

from provisioning.device_profile import shipped_profiles
from rig.agent.buffer import EventBuffer
from rig.agent.config import AgentConfig, AgentHandset, Verb
from rig.agent.link import Broker, load_library
from rig.agent.place import Place
from rig.agent.protocol import ASK, AskDo, topic, write
from rig.agent.remote import RemoteNews, RemoteSites
from rig.agent.site_agent import SiteAgent
from rig.clock import Clock, now
from rig.errors import RigError
from rig.lamp.board.calibration import calibrate
from rig.lamp.virtual import VirtualLamp
from rig.lamp.wiring import BoardWire, KeyWire, LampWire, LampWiring, Levels
from rig.timeline import LampSeen, LampState

pytestmark = pytest.mark.interop("mosquitto")
PATIENCE_S = 30.0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    running = Mosquitto(tmp_path)
    running.start()
    yield running
    running.kill()


async def until(is_so: Callable[[], bool], what: str = "") -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():  # noqa: ASYNC110 - what is waited for tells nobody
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"not so in time: {what}")


class Site:
    """An agent with one lamp that a test drives."""

    def __init__(self, agent: SiteAgent, buffer: EventBuffer, lamp: VirtualLamp) -> None:
        self.agent = agent
        self.buffer = buffer
        self.lamp = lamp
        self.done: list[tuple[str, str]] = []


@contextlib.asynccontextmanager
async def place(
    broker: Mosquitto,
    name: str,
    *,
    clock: Clock = now,
    allow: tuple[str, ...] = (),
    reached: Broker | None = None,
    most: int = 100_000,
    file: str = "",
) -> AsyncIterator[Site]:
    buffer = EventBuffer(broker.folder / f"{file or name}.sqlite", most)
    done: list[tuple[str, str]] = []

    def deed(verb: str):
        async def do(handset: str) -> None:
            if handset == "broken":
                raise OSError("the cable is out")
            if handset != "anna":
                raise RigError(f"no handset {handset!r}")
            done.append((verb, handset))

        return do

    agent = SiteAgent(
        name,
        reached or broker.broker(name),
        buffer,
        deeds={verb: deed(verb) for verb in allow},
        clock=clock,
        sign_of_life_s=0.5,
    )
    lamp = VirtualLamp("anna", clock=clock)
    agent.watch("anna", lamp)
    agent.start()
    site = Site(agent, buffer, lamp)
    site.done = done
    try:
        yield site
    finally:
        await agent.stop()
        buffer.close()


@contextlib.asynccontextmanager
async def run_of(broker: Mosquitto, *agents: str) -> AsyncIterator[RemoteSites]:
    sites = RemoteSites(broker.broker("run"), agents)
    await sites.start()
    try:
        yield sites
    finally:
        await sites.stop()


async def test_lamps_of_two_places_on_one_clock(broker: Mosquitto) -> None:
    """One place's clock is 3.2 s ahead, the other's 5 s behind: the run sees its own instants."""
    seen: list[LampSeen] = []
    truth: dict[str, tuple[float, float]] = {}
    async with (
        place(broker, "hamburg", clock=lambda: now() + 3.2) as hamburg,
        place(broker, "berlin", clock=lambda: now() - 5.0) as berlin,
        run_of(broker, "hamburg", "berlin") as sites,
    ):
        lamps = {name: sites.lamp(name, "anna") for name in ("hamburg", "berlin")}
        assert all(lamp.state() is LampState.UNKNOWN for lamp in lamps.values())
        await sites.wait_known(PATIENCE_S)
        await until(lambda: all(lamp.state() is LampState.OFF for lamp in lamps.values()))
        for lamp in lamps.values():
            lamp.subscribe(seen.append)
        for name, site in (("hamburg", hamburg), ("berlin", berlin)):
            before = now()
            site.lamp.show("message", LampState.SLOW)
            truth[name] = (before, now())
        await until(lambda: len(seen) == 2)
        assert {lamp.state() for lamp in lamps.values()} == {LampState.SLOW}
        offsets = {name: sites.agents[name].offset for name in truth}
    for event in seen[:2]:
        name = event.sensor.split(":")[1]
        offset = offsets.pop(name)
        assert offset is not None
        wrong_s = offset.offset_s - {"hamburg": 3.2, "berlin": -5.0}[name]
        assert abs(wrong_s) <= offset.uncertainty_s
        doubt_s = event.latency_s + 0.0001  # it is rounded
        assert truth[name][0] - doubt_s <= event.at <= truth[name][1] + doubt_s
        assert event.sensor == f"agent:{name}:virtual"
        assert event.handset == "anna"
    assert not offsets
    # The end of the run is no dark lamp.
    assert {event.state for event in seen[2:]} <= {LampState.UNKNOWN}


# The library leaves the socket of a refused handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_wrong_certificate_is_refused(broker: Mosquitto, tmp_path: Path) -> None:
    stranger = issue(tmp_path, "another root")
    why: list[str] = []
    buffer = EventBuffer(tmp_path / "w.sqlite")
    agent = SiteAgent("hamburg", broker.broker("hamburg", stranger), buffer, told=why.append)
    agent.start()
    async with run_of(broker, "hamburg") as sites:
        await until(lambda: bool(why), "the agent is told why")
        assert "connected" not in why
        assert f"broker localhost:{broker.port}" in why[0]
        with pytest.raises(RigError, match="hamburg: the agent has not been seen"):
            await sites.wait_known(1.0)
        assert sites.lamp("hamburg", "anna").state() is LampState.UNKNOWN
    await agent.stop()
    buffer.close()
    # A run that does not know the broker's root does not speak to it either.
    pem = broker.certificate("run")
    fooled = RemoteSites(Broker("localhost", broker.port, stranger.path, pem, pem), ["hamburg"])
    await fooled.start()
    with pytest.raises(RigError, match=r"(?i)certificate"):
        await fooled.wait_known(2.0)
    await fooled.stop()
    assert "OpenSSL" in broker.log.read_text()


async def test_an_agent_cannot_speak_for_another_place(broker: Mosquitto) -> None:
    """Berlin's certificate is right, but its name is not hamburg."""
    async with (
        place(broker, "hamburg", reached=broker.broker("berlin"), file="liar") as liar,
        run_of(broker, "hamburg", "berlin") as sites,
    ):
        liar.lamp.show("message", LampState.STEADY)
        with pytest.raises(RigError, match="hamburg: the agent has not been seen"):
            await sites.wait_known(1.5, ["hamburg"])
        assert sites.lamp("hamburg", "anna").state() is LampState.UNKNOWN


async def test_a_broker_killed_in_the_middle_costs_nothing(broker: Mosquitto) -> None:
    total = 300
    numbers: list[int] = []

    def news(what: RemoteNews) -> None:
        numbers.append(what.data.data["n"])

    async with place(broker, "hamburg") as site, run_of(broker, "hamburg") as sites:
        sites.listen(news)
        lamp = sites.lamp("hamburg", "anna")
        await sites.wait_known(PATIENCE_S)
        for number in range(total):
            site.agent.fetched(now(), {"n": number})
            if number in {80, 200}:
                await asyncio.sleep(0.05)  # some are under way
                broker.kill()
                await until(lambda: "the broker is not reached" in lamp.reason())
                assert lamp.state() is LampState.UNKNOWN
            if number in {120, 240}:
                broker.start()
            if number % 10 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(numbers) >= total, "all have come")
        await sites.wait_known(PATIENCE_S)
        order = sites.agents["hamburg"].order
        assert order.lost == 0
        assert lamp.state() is LampState.OFF
        await until(lambda: not site.buffer.waiting(1), "the broker has all")
    assert numbers == list(range(total))


async def test_what_happens_while_nobody_listens_is_told_later(broker: Mosquitto) -> None:
    """The run loses its connection, the agent does not: the gap shows and is asked for."""
    numbers: list[int] = []
    async with place(broker, "hamburg") as site, run_of(broker, "hamburg") as sites:
        sites.listen(lambda what: numbers.append(what.data.data["n"]))
        await sites.wait_known(PATIENCE_S)
        site.agent.fetched(now(), {"n": 0})
        await until(lambda: numbers == [0])
        await sites.stop()
        for number in (1, 2, 3):
            site.agent.fetched(now(), {"n": number})
        await until(lambda: not site.buffer.waiting(1))
        await sites.start()
        site.agent.fetched(now(), {"n": 4})
        await until(lambda: len(numbers) >= 5)
    assert numbers == [0, 1, 2, 3, 4]


async def test_what_the_agent_itself_had_no_room_for_is_told(broker: Mosquitto) -> None:
    numbers: list[int] = []
    async with place(broker, "hamburg", most=20) as site, run_of(broker, "hamburg") as sites:
        sites.listen(lambda what: numbers.append(what.data.data["n"]))
        await sites.wait_known(PATIENCE_S)
        site.agent.fetched(now(), {"n": 0})
        await until(lambda: numbers == [0])
        broker.kill()
        await until(lambda: "broker" in sites.doubt("hamburg"))
        for number in range(1, 101):
            site.agent.fetched(now(), {"n": number})
        broker.start()
        await until(lambda: bool(numbers) and numbers[-1] == 100)
        await sites.wait_known(PATIENCE_S)
        order = sites.agents["hamburg"].order
        status = sites.agents["hamburg"].status
        assert status is not None
        assert status.lost > 0
    # Lamps are told anew at every connection, and take some of the room.
    assert numbers == [0, *range(101 - (len(numbers) - 1), 101)]
    assert 10 <= len(numbers) - 1 <= 20
    # What the dead broker had taken and never passed on may be among what is lost.
    assert 0 <= order.lost - (101 - len(numbers)) <= 10


async def test_an_agent_whose_disk_is_full_is_not_believed(broker: Mosquitto) -> None:
    """What it cannot keep it cannot tell: the lamp is unknown until it can again."""
    async with place(broker, "hamburg") as site, run_of(broker, "hamburg") as sites:
        await sites.wait_known(PATIENCE_S)
        lamp = sites.lamp("hamburg", "anna")
        await until(lambda: lamp.state() is LampState.OFF)
        database = site.buffer._db
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(200):
            site.lamp.show("message", LampState.STEADY)
            site.lamp.show("message", LampState.OFF)
        site.lamp.show("message", LampState.STEADY)
        await until(lambda: "disk is full" in lamp.reason(), "it is in the status")
        assert lamp.state() is LampState.UNKNOWN
        database.execute("PRAGMA max_page_count = 1000000")
        await until(lambda: lamp.state() is LampState.STEADY, "it is told anew")
        assert lamp.reason() == ""


async def test_an_agent_that_leaves_makes_its_lamps_unknown(broker: Mosquitto) -> None:
    seen: list[LampSeen] = []
    async with run_of(broker, "hamburg") as sites:
        async with place(broker, "hamburg") as site:
            await sites.wait_known(PATIENCE_S)
            lamp = sites.lamp("hamburg", "anna")
            site.lamp.show("message", LampState.STEADY)
            await until(lambda: lamp.state() is LampState.STEADY)
            lamp.subscribe(seen.append)
        await until(lambda: lamp.state() is LampState.UNKNOWN)
        assert lamp.reason() == "hamburg: the agent is gone"
        assert [event.state for event in seen] == [LampState.UNKNOWN]
        with pytest.raises(RigError, match="the agent is gone"):
            await sites.do("hamburg", "press", "anna")


async def test_an_agent_does_only_what_it_allows(broker: Mosquitto) -> None:
    async with place(broker, "hamburg", allow=("press",)) as site:
        async with run_of(broker, "hamburg") as sites:
            await sites.wait_known(PATIENCE_S)
            await sites.do("hamburg", "press", "anna")
            with pytest.raises(RigError, match="hamburg does not allow power"):
                await sites.do("hamburg", "power", "anna")
            with pytest.raises(RigError, match="no handset 'bert'"):
                await sites.do("hamburg", "press", "bert")
            # Also a fault that nobody foresaw is told to who has asked.
            with pytest.raises(RigError, match="press broken: OSError: the cable is out"):
                await sites.do("hamburg", "press", "broken", timeout_s=PATIENCE_S)
        assert site.done == [("press", "anna")]
        assert site.agent.refused == 3


async def test_a_place_keeps_the_last_word_of_its_board_and_tells_what_ends(
    broker: Mosquitto, tmp_path: Path
) -> None:
    """The board says that it is unplugged while the place closes: that waits for the next run."""
    faults: list[dict[str, object]] = []
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, fault: faults.append(fault))
    with FakeBoard(tmp_path, speed=1.0) as board:
        levels = Levels.of(calibrate(0, DARK, LIT))
        wire = BoardWire(
            url=board.url,
            lamps=(LampWire(channel=0, handset="anna", levels=levels),),
            keys=(KeyWire(relay=1, handset="anna", press_ms=40),),
        )
        config = AgentConfig(
            "hamburg",
            broker.broker("hamburg"),
            tmp_path / "place.sqlite",
            handsets=(AgentHandset("anna"),),
            wiring=LampWiring(boards=(wire,)),
            allow=(Verb.PRESS,),
            fetches=tmp_path,  # a folder cannot be read
        )
        async with Place(config, None, shipped_profiles(), told.append) as opened:
            await until(lambda: any("has ended" in text for text in told), "the folder")
            board.light(0, LIT)
            sensor = opened.agent._lamps[("anna", "message")]
            await until(lambda: sensor.state().lit, "the lamp is lit")
            await opened.agent._deeds["press"]("anna")
            assert board.moves == [(1, True), (1, False)]
        await asyncio.sleep(0)
    assert not faults
    assert "Is a directory" in next(text for text in told if "has ended" in text)
    buffer = EventBuffer(config.buffer)
    states = [event.data.state for event in buffer.events()]
    buffer.close()
    assert states[-2:] == [LampState.LIT, LampState.UNKNOWN]


async def test_a_wish_is_done_once_and_not_after_a_restart(broker: Mosquitto) -> None:
    """As a broker may: the same wish twice, one kept from before, one for an earlier run."""
    library = load_library()
    reached = broker.broker("run")
    where = topic("hamburg", "ask")
    async with place(broker, "hamburg", allow=("press", "power")) as site:
        async with run_of(broker, "hamburg") as sites:
            await sites.wait_known(PATIENCE_S)
            async with library.Client(
                "localhost", broker.port, tls_context=reached.tls(), identifier="raw"
            ) as client:
                wish = write(ASK, AskDo("do", "w1", site.agent.run, "press", "anna"))
                for _ in range(3):
                    await client.publish(where, wish, qos=1)
                old = write(ASK, AskDo("do", "w2", "an earlier run", "power", "anna"))
                await client.publish(where, old, qos=1)
                await client.publish(where, b"{not json", qos=1)
                kept = write(ASK, AskDo("do", "w3", site.agent.run, "power", "anna"))
                await client.publish(where, kept, qos=1, retain=True)
            await until(lambda: site.agent.refused == 1)
            # A wish left at the broker is done when it comes, never when it is found there.
            await until(lambda: ("power", "anna") in site.done)
            await sites.do("hamburg", "press", "anna")
        assert site.done == [("press", "anna"), ("power", "anna"), ("press", "anna")]
    async with (
        place(broker, "hamburg", allow=("press", "power")) as again,
        run_of(broker, "hamburg") as sites,
    ):
        await sites.wait_known(PATIENCE_S)
        await sites.do("hamburg", "press", "anna")
        assert again.done == [("press", "anna")]


def test_no_tls_beyond_loopback() -> None:
    with pytest.raises(RigError.__mro__[1], match="without TLS"):
        Broker("192.0.2.1", 1883).tls()
    assert Broker("127.0.0.1", 1883).tls() is None

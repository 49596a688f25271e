"""A bench file tells everything that is wrong with it at once: file, line, and no secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rig.bench_agents import AgentPlace
from rig.bench_cameras import CameraPlace
from rig.bench_file import load_bench
from rig.errors import InputErrors

EXAMPLES = Path(__file__).parents[3] / "examples" / "bench"
LAB = (EXAMPLES / "lab.yaml").read_text(encoding="utf-8")
SEVERAL = ("a numeric address", "red or amber", "unknown key 'tabs'", "names 0 devices")
LAMPS = (EXAMPLES / "lamps.yaml").read_text(encoding="utf-8")
SITE = (EXAMPLES / "site.yaml").read_text(encoding="utf-8")


def read(folder, text=LAB, site=SITE, lamps=LAMPS):
    (folder / "lamps.yaml").write_text(lamps, encoding="utf-8")
    (folder / "site.yaml").write_text(site, encoding="utf-8")
    path = folder / "bench.yaml"
    path.write_text(text, encoding="utf-8")
    return load_bench(path)


def faults(folder, text=LAB, site=SITE, lamps=LAMPS):
    with pytest.raises(InputErrors) as caught:
        read(folder, text, site, lamps)
    return [str(fault) for fault in caught.value.faults]


def test_the_lab_of_the_examples_is_read_whole(tmp_path):
    plan = read(tmp_path)
    assert plan.roles == {"callee": "anna", "caller": "bert"}
    assert {h.name: h.driver for h in plan.handsets.values()} == dict.fromkeys(
        ("anna", "bert"), "yealink"
    )
    anna, bert = plan.handsets["anna"], plan.handsets["bert"]
    assert plan.wiring.boards[0].lamp(0).handset == "anna"
    assert anna.lamp is None
    assert isinstance(bert.lamp, CameraPlace)
    assert anna.port.name == "sw1 port 5"
    assert bert.port.name == "own channel 1"
    assert plan.taps["mirror"].remote.identity == tmp_path / "keys/rig"
    assert plan.limit_source == f"{tmp_path / 'bench.yaml'}:8:18"


def test_a_run_gets_what_the_file_says(tmp_path):
    config = read(tmp_path).config(tmp_path)
    assert (config.host, config.sip_port, config.capture) == ("192.0.2.10", 5060, "eth1")
    assert (config.lamp_limit_s, config.boot_limit_s, config.power_off_s) == (2, 120, 10)
    assert config.addresses == {"anna": "192.0.2.51", "bert": "192.0.2.52"}
    assert set(config.power) == {"anna", "bert"}
    assert set(config.cameras) == {"bert"}
    assert config.lamp_wiring.handsets == {"anna"}
    assert config.driver_of("anna") == "yealink"


def test_handsets_in_software_need_no_line_of_their_own():
    plan = load_bench(EXAMPLES / "emulated.yaml")
    assert {h.driver for h in plan.handsets.values()} == {"emulated"}
    assert plan.ports == {}
    assert plan.host == ""


CHANGES = [
    ("caller: bert", "caller: bret", "a handset of this file; known: anna, bert"),
    ("caller: bert", "caller: bert, boss: anna", "unknown key 'boss' in the roles"),
    ("roles: {callee: anna, caller: bert}", "roles: {callee: anna}", "has no 'caller'"),
    ("capture: desk", "capture: mirror", "cannot take its packets on another host"),
    ("capture: desk", "capture: dsk", "there is no such tap"),
    ("host: 192.0.2.10, port", "host: rig.example, port", "a numeric address"),
    ("port: 5060", "port: 5060, kind: broadworks", "expected embedded"),
    ("lamp_s: 2", "lamp_s: soon", "a number from 0.1 to 600"),
    ("{interface: eth1}", "{interface: eth1, identity: x}", "needs no key"),
    ("{interface: eth1}", "{}", "has no 'interface'"),
    ("rig@192.0.2.20", "rig@@x", "expected USER@HOST"),
    ("source: /dev/video0", "sauce: x", "Did you mean 'source'?"),
    ("ports: [1-20]", "ports: [1-x]", "a port such as 5"),
    ("ports: [1-20]", "port: 5", "unknown key 'port'"),
    ("port: 5}", "port: 21}", "port 21 of sw1 is not on the list"),
    ("port: 5}", "port: 23}", "is an uplink and is never switched"),
    ("auth: sha256", "auth: sha3", "md5 or sha or sha224"),
    ("auth_key: demo:auth-key-4711", "auth_key: demo:short", "at least 8 characters"),
    ("auth_key: demo:auth-key-4711", "auth_key: Kirsche99", "written out in the file"),
    ("board: shelly_gen2", "board: shelly_gen9", "known: shelly_gen1, shelly_gen2"),
    ("board: shelly_gen2", "board: simplerest", "knows no login"),
    ('url: "http://192.0.2.3"', 'url: "http://a:b@192.0.2.3"', "without user"),
    ("camera: cam, region", "camera: cm, region", "a camera of this file; known: cam"),
    ('region: "310,95,20,20"', 'region: "310,95"', "expected x,y,width,height"),
    ("colour: red", "colour: pink", "red or amber"),
    ('{camera: cam, region: "310,95,20,20", colour: red}', "virtual", "is a real one"),
    ("{switch: sw1, port: 5}", "{relay: own, switch: sw1}", "names 2 devices"),
    ("{switch: sw1, port: 5}", "{port: 5}", "names 0 devices"),
    ("{switch: sw1, port: 5}", "{switch: own, port: 5}", "a switch of this file"),
    ("{relay: own, channel: 1, n", "{relay: own, channel: 'a b', n", "a channel such"),
    ("    address: 192.0.2.51\n", "    driver: yelink\n", "that is installed; known:"),
    ("    address: 192.0.2.51\n", '    lamp: {camera: cam, region: "1,1,9,9"}\n', "board too"),
    ("  desk:", "  Desk Nr 1:", "small letters"),
    ("taps:", "tabs:", "unknown key 'tabs'"),
    ("{relay: own, channel: 1, normally_closed: true}", "{switch: sw1, port: 5}",
     "switch sw1 port 5 belongs to 'anna' already"),
]  # fmt: skip
MISSING = [
    ("    ports: [1-20]\n", "", "switch 'sw1' has no 'ports'"),
    ("    user: rig\n", "", "switch 'sw1' has no 'community'"),
    ("      source: his note of 3 May\n", "", "relay board own has no 'source'"),
    ("  bert:\n", "  carl:\n", "the inventory has no handset 'carl'"),
    ("    address: 192.0.2.52\n", "    driver: emulated\n", "is a handset in software"),
]
"""What is reported where its mapping begins."""


def first_changed(text):
    pairs = zip(LAB.splitlines(), text.splitlines(), strict=False)
    return next(number for number, (old, new) in enumerate(pairs, start=1) if old != new)


@pytest.mark.parametrize(("old", "new", "what"), CHANGES + MISSING, ids=lambda _: None)
def test_whatever_is_wrong_is_told_with_its_place(tmp_path, old, new, what):
    assert old in LAB
    text = LAB.replace(old, new, 1)
    found = faults(tmp_path, text)
    told = [line for line in found if what in line]
    assert told, found
    if (old, new, what) in CHANGES:
        assert f"bench.yaml:{first_changed(text)}:" in told[0]
    assert re.match(r".*bench\.yaml:[0-9]+:[0-9]+: ", told[0])
    shown = "\n".join(found)
    assert not any(secret in shown for secret in ("auth-key", "priv-key", "relais-12", "Kirsche"))


def test_all_faults_come_at_once(tmp_path):
    several = [change for change in CHANGES if change[2] in SEVERAL]
    text = LAB
    for old, new, _ in several:
        text = text.replace(old, new, 1)
    found = "\n".join(faults(tmp_path, text))
    assert len(several) == len(SEVERAL)
    assert all(what in found for _, _, what in several)


def test_faults_of_the_inventory_come_with_those_of_the_bench(tmp_path):
    found = faults(
        tmp_path,
        LAB.replace("lamp_s: 2", "lamp_s: x"),
        SITE.replace("model: T46U", "model: T9", 1),
    )
    assert any("site.yaml:" in line for line in found)
    assert any("bench.yaml:8" in line for line in found)


def test_a_phone_that_the_inventory_cannot_reach_has_no_driver_but_software(tmp_path):
    lines = [line for line in SITE.splitlines() if "https://192.0.2.51" not in line]
    text = LAB.replace("    address: 192.0.2.51\n", "    driver: yealink\n")
    found = faults(tmp_path, text, "\n".join(lines))
    assert any("has no 'control' in the inventory" in line for line in found), found


def test_two_handsets_are_not_in_one_region_of_a_picture(tmp_path):
    lamp = 'lamp: {camera: cam, region: "310,95,20,20"}'
    text = LAB.replace("    address: 192.0.2.51\n", f"    {lamp}\n")
    empty = "schema: 1\nboards: []\n"
    told = "camera cam region 310,95,20,20 belongs to 'anna' already"
    assert any(told in line for line in faults(tmp_path, text, lamps=empty))


def test_the_wiring_file_is_read_with_the_bench(tmp_path):
    assert any("lamps.yaml:6" in f for f in faults(tmp_path, lamps=LAMPS.replace("0,", "9,")))
    found = faults(tmp_path, lamps=LAMPS.replace("handset: anna", "handset: ana"))
    assert any("bench.yaml:14" in f and "wires a handset 'ana'" in f for f in found)
    assert any("no.yaml" in f for f in faults(tmp_path, LAB.replace("lamps.yaml", "no.yaml")))


@pytest.mark.parametrize("text", ["", "- a\n", "handsets: 3\nsite: demo\n", "site: demo\n"])
def test_what_is_no_bench_is_told(tmp_path, text):
    assert all("bench.yaml" in line for line in faults(tmp_path, text))


def test_call_backs_are_taken_at_the_benchs_own_address(tmp_path):
    assert read(tmp_path).config(tmp_path).call_backs_at is None
    config = read(tmp_path, f"{LAB}\ncall_backs: {{port: 8088}}\n").config(tmp_path)
    assert config.call_backs_at == ("192.0.2.10", 8088)
    assert "from 0 to 65535" in faults(tmp_path, f"{LAB}\ncall_backs: {{port: 70000}}\n")[0]


AGENTS = """\
agents: [hamburg]
broker: {host: 127.0.0.1}
"""
AT_HAMBURG = LAB.replace("lamps: lamps.yaml", "agents: agents.yaml").replace(
    'lamp: {camera: cam, region: "310,95,20,20", colour: red}',
    "lamp: {agent: hamburg, handset: desk}",
)


def test_a_lamp_may_be_seen_by_an_agent_elsewhere(tmp_path):
    (tmp_path / "agents.yaml").write_text(AGENTS)
    lamps = read(tmp_path, AT_HAMBURG).config(tmp_path).agent_lamps
    assert lamps is not None
    assert lamps.watch.agents == ("hamburg",)
    assert lamps.places == {"bert": AgentPlace("hamburg", "desk")}
    assert read(tmp_path).config(tmp_path).agent_lamps is None


def test_an_agent_must_be_one_of_the_file_of_agents(tmp_path):
    (tmp_path / "agents.yaml").write_text(AGENTS.replace("[hamburg]", "[berlin, munich]"))
    (fault,) = faults(tmp_path, AT_HAMBURG)
    assert "an agent of the file of agents" in fault
    (tmp_path / "agents.yaml").write_text("agents: [hamburg]\n")
    found = faults(tmp_path, AT_HAMBURG)
    assert any("agents.yaml" in each and "broker" in each for each in found)


PLACES = """\
places:
  desk:
    {coordinator: "lab.example:20408", place: desk-7, client: own/labgrid-client, serial: lamps}
"""
AT_PLACE = LAB.replace("power: {switch: sw1, port: 5}", "power: {place: desk}") + PLACES


def test_a_place_feeds_a_handset_and_has_its_lamp_board(tmp_path):
    lamps = re.sub("url: .*", "url: labgrid:desk", LAMPS, count=1)
    assert lamps != LAMPS
    plan = read(tmp_path, AT_PLACE, lamps=lamps)
    address = plan.places["desk"].address
    assert (address.coordinator, address.place) == ("lab.example:20408", "desk-7")
    assert (address.client, address.serial) == (str(tmp_path / "own/labgrid-client"), "lamps")
    assert plan.handsets["anna"].port.name == "power of labgrid place desk-7"
    config = plan.config(tmp_path)
    assert config.places == plan.places
    assert plan.places["desk"].user != read(tmp_path, AT_PLACE).places["desk"].user


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("lab.example:20408", "lab.example", "HOST:PORT of the coordinator"),
        ("lab.example:20408", "--proxy:1", "HOST:PORT of the coordinator"),
        ("place: desk-7", "place: -7", "the whole name of a place"),
        ("place: desk-7, ", "", "'place'"),
        ("serial: lamps", "serials: lamps", "unknown key 'serials'"),
        ("{place: desk}", "{place: desc}", "a place of this file"),
        ("{place: desk}", "{place: desk, resource: --delay}", "the name of a resource"),
        ("{relay: own, channel: 1, normally_closed: true}", "{place: desk}", "belongs to 'anna'"),
    ],
)
def test_a_place_that_is_written_wrong_is_told(tmp_path, old, new, what):
    assert AT_PLACE.count(old) == 1
    found = faults(tmp_path, AT_PLACE.replace(old, new))
    assert any(what in fault for fault in found), found


def test_a_place_has_one_name(tmp_path):
    twice = '  tisch: {coordinator: "lab.example:20408", place: desk-7}\n'
    (fault,) = faults(tmp_path, AT_PLACE + twice)
    assert "place desk-7 of lab.example:20408 is described twice; got tisch" in fault


def test_a_lamp_board_at_a_place_that_is_not_there_is_told(tmp_path):
    lamps = re.sub("url: .*", "url: labgrid:dusk", LAMPS, count=1)
    (fault,) = faults(tmp_path, AT_PLACE, lamps=lamps)
    assert "a lamp board is at a place that is not here" in fault

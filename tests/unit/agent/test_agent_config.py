"""Files of agents and of runs: what is said, and what is wrong with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.errors import InputErrors
from rig.agent.config import Verb, load_agent, load_watch

EXAMPLES = Path(__file__).parents[3] / "examples" / "agents"
AGENT = """\
agent: hamburg
broker: {host: broker.example, roots: r.pem, certificate: c.pem, key: k.pem}
buffer: b.sqlite
"""


def faults(tmp_path: Path, text: str, load=load_agent) -> str:
    file = tmp_path / "agent.yaml"
    file.write_text(text)
    with pytest.raises(InputErrors) as caught:
        load(file)
    assert "agent.yaml:" in str(caught.value)
    return str(caught.value)


def test_the_examples_load() -> None:
    agent = load_agent(EXAMPLES / "hamburg.yaml")
    assert agent.name == "hamburg"
    assert agent.allow == (Verb.PRESS,)
    assert agent.broker.port == 8883
    assert agent.broker.key == EXAMPLES / "hamburg.key"
    assert agent.site == EXAMPLES / "../demo_site/site.yaml"
    assert [each.name for each in agent.handsets] == ["anna", "bert"]
    (board,) = agent.wiring.boards
    (lamp,), (key,) = board.lamps, board.keys
    assert (lamp.handset, lamp.channel) == (key.handset, key.relay) == ("anna", 0)
    assert lamp.levels is not None
    assert load_watch(EXAMPLES / "lab.yaml").agents == ("hamburg", "berlin")


def test_an_agent_allows_nothing_unless_it_says_so(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT)
    agent = load_agent(file)
    assert agent.allow == ()
    assert agent.handsets == ()
    assert agent.buffer == tmp_path / "b.sqlite"


WIRED = "lamps: lamps.yaml\nhandsets: [{name: a}, {name: b}]\n"


def test_what_a_lamp_board_sees_needs_no_driver(tmp_path: Path) -> None:
    wires = tmp_path / "lamps.yaml"
    wires.write_text("boards: [{url: /dev/x, lamps: [{channel: 3, handset: a}]}]\n")
    said = faults(tmp_path, AGENT + WIRED)
    assert "handset 'b' has neither a driver nor a lamp that a board sees" in said
    assert "handset 'a'" not in said
    # A key that is pressed alone shows nothing, but is a reason to be here.
    wires.write_text(
        "boards: [{url: /dev/x, lamps: [{channel: 3, handset: a}],"
        " keys: [{relay: 0, handset: b}]}]\n"
    )
    agent = load_agent(tmp_path / "agent.yaml")
    assert agent.wiring.handsets == {"a", "b"}


def test_faults_of_the_wiring_file_are_those_of_the_agent(tmp_path: Path) -> None:
    (tmp_path / "lamps.yaml").write_text("boards: [{url: /dev/x, lamps: [{channel: 8}]}]\n")
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT + WIRED + "alow: [press]\n")
    with pytest.raises(InputErrors) as caught:
        load_agent(file)
    assert f"{tmp_path / 'lamps.yaml'}:1" in str(caught.value)
    assert "Did you mean 'allow'" in str(caught.value)


def test_a_registrar_has_a_port_or_the_usual_one(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    one = "site: s.yaml\nhandsets: [{{name: a, driver: emulated, registrar: '{}'}}]\n"
    for text, address in (
        ("sip.example", ("sip.example", 5060)),
        ("10.0.0.1:70", ("10.0.0.1", 70)),
    ):
        file.write_text(AGENT + one.format(text))
        assert load_agent(file).handsets[0].registrar == address
    for text in ("sip.example:", "sip.example:x", "sip.example:65536", ":5060"):
        said = faults(tmp_path, AGENT + one.format(text))
        assert "HOST or HOST:PORT, with a port from 1 to 65535" in said


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("allow: [shell]\n", "press or power"),
        ("handsets: [{name: a}]\n", "has neither a driver nor a lamp"),
        ("handsets: [{name: a, driver: emulated}]\n", "a driver needs to know the handset"),
        ("handsets: [{driver: emulated}]\n", "no 'name'"),
        ("alow: [press]\n", "Did you mean 'allow'"),
        ("capture: 'eth0; rm'\n", "an interface"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, more: str, complaint: str) -> None:
    assert complaint in faults(tmp_path, AGENT + more)


def test_a_name_is_one_that_a_certificate_and_a_topic_can_hold(tmp_path: Path) -> None:
    for name in ("Hamburg", "a/b", "'+'", "'#'", "a" * 33, "'-a'"):
        text = AGENT.replace("hamburg", name, 1)
        assert "small letters, digits and dashes" in faults(tmp_path, text), name


def test_a_certificate_needs_what_belongs_to_it(tmp_path: Path) -> None:
    text = "agents: [a]\nbroker: {host: h, certificate: c.pem}\n"
    assert "roots, certificate and key" in faults(tmp_path, text, load_watch)
    for given in ("key: k.pem", "certificate: c.pem, key: k.pem", "roots: r.pem, key: k.pem"):
        text = f"agents: [a]\nbroker: {{host: h, {given}}}\n"
        assert "roots, certificate and key" in faults(tmp_path, text, load_watch), given
    assert "no 'broker'" in faults(tmp_path, "agents: [a]\n", load_watch)
    assert "no 'agents'" in faults(tmp_path, "broker: {host: h}\n", load_watch)

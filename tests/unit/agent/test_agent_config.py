"""Files of agents and of runs: what is said, and what is wrong with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.errors import InputErrors
from rig.agent.config import LampInput, Verb, load_agent, load_watch

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
    lamp = agent.handsets[0].lamp
    assert lamp is not None
    assert (lamp.channel, lamp.dark, lamp.lit, lamp.relay) == (0, 110, 640, 0)
    assert load_watch(EXAMPLES / "lab.yaml").agents == ("hamburg", "berlin")


def test_an_agent_allows_nothing_unless_it_says_so(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT)
    agent = load_agent(file)
    assert agent.allow == ()
    assert agent.handsets == ()
    assert agent.buffer == tmp_path / "b.sqlite"


def test_a_lamp_without_levels_leaves_what_the_board_keeps(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text(AGENT + "handsets: [{name: a, lamp: {board: /dev/x, channel: 3}}]\n")
    assert load_agent(file).handsets[0].lamp == LampInput("/dev/x", 3)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("allow: [shell]\n", "press or power"),
        ("handsets: [{name: a}]\n", "has neither a driver nor a lamp"),
        ("handsets: [{name: a, driver: emulated}]\n", "a driver needs to know the handset"),
        ("handsets: [{name: a, lamp: {board: x, channel: 8}}]\n", "from 0 to 7"),
        ("handsets: [{lamp: {board: x}}]\n", "no 'name'"),
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
    assert "no 'broker'" in faults(tmp_path, "agents: [a]\n", load_watch)
    assert "no 'agents'" in faults(tmp_path, "broker: {host: h}\n", load_watch)

"""Relay boards are data: what their answers mean, and what is wrong with a description."""

from __future__ import annotations

import pytest

from provisioning.inventory_fields import FaultList
from provisioning.yaml_source import parse_yaml
from rig.errors import UsageError
from rig.hardware.http_relay import HttpRelayPort, RelayDevice, check_url
from rig.hardware.relay_board import check_path, look_up, read_board, shipped_boards

ANSWERS = {
    "shelly_gen1": ('{"ison": true, "has_timer": false}', '{"ison": false}'),
    "shelly_gen2": ('{"id": 0, "output": true}', '{"id": 0, "output": false, "source": "init"}'),
    "tasmota": ('{"POWER": "ON"}', '{"POWER2": "OFF"}'),
    "netio": (
        '{"Outputs": [{"ID": 1, "State": 0}, {"ID": 2, "State": 1}]}',
        '{"Outputs": [{"ID": 2, "State": 0}, {"ID": 1, "State": 1}]}',
    ),
    "simplerest": ("1\n", "0"),
}


def test_every_shipped_board_reads_both_states():
    boards = shipped_boards()
    assert set(ANSWERS) == set(boards)
    for name, (on, off) in ANSWERS.items():
        assert boards[name].meaning(on, "2")[0] is True, name
        assert boards[name].meaning(off, "2")[0] is False, name


def test_every_shipped_board_says_who_says_so():
    for board in shipped_boards().values():
        assert board.source
        assert board.mark in {"document", "unverified"}


@pytest.mark.parametrize("board", list(ANSWERS))
@pytest.mark.parametrize(
    "body",
    ["", "{}", "[]", "null", "<html>1</html>", '{"output": "maybe"}', "[" * 60_000],
    ids=["empty", "object", "list", "null", "html", "maybe", "deep"],
)
def test_an_answer_that_says_neither_is_neither(board, body):
    meaning, said = shipped_boards()[board].meaning(body, "0")
    assert meaning is None
    assert isinstance(said, str)


def test_the_channel_is_put_into_path_and_body():
    board = shipped_boards()["netio"]
    assert board.off.at("3").body == '{"Outputs":[{"ID":3,"Action":0}]}'
    assert shipped_boards()["shelly_gen1"].on.at("1").path == "/relay/1?turn=on"


DATA = {"a": {"b": [10, {"id": 7, "v": True}]}, "id": 3}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b[0]", [10]), ("a.b[1].v", [True]), ("a.b[id=7].v", [True]), ("id", [3]),
        ("a.c", []), ("a.b[2]", []), ("a.b[id=8].v", []), ("id[0]", []), ("id.x", []),
        ("a.b.v", []),
    ],
)  # fmt: skip
def test_paths_lead_to_one_value_or_to_nothing(path, found):
    assert look_up(DATA, check_path(path)) == found


@pytest.mark.parametrize("path", ["", ".", "a..b", "a[", "a[]", "a[x]", "a b", "a[1][2]"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ValueError, match="steps with dots"):
        check_path(path)


GOOD = """\
title: Own board
on: {path: /on}
off: {path: /off}
state: {path: /s, json: r, on: "1", off: "0"}
source: our electrician
"""


def read(text):
    faults = FaultList()
    board = read_board(parse_yaml(text.encode(), "bench.yaml"), "own", faults)
    return board, [str(fault) for fault in faults.as_list()]


def test_a_board_of_ones_own_is_unverified_until_it_says_otherwise():
    board, faults = read(GOOD)
    assert faults == []
    assert board.mark == "unverified"
    assert board.login == "none"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("source: our electrician\n", "", "has no 'source'"),
        ("off: {path: /off}\n", "", "has no 'off'"),
        ("path: /on", "path: on", "bench.yaml:2:"),
        ("path: /on", "path: /on, colour: red", "unknown key 'colour'"),
        ('off: "0"', 'off: "1"', "on and off read the same"),
        ("json: r", "json: a..b", "steps with dots"),
        ("title", "login: telnet\ntitle", "none or basic or digest"),
        ("state:", "states:", "has no 'state'"),
    ],
)
def test_a_wrong_description_is_told_with_its_place(old, new, fault):
    board, faults = read(GOOD.replace(old, new))
    assert board is None
    assert any(fault in line for line in faults), faults
    assert all(line.startswith("bench.yaml:") for line in faults)


@pytest.mark.parametrize(
    "url",
    ["relay", "ftp://relay", "http://", "http://u:p@relay", "http://relay/x", "http://relay?x=1",
     "http://relay:0", "http://[", "http://relay:99999"],
)  # fmt: skip
def test_what_is_no_address_of_a_board_is_refused(url):
    with pytest.raises(ValueError, match="without user, path or query"):
        check_url(url)


def test_a_login_for_a_board_that_has_none_is_refused():
    device = RelayDevice("r1", "http://127.0.0.1", shipped_boards()["simplerest"], user="admin")
    with pytest.raises(UsageError, match="knows no login"):
        HttpRelayPort(device, "1")

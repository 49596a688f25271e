"""A phone that is driven by SSH, against a real OpenSSH server; the phone is a shell script."""

from __future__ import annotations

from pathlib import Path

import pytest
from sshd_kit import make_key, ssh_server

from provisioning.errors import InputErrors, RigError
from provisioning.secret import Secret
from rig.errors import UsageError
from rig.handset.vendor.address import PhoneLogin
from rig.handset.vendor.control import (
    AccountSaid,
    BadPhoneReply,
    ForwardSaid,
    PhoneCapability,
    PhoneDidNothing,
    PhoneRefused,
    PhoneUnreachable,
)
from rig.handset.vendor.place import PhonePlace, make_phone
from rig.handset.vendor.read_back import Patience
from rig.handset.vendor.ssh_commands import load_commands

PHONE = """\
#!/bin/sh
cd "$(dirname "$0")" || exit 9
echo "$*" >> asked
case "$1" in
  key|call|resync) ;;
  get) [ "$2" = label ] && echo Anna || { echo "no such setting" >&2; exit 4; } ;;
  dnd) [ -e deaf ] || echo "$2" > dnd ;;
  fwd) [ -e deaf ] || echo "$3" > "fwd-$2" ;;
  status)
    echo "model T1"
    echo "account 1 101 yes"; echo "account 2 102 no"; echo "account 3 103 perhaps"
    echo "dnd $(cat dnd 2>/dev/null || echo off)"
    for s in always busy no_answer; do
      echo "forward $s $(cat fwd-$s 2>/dev/null || echo off)"
    done
    ;;
  reboot) kill -9 $PPID ;;
  slow) sleep 30 ;;
  much) yes ;;
  nothing) echo hello ;;
esac
"""
COMMANDS = """\
press: {{run: "{phone} key {{key}}"}}
dial: {{run: "{phone} call {{number}}"}}
config: {{run: "{phone} get {{name}}"}}
reboot: {{run: "{phone} reboot"}}
resync: {{run: "{phone} {resync}"}}
dnd: {{on: "{phone} dnd on", off: "{phone} dnd off"}}
forward:
  always: {{on: "{phone} fwd always {{number}}", off: "{phone} fwd always off"}}
  busy: {{on: "{phone} fwd busy {{number}}", off: "{phone} fwd busy off"}}
  no_answer: {{on: "{phone} fwd no_answer {{number}}", off: "{phone} fwd no_answer off"}}
keys: {{message: MSG}}
state:
  run: "{phone} {state}"
  registered: '^account (?P<index>\\d+) (?P<user>\\S+) (?P<registered>\\S+)$'
  dnd: '^dnd (?P<on>on|off)$'
  forward: '^forward (?P<service>\\w+) (?P<target>\\S+)$'
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ssh_server(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def at(server, tmp_path):
    """Makes the control of a phone of this test; ``asked`` is what the phone was asked."""
    phone = tmp_path / "phone"
    phone.write_text(PHONE)
    phone.chmod(0o755)

    def make(*, resync="resync", state="status", timeout_s=5.0, **more):
        commands = tmp_path / "commands.yaml"
        commands.write_text(COMMANDS.format(phone=phone, resync=resync, state=state))
        place = {
            "address": f"ssh://127.0.0.1:{server.port}",
            "login": PhoneLogin("root", Secret("")),
            "known_hosts": server.known_hosts(),
            "identity": server.identity,
            "commands": commands,
            "timeout_s": timeout_s,
            "patience": Patience(settle_s=0.3),
        } | more
        return make_phone("ssh", PhonePlace(**place))

    make.folder = tmp_path
    return make


def asked(at) -> list[str]:
    return (at.folder / "asked").read_text().splitlines()


async def test_every_command_is_run_as_the_file_says(at):
    phone = at()
    assert await phone.answers()
    await phone.press(["message", "5", "raw:X1"])
    await phone.dial("0301*#")
    await phone.resync()
    assert asked(at) == ["key MSG", "key 5", "key X1", "call 0301*#", "resync"]
    assert await phone.config(["label", "nothing"]) == {"label": "Anna", "nothing": None}
    await phone.reboot()  # the session dies with it
    await phone.press(["1"])  # and a new one is made
    assert asked(at)[-2:] == ["reboot", "key 1"]
    await phone.close()
    await phone.close()
    assert PhoneCapability.SET_FORWARD in phone.capabilities
    assert PhoneCapability.READ_WAITING not in phone.capabilities


async def test_state_is_what_the_patterns_find_and_switches_are_read_back(at):
    phone = at()
    await phone.set_dnd(on=True)
    await phone.set_forward("busy", "102")
    state = await phone.state()
    assert state.accounts == (
        AccountSaid(1, "101", registered=True),
        AccountSaid(2, "102", registered=False),
        AccountSaid(3, "103", registered=None),
    )
    assert state.dnd is True
    assert state.forward("busy") == ForwardSaid("busy", active=True, target="102")
    assert state.forward("always") == ForwardSaid("always", active=False)
    (at.folder / "deaf").touch()
    with pytest.raises(PhoneDidNothing, match="forwarding busy off"):
        await phone.set_forward("busy", "")
    await phone.close()


async def test_values_are_single_words_whatever_they_hold(at):
    phone = at()
    mark = at.folder / "broken-out"
    for key in (f"raw:$(touch {mark})", f"raw:; touch {mark}", f"raw:'; touch {mark} #"):
        await phone.press([key])
    assert not mark.exists()
    assert asked(at)[1] == f"key ; touch {mark}"
    for number in ("1; reboot", "$(id)"):
        with pytest.raises(UsageError, match="no number"):
            await phone.dial(number)
    await phone.close()


@pytest.mark.parametrize(
    ("what", "kind", "says"),
    [
        ({"resync": "slow", "timeout_s": 0.4}, PhoneUnreachable, "did not end"),
        ({"resync": "much"}, BadPhoneReply, "more than 262144 octets"),
        ({"resync": "get x"}, PhoneRefused, "ended with 4: no such setting"),
    ],
)
async def test_commands_that_go_wrong(at, what, kind, says):
    phone = at(**what)
    with pytest.raises(kind, match=says):
        await phone.resync()
    await phone.close()


async def test_output_that_no_pattern_fits_is_no_state(at):
    phone = at(state="nothing")
    with pytest.raises(BadPhoneReply, match=r"no pattern of .*commands.yaml fits"):
        await phone.state()
    await phone.close()


async def test_hosts_and_keys_are_checked(at, server, tmp_path):
    empty = tmp_path / "no_hosts"
    empty.touch()
    unknown = at(known_hosts=empty)
    with pytest.raises(RigError, match="is not known: ssh-ed25519 SHA256:"):
        await unknown.press(["1"])
    make_key(tmp_path / "other")
    kind, key, *_ = (tmp_path / "other.pub").read_text().split()
    empty.write_text(f"[127.0.0.1]:{server.port} {kind} {key}\n")
    with pytest.raises(RigError, match="is another one than"):
        await at(known_hosts=empty).press(["1"])
    with pytest.raises(RigError, match="lets nobody in"):
        await at(identity=tmp_path / "other").press(["1"])
    assert not (at.folder / "asked").exists()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('press: {run: "key"}', r"commands.yaml:1:\d+: .*holds \{key\}"),
        ("press: {}", "no 'run'"),
        ("pres: {run: x}", "Did you mean 'press'"),
        ("dnd: {on: x}", "no 'off'"),
        ("state: {run: x, dnd: '('}", "regular expression"),
        ("state: {run: x, dnd: 'on'}", "groups named on"),
        ("- a", "mapping"),
    ],
)
def test_a_file_with_faults_names_its_lines(tmp_path, text, complaint):
    path = tmp_path / "commands.yaml"
    path.write_text(text)
    with pytest.raises(InputErrors, match=complaint):
        load_commands(path)


def test_without_a_file_of_commands_nothing_is_driven(tmp_path):
    with pytest.raises(UsageError, match="Name a file of commands"):
        make_phone("ssh", PhonePlace("127.0.0.1"))
    path = tmp_path / "commands.yaml"
    path.write_text("press: {run: 'k {key}'}\ndnd: {on: a, off: b}\n")
    phone = make_phone("ssh", PhonePlace("admin@127.0.0.1:2222", commands=Path(path)))
    assert phone.capabilities == {PhoneCapability.PRESS}  # nothing would read the switch back
    assert phone.where == "ssh://[127.0.0.1]:2222"

"""``phonerig phone`` against fake phones over real sockets.

The command runs in a thread of this process, the phone on its loop; they meet by sockets.
"""

from __future__ import annotations

import asyncio
import json

from cli_runner import write_site
from typer.testing import CliRunner
from vendor_fakes.base import PASSWORD, picture
from vendor_fakes.yealink import FakeYealink

from rig.cli import app


async def run(*words, **environ):
    env = {"COLUMNS": "200", "PHONE_PASSWORD": PASSWORD, **environ}
    return await asyncio.to_thread(
        CliRunner().invoke, app, ["phone", *map(str, words)], env=env
    )  # fmt: skip


def of(fake):
    return ("--driver", "yealink", "--address", fake.url, "--password", "env:PHONE_PASSWORD")


async def test_keys_are_pressed_and_state_is_told():
    async with FakeYealink() as fake:
        fake.forward["AlwaysFwd"] = "102"
        pressed = await run("press", "message", "ok", *of(fake))
        assert (pressed.exit_code, pressed.output) == (0, "the phone took message ok\n")
        assert fake.pressed == ["MSG", "OK"]
        told = await run("state", *of(fake))
        assert told.exit_code == 0
        for line in ("account 1", "101 (Anna): registered", "to 102", "unknown"):
            assert line in told.output, line
        data = json.loads((await run("state", *of(fake), "--json")).output)
        assert data["accounts"] == [
            {"index": 1, "user": "101", "registered": True, "label": "Anna"}
        ]  # fmt: skip
        assert data["waiting"] is None  # it has no way to tell
        assert PASSWORD not in pressed.output + told.output


async def test_what_does_nothing_is_exit_code_1_what_forbids_is_3_and_misuse_is_2():
    async with FakeYealink(mood="deaf") as fake:
        deaf = await run("reboot", *of(fake), "--leave", "0.2", "--json")
        assert deaf.exit_code == 1
        assert "did not" in json.loads(deaf.stdout)["error"]
        fake.allowed = False
        forbidden = await run("press", "ok", *of(fake))
        assert (forbidden.exit_code, "action_uri_limit_ip" in forbidden.stderr) == (3, True)
        wrong = await run("press", "ok", *of(fake), PHONE_PASSWORD="anders-99")
        assert (wrong.exit_code, "is wrong" in wrong.stderr) == (3, True)
        assert "anders-99" not in wrong.output + wrong.stderr
        for words, says in (
            (("press", "okay", *of(fake)), "ok"),
            (("press", "ok"), "which phone?"),
            (("press", "ok", "--site", "demo"), "go together"),
            (("press", "ok", "--site", "demo", "--handset", "anna"), "no 'control' part"),
            (("press", "ok", "--driver", "emulated", "--address", fake.url), "yealink"),
            (("press", "ok", "--driver", "yealink", "--address", fake.url, "--password", "x"),
             "list of processes"),
            (("config", "account.1.label", *of(fake)), "cannot do"),
            (("dnd", "perhaps", *of(fake)), "expected on or off"),
        ):  # fmt: skip
            result = await run(*words)
            assert result.exit_code == 2, (words, result.output, result.stderr)
            assert says in result.stderr, words


async def test_switches_are_read_back_and_a_restart_is_waited_for():
    class Restarting(FakeYealink):
        async def come_back(self):
            await asyncio.sleep(2.0)
            await self.listen(self.port)

        def press(self, key):
            super().press(key)
            if key == "Reboot":
                self._server.close()  # before the answer: nobody is just being let in
                self.returning = asyncio.get_running_loop().create_task(self.come_back())

    async with Restarting() as fake:
        assert (await run("dnd", "on", *of(fake))).output == "do-not-disturb is on\n"
        result = await run("forward", "busy", "102", *of(fake), "--json")
        assert json.loads(result.output)["target"] == "102"
        assert (await run("forward", "busy", "off", *of(fake))).exit_code == 0
        assert (fake.dnd, fake.forward["BusyFwd"]) == (True, "")
        again = await run("reboot", *of(fake), "--leave", "15", "--back", "20", "--json")
        assert again.exit_code == 0, again.output
        assert json.loads(again.output)["away_s"] >= 0
        assert fake.rebooted == 1
        await fake.returning


async def test_a_picture_is_saved_with_the_ending_that_it_is(tmp_path):
    async with FakeYealink() as fake:
        result = await run("screen", tmp_path / "display.png", *of(fake), "--json")
        assert result.exit_code == 0, result.output
        assert (tmp_path / "display.bmp").read_bytes() == picture()
        lost = await run("screen", tmp_path / "no" / "folder", *of(fake))
        assert (lost.exit_code, "cannot be written" in lost.stderr) == (2, True)


async def test_a_phone_of_the_inventory_is_driven_by_its_name(tmp_path):
    path = write_site(tmp_path)
    (tmp_path / "web.txt").write_text(PASSWORD + "\n")
    (tmp_path / "web.txt").chmod(0o600)
    async with FakeYealink() as fake:
        control = f'control: {{driver: yealink, address: "{fake.url}", password: "file:web.txt"}}'
        text = path.read_text()
        assert "  - name: desk\n" in text
        path.write_text(text.replace("  - name: desk\n", f"  - name: desk\n    {control}\n"))
        here = ("--site", path, "--handset", "desk")
        for more in (("--pin", "AA" * 32), ("--driver", "snom"), ("--user", "me"), ("--old-tls",)):
            odd = await run("press", "1", *here, *more)
            assert odd.exit_code == 2
            assert f"{more[0]}: of a phone of --site" in odd.stderr
        result = await run("press", "1", *here)
        assert result.exit_code == 0, result.output + result.stderr
        assert fake.pressed == ["1"]
        checked = await asyncio.to_thread(
            CliRunner().invoke, app, ["inventory", "show", str(path), "--json"]
        )
        assert PASSWORD not in checked.output + checked.stderr


async def test_drivers_are_listed():
    listed = json.loads((await run("drivers", "--json")).output)
    assert "press" in listed["yealink"]
    assert "no phone was at hand" in (await run("drivers")).output

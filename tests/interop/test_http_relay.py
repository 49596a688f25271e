"""Relay boards over real sockets: each shipped board, logins by a real server, and bad answers."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import time

import pytest
from aiohttp import web
from push_kit import lighttpd
from snmp_kit import open_files

from provisioning.secret import Secret
from rig.hardware.http_relay import HttpRelayPort, RelayDevice
from rig.hardware.power import PowerError, PowerLimits, PowerState
from rig.hardware.relay_board import shipped_boards

QUICK = PowerLimits(off_s=0.3, on_s=0.3, poll_s=0.02)
PATIENT = PowerLimits(off_s=5, on_s=5, poll_s=0.02)


class Board:
    """A small relay board: four contacts, and the words of every shipped kind."""

    def __init__(self):
        self.contacts = dict.fromkeys("0123", True)
        self.obeys = True
        self.asked = []
        self.credentials = ""
        self.page = None

    def set(self, channel, on):
        if self.obeys:
            self.contacts[channel] = on

    async def answer(self, request):
        self.asked.append((request.method, request.path_qs))
        if self.credentials:
            wanted = "Basic " + base64.b64encode(self.credentials.encode()).decode()
            if request.headers.get("Authorization") != wanted:
                return web.Response(status=401)
        if self.page is not None:
            return await self.page(request)
        return self._speak(request, request.query)

    def _speak(self, request, query):
        path = request.path
        if path == "/netio.json":
            return None
        if path.startswith("/relay/"):
            _, _, channel, *word = path.split("/")
            if word or "turn" in query:
                self.set(channel, (word or [query.get("turn")])[0] in {"1", "on"})
            if "shelly" in request.headers.get("Host", "") or "turn" in query or not word:
                on = self.contacts[channel]
                if self.kind == "simplerest":
                    return web.Response(text="1" if on else "0")
                return web.json_response({"ison": on})
            return web.Response(text="ok")
        if path == "/cm":
            name, _, word = query["cmnd"].partition(" ")
            channel = name.removeprefix("Power")
            if word:
                self.set(channel, word == "On")
            return web.json_response({name.upper(): "ON" if self.contacts[channel] else "OFF"})
        channel = query["id"]
        if path == "/rpc/Switch.Set":
            self.set(channel, query["on"] == "true")
            return web.json_response({"was_on": True})
        assert path == "/rpc/Switch.GetStatus"
        return web.json_response({"id": int(channel), "output": self.contacts[channel]})

    async def netio(self, request):
        self.asked.append((request.method, request.path_qs))
        if request.method == "POST":
            for wish in json.loads(await request.text())["Outputs"]:
                self.set(str(wish["ID"]), wish["Action"] == 1)
        outputs = [{"ID": int(c), "State": int(on)} for c, on in self.contacts.items()]
        return web.json_response({"Outputs": outputs})


@contextlib.asynccontextmanager
async def board(kind="simplerest", **options):
    """A board on a port of its own, and a function that makes ports of it."""
    model = Board()
    model.kind = kind
    app = web.Application()
    app.router.add_route("*", "/netio.json", model.netio)
    app.router.add_route("*", "/{rest:.*}", model.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = site._server.sockets[0].getsockname()
    options.setdefault("limits", PATIENT)
    device = RelayDevice("r1", f"http://127.0.0.1:{address[1]}", shipped_boards()[kind], **options)
    try:
        yield model, device
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("kind", list(shipped_boards()))
async def test_every_shipped_board_is_switched_and_read_back(kind):
    async with board(kind) as (model, device):
        port = HttpRelayPort(device, "2")
        assert (await port.state()).state is PowerState.ON
        await port.off()
        assert model.contacts == {"0": True, "1": True, "2": False, "3": True}
        assert (await port.state()).state is PowerState.OFF
        await port.on()
        assert model.contacts["2"] is True


async def test_a_contact_that_feeds_at_rest_is_turned_round():
    async with board() as (model, device):
        port = HttpRelayPort(device, "1", normally_closed=True)
        assert (await port.state()).state is PowerState.OFF
        await port.on()
        assert model.contacts["1"] is False
        assert (await port.state()).detail == ("relay off (0), wired so that power flows at rest")


async def test_a_board_that_says_yes_and_does_nothing_is_an_error():
    async with board(limits=QUICK) as (model, device):
        model.obeys = False
        with pytest.raises(PowerError, match=r"r1 channel 1: power is not off.*relay on \(1\)"):
            await HttpRelayPort(device, "1").off()


async def test_a_board_that_is_gone_is_an_error():
    async with board() as (_, device):
        pass
    with pytest.raises(PowerError, match=r"r1 channel 1: no HTTP with http://127.0.0.1"):
        await HttpRelayPort(device, "1").off()


async def test_a_board_that_hangs_is_an_error_in_its_time_and_leaves_nothing():
    gc.collect()
    before = open_files()
    async with board(timeout_s=0.3) as (model, device):

        async def hang(_):
            await asyncio.sleep(30)

        model.page = hang
        began = time.monotonic()
        with pytest.raises(PowerError, match=r"does not answer within 0.3 s"):
            await HttpRelayPort(device, "1").state()
        assert time.monotonic() - began < 20
    await asyncio.sleep(0.05)
    assert open_files() == before


async def test_a_redirect_is_not_followed():
    async with board() as (model, device), board() as (elsewhere, other):

        async def away(_):
            raise web.HTTPFound(other.url + "/relay/1/0")

        model.page = away
        with pytest.raises(PowerError, match="answers /relay/1/0 with 302"):
            await HttpRelayPort(device, "1").off()
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("page", "what"),
    [
        (web.Response(status=500), "with 500"),
        (
            web.Response(text="<html>hello</html>"),
            "says '<html>hello</html>', expected",
        ),
        (web.Response(body=b"x" * 70000), "more than 65536 octets"),
        (web.Response(body=b"\xff\xfe"), "expected '1' or '0'"),
    ],
    ids=["error", "another page", "endless", "no text"],
)
async def test_an_answer_that_is_none_is_told(page, what):
    async with board() as (model, device):

        async def answer(_):
            return page

        model.page = answer
        with pytest.raises(PowerError, match=what):
            await HttpRelayPort(device, "1").state()


async def test_an_answer_in_pieces_is_read_to_its_end():
    async with board("shelly_gen2") as (model, device):

        async def dribble(request):
            answer = web.StreamResponse(headers={"Content-Type": "application/json"})
            await answer.prepare(request)
            for piece in (b'{"id": 0, "out', b'put": fa', b"lse}"):
                await answer.write(piece)
                await asyncio.sleep(0.05)
            return answer

        model.page = dribble
        assert (await HttpRelayPort(device, "0").state()).state is PowerState.OFF


async def test_a_login_is_given_where_the_board_has_one():
    login = {"user": "admin", "password": Secret("quitte-7")}
    async with board("shelly_gen1", **login) as (model, device):
        model.credentials = "admin:quitte-7"
        assert (await HttpRelayPort(device, "0").state()).state is PowerState.ON
        model.credentials = "admin:birne-8"
        with pytest.raises(PowerError, match=r"lets nobody in .*\(401\).*basic login") as error:
            await HttpRelayPort(device, "0").off()
    assert "quitte" not in str(error.value)
    assert "quitte" not in repr(device)


@pytest.mark.interop("lighttpd")
async def test_a_digest_login_satisfies_a_real_server(tmp_path):
    folder = tmp_path / "rpc"
    folder.mkdir()
    (folder / "Switch.GetStatus").write_text('{"id": 0, "output": false}')
    with lighttpd(tmp_path) as number:
        url, kind = f"http://127.0.0.1:{number}", shipped_boards()["shelly_gen2"]
        right = RelayDevice("r1", url, kind, "anna", Secret("quitte"))
        assert (await HttpRelayPort(right, "0").state()).state is PowerState.OFF
        wrong = RelayDevice("r1", url, kind, "anna", Secret("birne"))
        with pytest.raises(PowerError, match=r"\(401\).*digest login"):
            await HttpRelayPort(wrong, "0").state()

"""Call-backs of real phones, from a socket to the verdict."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from cli_runner import Service
from vendor_fakes.fanvil import FakeFanvil
from vendor_fakes.poly import CALLS

from provisioning.errors import RigError
from provisioning.secret import Secret
from rig.bench import Bench
from rig.demo_bench import demo_config
from rig.errors import UsageError
from rig.handset.vendor.call_backs import CallBackReceiver
from rig.handset.vendor.description import description, vendors
from rig.timeline import PhoneSaid
from rig.verdict.evidence import LampExpectation
from rig.verdict.judge import judge

TOKEN = "a-token-of-a-test-only"


async def ask(url, *, method="GET", body=b"", host=None):
    """One request on a socket of its own; the status."""
    where, _, path = url.removeprefix("http://").partition("/")
    name, _, port = where.rpartition(":")
    reader, writer = await asyncio.open_connection(host or name, int(port))
    head = f"{method} /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + body)
    status = int((await reader.read()).split(b" ")[1])
    writer.close()
    await writer.wait_closed()
    return status


class Heard:
    """A receiver for one test, and what it heard."""

    async def __aenter__(self):
        self.words = []
        self.receiver = CallBackReceiver(
            self.words.append, ["hall"], token=Secret(TOKEN), clock=lambda: 7.0
        )
        await self.receiver.open()
        return self

    async def __aexit__(self, *_):
        await self.receiver.close()
        await self.receiver.close()  # twice does no harm


async def test_a_message_waiting_call_back_is_a_word_of_the_phone_on_the_timeline():
    async with Heard() as heard, FakeFanvil() as fake:
        settings = heard.receiver.settings("hall", description("fanvil"))
        assert settings["NewMWIUrl"].endswith(f"/{TOKEN}/hall/mwi?ip=$ip&mac=$mac")
        assert settings["NewMWIUrl"].startswith("http://127.0.0.1:")
        fake.mwi_url = settings["NewMWIUrl"]
        assert await fake.message_came() == 200
        (said,) = heard.words
        assert (said.at, said.handset, said.what, said.waiting) == (7.0, "hall", "mwi", True)
        assert said.text == "ip 127.0.0.1, mac 0c383e07e16c"
        assert said.client == "127.0.0.1"


@pytest.mark.parametrize("vendor", [v for v in vendors() if description(v).call_backs])
async def test_every_call_back_of_every_vendor_is_taken(vendor):
    known = description(vendor)
    async with Heard() as heard:
        for url in heard.receiver.settings("hall", known).values():
            assert await ask(url) == 200
        assert [said.what for said in heard.words] == [back.event for back in known.call_backs]
        waiting = {said.what for said in heard.words if said.waiting is not None}
        assert waiting <= {"mwi"}  # nothing else says whether messages wait


async def test_state_polling_is_posted():
    async with Heard() as heard:
        url = heard.receiver.url("hall", "calls")
        assert await ask(url, method="POST", body=CALLS) == 200
        assert heard.words[0].text == "line 1 offering 102, line 2 inactive"
        assert await ask(url, method="POST", body=b"<!DOCTYPE a><a/>") == 400
        assert await ask(url, method="POST", body=b"x" * 100_000) == 413
        assert len(heard.words) == 1


async def test_strangers_are_not_heard():
    async with Heard() as heard:
        good = heard.receiver.url("hall", "mwi")
        for url in (
            good.replace(TOKEN, "a-token-of-a-test-onlx"),
            good.replace(TOKEN, ""),
            good.replace("/hall/", "/anna/"),
            good.replace("/mwi", "/"),
            good.replace("/mwi", "/mwi/more"),
            good.replace("/mwi", "/MWI%0a"),
        ):
            assert await ask(url) == 404, url
        assert heard.words == []
        assert await ask(good + "?user=" + "u" * 500 + "&other=1") == 200
        assert heard.words[0].text == "user " + "u" * 100


async def test_a_port_that_is_taken_and_a_token_that_is_none():
    async with Heard() as heard:
        port = int(heard.receiver.url("hall", "x").split(":")[2].partition("/")[0])
        second = CallBackReceiver(print, ["hall"], port=port)
        with pytest.raises(RigError, match="the port is in use"):
            await second.open()
    with pytest.raises(UsageError, match="16 to 128"):
        CallBackReceiver(print, ["hall"], token=Secret("short"))


async def test_a_bench_has_what_a_phone_said_in_its_evidence_its_verdict_and_its_record(tmp_path):
    config = replace(
        demo_config(tmp_path), call_backs_at=("127.0.0.1", 0), roles={"caller": "emil",
        "callee": "anna"}, scenario_roles={},
    )  # fmt: skip
    async with Bench(config) as bench:
        started_at = bench.clock()
        await bench.read_lamps()
        assert await ask(bench.call_backs.url("anna", "mwi", "mac=805ec0")) == 200
        wanted = LampExpectation(
            handset="anna", lamp="message", lit=False, since=started_at, until=bench.clock(),
            mailbox=bench.site.intent("anna").accounts[0].user, notify=False,
        )  # fmt: skip
        evidence = await bench.evidence(started_at, [wanted])
        verdict = judge(evidence)
        (word,) = [m for m in verdict.measurements if m.name == "phone_word[anna]"]
        assert word.note == "disagrees with the lamp sensor, which ranks first: off"
        assert not verdict.findings  # the lamp is what it must be
        (said,) = evidence.events(PhoneSaid)
        assert said.text == "mac 805ec0"


async def test_the_command_line_shows_settings_and_what_is_told():
    def next_event(service):
        service.next_line()
        return json.loads(service.lines[-1])

    with Service("phone", "listen", "fanvil", "hall", "--json") as service:
        first = await asyncio.to_thread(next_event, service)
        url = first["settings"]["NewMWIUrl"].replace("$ip", "10.0.0.9")
        assert await ask(url) == 200
        told = await asyncio.to_thread(next_event, service)
        assert (told["event"], told["what"], told["waiting"]) == ("call_back", "mwi", True)
        assert told["detail"].startswith("ip 10.0.0.9")
        code, complaints = await asyncio.to_thread(service.stop)
        assert (code, complaints) == (0, "")

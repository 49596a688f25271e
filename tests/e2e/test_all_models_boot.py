"""Every concrete profile boots in emulation: its own files, its own order, to a lit lamp.

A fourth of all models at once in one event loop, each with two accounts and two mailboxes where
the model has two, half of them over TFTP and half over HTTP as far as the profile allows. The
fourths share nothing, so they can run beside each other; together they are every model. A model
without a lamp is judged by what its account was told.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
from handset_lab import profiles

from provisioning.address import Mac
from provisioning.identifier import Identifier
from provisioning.inventory import parse_site
from provisioning.profile_model import Maturity
from provisioning.readback import compare
from provisioning.render import SiteFiles, render_handset
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from provisioning.transport.tftp_server import TftpLimits, TftpServer
from rig.handset.emulated.handset import EmulatedHandset
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.media.tones import speech

FIRST = 1000
AT_ONCE = 8
LIMIT_S = 240
PARTS = 4
HEAD = """\
site:
  name: All models
  demo: true
  domain: models.example
  registrar: {host: 127.0.0.1, port: 5060, transport: udp, expires_s: 3600}
  voice_portal_number: +49 30 23125 900
  provisioning: {url: "http://127.0.0.1", resync_interval_s: 86400}
  admin_password: demo:Kirschbaum-27-Leiter
users:
"""
USER = """\
  - name: User {number}
    number: +49 30 23125 {number}
    extension: {number}
    sip: {{user: user{number}, password: demo:quitte-{number}-secret}}
    mailbox: {{pin: demo:748159}}
"""


@dataclass
class Booted:
    """One model under test."""

    index: int
    profile: object
    transport: str
    numbers: list[str]
    handset: EmulatedHandset | None = None

    @property
    def accounts(self):
        return [self.handset.accounts[n] for n in range(1, len(self.numbers) + 1)]

    def told(self, waiting):
        """Whether each account knows if a message waits in its mailbox, and the lamp follows."""
        accounts = [account.waiting for account in self.accounts]
        lit = self.profile.message_lamp is not None and any(waiting)
        return accounts == waiting and self.handset.lamp.state().lit is lit


def places(part):
    """Model, transport and users of a part of all concrete profiles.

    A part is a stretch of them: what is compiled for a vendor is then compiled in one part only.
    """
    found = []
    number = FIRST
    for index, profile in enumerate(profiles().values()):
        spoken = [name for name in ("tftp", "http") if name in profile.boot.transports]
        count = min(2, profile.limits.accounts)
        numbers = [str(number + n) for n in range(count)]
        transport = spoken[index % len(spoken)]
        if index * PARTS // len(profiles()) == part:
            found.append(Booted(index, profile, transport, numbers))
        number += 2
    return found


def host_of(index):
    """A loopback address of its own for each handset of all parts."""
    return f"127.0.{30 + index // 200}.{1 + index % 200}"


def inventory(booted):
    lines = [HEAD]
    lines += [USER.format(number=number) for place in booted for number in place.numbers]
    lines.append("handsets:\n")
    for place in booted:
        profile, index = place.profile, place.index
        mode = "subscribe" if profile.mwi.subscribe_account else "unsolicited"
        mac = profile.identify.mac_oui[0].replace(":", "") + f"{index:06x}"
        accounts = ", ".join(f"{{user: {number}, mwi: {mode}}}" for number in place.numbers)
        head = f"name: p{index}, model: {profile.model}, mac: '{mac}'"
        lines.append(f"  - {{{head}, accounts: [{accounts}]}}\n")
    return "".join(lines).encode()


async def all_are(booted, what, condition):
    """Wait until a condition holds for every model, or name those for which it does not."""
    wrong = booted
    try:
        async with asyncio.timeout(60):
            while wrong:
                wrong = [place for place in wrong if not condition(place)]
                await asyncio.sleep(0.02)
    except TimeoutError:
        names = [f"{place.profile.vendor} {place.profile.model}" for place in wrong]
        pytest.fail(f"{what}: not so for {names}")


async def serve(stack, store_dir, booted):
    """A platform and both servers; returns platform, log and what each handset was told."""
    wanted = parse_site(inventory(booted), store_dir / "site.yaml")
    platform = EmbeddedPlatform(
        wanted, store_dir=store_dir / "store", config=PlatformConfig(max_calls=10)
    )
    await platform.start()
    stack.push_async_callback(platform.stop)
    content = SiteContent({})
    log = FetchLog(identify=Identifier.of_site(wanted.handsets, profiles().values()))
    limits = TftpLimits(transfers=10 * AT_ONCE, transfers_per_address=AT_ONCE)
    tftp = TftpServer(content, log, port=0, limits=limits)
    http = HttpServer(content, log, port=0)
    urls = {}
    for name, server in (("tftp", tftp), ("http", http)):
        await server.start()
        stack.push_async_callback(server.close)
        urls[name] = f"{name}://127.0.0.1:{server.address[1]}"
    sites = {
        name: wanted.with_endpoints(registrar=platform.sip_address, provisioning_url=url)
        for name, url in urls.items()
    }
    rendered = [
        render_handset(sites[place.transport].intent(f"p{place.index}"), place.profile)
        for place in booted
    ]
    content.replace(SiteFiles(rendered))
    return platform, log, urls, rendered


def test_the_parts_together_are_every_model():
    models = [place.profile.model for part in range(PARTS) for place in places(part)]
    assert sorted(models) == sorted(profile.model for profile in profiles().values())


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("part", range(PARTS))
async def test_every_model_boots_from_its_files_to_the_right_lamp(tmp_path, part):
    booted = places(part)
    async with AsyncExitStack() as stack:
        platform, log, urls, rendered = await serve(stack, tmp_path, booted)
        hosts = {host_of(place.index): place for place in booted}
        gate = asyncio.Semaphore(AT_ONCE)

        async def boot(place):
            index = place.index
            mac = Mac(place.profile.identify.mac_oui[0].replace(":", "") + f"{index:06x}")
            place.handset = EmulatedHandset(
                f"p{index}",
                place.profile,
                mac,
                provisioning_url=urls[place.transport],
                host=host_of(index),
            )
            stack.push_async_callback(place.handset.shut_down)
            async with gate:
                await place.handset.boot()

        await asyncio.gather(*map(boot, booted))

        for place, files in zip(booted, rendered, strict=True):
            name = place.profile.model
            assert compare(files.fitted, place.handset.intent) == [], name
            for number in place.numbers:
                assert len(platform.contacts(f"+493023125{number}")) == 1, name
        await all_are(
            booted, "told that nothing waits", lambda p: p.told([False] * len(p.numbers))
        )
        assert {record.transport for record in log.records} == {"tftp", "http"}
        for record in log.records:
            if record.transport == "http":
                model = hosts[record.client[0]].profile.model
                assert profiles().models_of(record.user_agent) == (model,)
            assert not record.mismatch
            assert record.identity.handset in {"", f"p{hosts[record.client[0]].index}"}

        # A message for the last account of each: its lamp alone, and no other account's.
        for place in booted:
            platform.store.add(f"+493023125{place.numbers[-1]}", "+493023125999", speech(0.3))
        await all_are(
            booted,
            "message told and lamp lit",
            lambda p: p.told([False] * (len(p.numbers) - 1) + [True]),
        )
        for place in booted:
            mailbox = f"+493023125{place.numbers[-1]}"
            assert platform.store.clear(mailbox) == 1
        await all_are(booted, "lamp dark again", lambda p: p.told([False] * len(p.numbers)))
        assert platform.internal_errors == 0


def test_nobody_claims_more_than_this_test_shows():
    tried = {place.profile.model for part in range(PARTS) for place in places(part)}
    claimed = {
        model for model, profile in profiles().items() if profile.maturity is Maturity.BOOTED
    }
    assert claimed <= tried
    assert not any(profile.maturity is Maturity.SEEN for profile in profiles().values())

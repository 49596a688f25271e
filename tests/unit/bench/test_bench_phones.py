"""What a bench asks of real phones and waits for with them, by a simulated clock."""

from __future__ import annotations

import asyncio

import pytest

from provisioning.inventory import load_site
from provisioning.resources import demo_site_dir
from rig import bench_phones
from rig.bench_phones import asked_of_waiting, phones_registered
from rig.errors import RigError
from rig.handset.vendor.control import PhoneCapability, PhoneRefused, PhoneState
from rig.handset.vendor.handset import CiscoHandset


class Platform:
    """Every user registers at an instant of its own."""

    def __init__(self, **at):
        self.now, self.at = 0.0, at

    async def sleep(self, seconds):
        self.now += seconds

    def contacts(self, number):
        return ["sip:x@10.0.0.9"] if self.now >= self.at.get(f"n{number}", 1e9) else []


@pytest.fixture(scope="module")
def site():
    return load_site(demo_site_dir() / "site.yaml")


async def wait(platform, site, *names):
    await phones_registered(
        platform, site, names, 60.0, clock=lambda: platform.now, sleep=platform.sleep
    )


async def test_it_waits_for_every_account_of_every_phone(site):
    users = [ref.user for name in ("anna", "clara") for ref in site.handset(name).accounts]
    platform = Platform(**{f"n{user}": 3.0 * place for place, user in enumerate(users, 1)})
    await wait(platform, site, "anna", "clara")
    assert platform.now == pytest.approx(3.0 * len(users), abs=0.3)


async def test_nobody_is_waited_for_on_a_bench_in_software(site):
    platform = Platform()
    await wait(platform, site)
    assert platform.now == 0


async def test_who_does_not_come_is_named(site):
    user = site.handset("anna").accounts[0].user
    with pytest.raises(RigError, match=r"clara \(account of .*not registered .* within 60 s"):
        await wait(Platform(**{f"n{user}": 1.0}), site, "anna", "clara")


class Phone:
    """A real phone that says one thing."""

    where, host = "10.0.0.9", "10.0.0.9"

    def __init__(self, waiting, *, tells=True):
        self.waiting, self.asked = waiting, 0
        self.capabilities = frozenset({PhoneCapability.READ_WAITING} if tells else ())

    async def state(self):
        self.asked += 1
        if isinstance(self.waiting, Exception):
            raise self.waiting
        if self.waiting == "silent":
            await asyncio.Event().wait()
        return PhoneState(waiting=self.waiting)


async def ask(phone):
    handset = CiscoHandset("hall", phone, sip_address=("10.0.0.9", 5060))
    # Its word is of when it was asked: it may be old by the time it comes.
    return await asked_of_waiting(handset, clock=lambda: 7.0 + phone.asked)


@pytest.mark.parametrize("waiting", [True, False])
async def test_a_phone_that_can_be_asked_gives_its_word(waiting):
    said = await ask(Phone(waiting))
    assert (said.at, said.handset, said.what, said.by) == (7.0, "hall", "mwi", "answer")
    assert said.waiting is waiting
    assert said.client == "10.0.0.9"


async def test_who_does_not_tell_is_not_asked():
    phone = Phone(True, tells=False)
    assert await ask(phone) is None
    assert phone.asked == 0
    assert await asked_of_waiting(object()) is None  # nor is a handset in software


@pytest.mark.parametrize(
    ("phone", "warning"),
    [
        (Phone(None), ""),
        (Phone(PhoneRefused("the password is wrong", 401)), "the password is wrong"),
        (Phone("silent"), "10.0.0.9 does not say within 0.01 s"),
    ],
    ids=["unknown", "refused", "silent"],
)
async def test_a_phone_without_a_word_fails_nothing(phone, warning, monkeypatch, caplog):
    monkeypatch.setattr(bench_phones, "ASK_S", 0.01)
    assert await ask(phone) is None
    assert phone.asked == 1
    assert warning in caplog.text
    assert bool(caplog.records) is bool(warning)

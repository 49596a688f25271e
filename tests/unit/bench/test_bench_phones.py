"""A bench waits until real phones have registered at its platform, by a simulated clock."""

from __future__ import annotations

import pytest

from provisioning.inventory import load_site
from provisioning.resources import demo_site_dir
from rig.bench_phones import phones_registered
from rig.errors import RigError


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

"""Scenarios of provisioning: handsets boot from their files, follow changes, and nobody else does.

They switch handsets on by themselves, so they also run on a bench whose handsets are still off.
"""

from __future__ import annotations

from dataclasses import replace

from provisioning.inventory_site import Site
from rig.bench import Bench
from rig.bench_provisioning import STRANGER
from rig.handset.base import HandsetCapability as Can
from rig.scenario import Scenario
from rig.verdict.evidence import Expectation
from rig.verdict.provisioning_facts import ProvisioningExpectation

FILES = frozenset({Can.BOOT_FROM_FILES, Can.REBOOT, Can.REGISTER})


def provisioned(
    bench: Bench, role: str, since: float, **kwargs: object
) -> ProvisioningExpectation:
    """A role must have got and applied its files."""
    expectation = ProvisioningExpectation(bench.name_of(role), since, bench.clock())
    return replace(expectation, **kwargs)  # type: ignore[arg-type]  # names are checked by replace


async def _boot(bench: Bench) -> list[Expectation]:
    at = await bench.boot("callee")
    return [provisioned(bench, "callee", at)]


async def _boot_both(bench: Bench) -> list[Expectation]:
    first, second = await bench.boot("callee"), await bench.boot("target")
    return [provisioned(bench, "callee", first), provisioned(bench, "target", second)]


async def _second_boot(bench: Bench) -> list[Expectation]:
    await bench.boot("callee")
    at = await bench.boot("callee")
    return [provisioned(bench, "callee", at, trigger="the second power-on")]


async def _change(bench: Bench) -> list[Expectation]:
    await bench.boot("callee")
    at = await bench.save("callee", lambda site: relabelled(site, bench.name_of("callee")))
    return [provisioned(bench, "callee", at, trigger="the change", told=True, reboots=False)]


async def _remote_reboot(bench: Bench) -> list[Expectation]:
    await bench.boot("callee")
    at = await bench.ask_reboot("callee")
    return [provisioned(bench, "callee", at, trigger="the wish to reboot", told=True)]


async def _no_address(bench: Bench) -> list[Expectation]:
    known = await bench.boot("callee")
    at = await bench.boot_stranger("callee")
    return [provisioned(bench, "callee", known), provisioned(bench, STRANGER, at)]


def relabelled(site: Site, name: str) -> Site:
    """The site with another label on the first account of a handset, each time another."""
    entry = site.handset(name)
    first = entry.accounts[0]
    old = first.label.removeprefix("Platz ")
    number = int(old) + 1 if old.isdigit() else 1
    accounts = (replace(first, label=f"Platz {number}"), *entry.accounts[1:])
    changed = replace(entry, accounts=accounts)
    return replace(
        site, handsets=tuple(changed if one.name == name else one for one in site.handsets)
    )


def scenarios_provisioning() -> dict[str, Scenario]:
    """Every scenario of provisioning by name."""
    callee = {"callee": FILES}
    listing = (
        Scenario("boot", "A phone boots from its files and registers every account", callee,
                 _boot, needs_mailbox=()),
        Scenario("boot_both", "Two phones of different size boot from their files",
                 {"callee": FILES, "target": FILES}, _boot_both, needs_mailbox=()),
        Scenario("second_boot", "A phone boots from its files again, where they tell it to ask",
                 callee, _second_boot, needs_mailbox=()),
        Scenario("change", "A change of the inventory reaches the phone", callee, _change,
                 needs_mailbox=()),
        Scenario("remote_reboot", "A phone boots again when it is asked to", callee,
                 _remote_reboot, needs_mailbox=()),
        Scenario("no_address", "A phone that is not in the inventory gets no account", callee,
                 _no_address, needs_mailbox=()),
    )  # fmt: skip
    return {scenario.name: scenario for scenario in listing}

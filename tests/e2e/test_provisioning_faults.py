"""Faults of provisioning on real servers and emulated handsets: named, and silent without them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest

from provisioning.transport.hook import ServerHook
from rig.bench import Bench
from rig.demo_bench import demo_config
from rig.faults.catalogue import seeds
from rig.faults.circumstances import NOTHING_SPECIAL, Circumstances
from rig.faults.compose import ComposedHandset as Rules
from rig.faults.compose import alter, response, status
from rig.faults.file_rule import in_files, setting
from rig.faults.seed import Seed
from rig.handset.emulated.fetcher import Fetcher
from rig.handset.emulated.hook import HandsetHook
from rig.run import run_scenario
from rig.scenarios import PROVISIONING_CASES, scenarios
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.outcome import Outcome

pytestmark = [pytest.mark.timeout(240), pytest.mark.waits]

AT_ONCE = 4
TRIES = 4
FAULTY_BOOT_S = 6.0
SERVER = Component.PROVISIONING_SERVER


async def run(seed, folder, **changes):
    """One scenario with one alteration; again while the machine is too busy to vouch for it."""
    for number in range(TRIES):
        where = folder / f"{seed.name}-{number}"
        config = replace(demo_config(where, seeds=(seed,)), **changes)
        async with Bench(config) as bench:
            record = await run_scenario(bench, scenarios()[seed.scenario])
        if record.outcome is not Outcome.INCONCLUSIVE:
            return record
    return record


async def in_turn(work):
    """Run a few at a time; gives what they give, in order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(coroutine):
        async with gate:
            return await coroutine

    return await asyncio.gather(*map(one, work))


async def complaint(seed, folder):
    """What is wrong with the verdict on a fault, or empty."""
    record = await run(seed, folder, boot_limit_s=FAULTY_BOOT_S)
    named = {(f["class"], f["component"]) for f in record.findings}
    right = named == {(seed.fault_class.value, seed.component.value)}
    proofs = "\n".join(f"{p['where']}: {p['text']}" for f in record.findings for p in f["proofs"])
    if right and record.outcome is Outcome.FAIL and re.search(seed.proof, proofs):
        return ""
    return f"{seed.id} {seed.name}: {record.outcome} {named} {record.sentence}\n{proofs}"


def provisioning_seeds():
    return [seed for seed in seeds().values() if seed.scenario in PROVISIONING_CASES]


def test_every_seed_says_where_its_proof_is():
    assert [seed.id for seed in provisioning_seeds() if not seed.proof] == []
    assert len(provisioning_seeds()) >= 22


@pytest.mark.parametrize("part", range(4))
async def test_a_seeded_fault_is_named_with_its_proof(part, tmp_path):
    wrong = await in_turn(complaint(seed, tmp_path) for seed in provisioning_seeds()[part::4])
    assert not any(wrong), "\n".join(wrong)


async def test_nothing_is_said_of_the_same_circumstances_without_the_fault(tmp_path):
    special = {
        str(seed.circumstances): seed.healed()
        for seed in provisioning_seeds()
        if seed.circumstances != NOTHING_SPECIAL or seed.scenario == "boot_both"
    }
    assert len(special) >= 6
    records = await in_turn(run(seed, tmp_path) for seed in special.values())
    assert [
        (r.name, r.outcome, r.sentence) for r in records if r.outcome is not Outcome.PASS
    ] == []


@pytest.mark.parametrize("capture", ["tap", "lo"])
async def test_a_right_site_passes_every_scenario_one_after_the_other(capture, tmp_path):
    if capture == "lo":
        from peers import require_root  # noqa: PLC0415 - not needed for the other one

        require_root()
    cases = PROVISIONING_CASES if capture == "tap" else ("change",)
    config = replace(demo_config(tmp_path, capture=capture), boot_at_start=False)
    async with Bench(config) as bench:
        for name in cases:
            record = await run_scenario(bench, scenarios()[name])
            assert record.outcome is Outcome.PASS, record.sentence
            assert not record.findings
            assert all(m["outcome"] in {"pass", "none"} for m in record.measurements)


# -- faults that nobody has listed ------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "limit_s", "outcome"),
    [("change", 20.0, Outcome.PASS), ("boot", 0.6, Outcome.INCONCLUSIVE)],
)
async def test_a_phone_that_is_still_fetching_is_waited_for_and_not_blamed(
    scenario, limit_s, outcome, tmp_path, monkeypatch
):
    at_once = Fetcher.fetch

    async def slowly(fetcher, path, user_agent):
        await asyncio.sleep(0.35)  # longer than the bench takes to settle
        return await at_once(fetcher, path, user_agent)

    monkeypatch.setattr(Fetcher, "fetch", slowly)
    config = replace(demo_config(tmp_path), boot_at_start=False, boot_limit_s=limit_s)
    async with Bench(config) as bench:
        record = await run_scenario(bench, scenarios()[scenario])
    assert record.outcome is outcome, record.sentence
    assert ("still fetching" in record.sentence) is (outcome is Outcome.INCONCLUSIVE)


class Swapped(ServerHook):
    """Two phones of one model get each other's file."""

    def answer(self, path, look_up):
        anna, emil = "805ec01a2b01", "001565123456"
        return look_up(path.replace(anna, "-").replace(emil, anna).replace("-", emil))


class Broken(ServerHook):
    def refusal(self, path):
        return 500 if path.endswith("2b01.cfg") else None


class Cached(ServerHook):
    """Answers every path as it did the first time."""

    def __init__(self):
        self.first = {}

    def answer(self, path, look_up):
        return self.first.setdefault(path, look_up(path))


class Misspelt(ServerHook):
    def stored_name(self, name):
        return name.replace("2b01", "2b10")


class Mute(ServerHook):
    def datagram(self, request, data):
        return None


class Deaf(HandsetHook):
    def heeds(self, event):
        return False


class Refusing(Rules):
    def heeds(self, event):
        return False


def latin_1(name, content):
    return content.decode().encode("latin-1")


def half(name, content):
    return content[: len(content) // 2] if name.endswith("2B03.xml") else content


def named(name):
    def change(site):
        user = site.user("101")
        return replace(site, users={**site.users, user.number: replace(user, name=name)})

    return change


BY_TFTP = Circumstances(fetch_by="tftp")
CONFIG, HANDSET, NETWORK = Component.CONFIG, Component.HANDSET, Component.NETWORK
P = FaultClass


def composed():
    """Name, class, component, proof, and what is altered."""
    refusing = Refusing([alter(response(200, "NOTIFY"), status(489))])
    return (
        ("swapped", P.P9, SERVER, r"answered by emil", {"server": Swapped()}),
        ("error-500", P.P8, SERVER, "answered 500", {"server": Broken()}),
        ("cached", P.P7, SERVER, "the server has another", {"server": Cached()}),
        ("misspelt", P.P1, SERVER, r"2b01\.cfg: not served", {"server": Misspelt()}),
        ("mute", P.P8, NETWORK, "never answered", {"server": Mute(), "circumstances": BY_TFTP}),
        ("deaf", P.P7, HANDSET, "a fetch after it", {"handsets": {"callee": Deaf()}}),
        ("refusing", P.P7, HANDSET, "answered 489", {"handsets": {"callee": refusing}}),
        ("half", P.P2, SERVER, r"2B03\.xml:\d+", {"file": half, "roles": {"callee": "clara"}}),
        ("latin-1", P.P3, SERVER, "0xFC", {"file": latin_1, "site": named("Anna Müller")}),
        ("escaped", P.P3, SERVER, "&amp;", {
            "file": in_files("Anna & Co", "Anna &amp; Co"), "site": named("Anna & Co")}),
        ("as-number", P.P3, SERVER, r"4\.93023E\+11", {
            "file": in_files(r"\+493023125900", "4.93023E+11"), "roles": {"callee": "greta"}}),
        ("account-shifted", P.P5, CONFIG, r"account\.2\.enable: nothing", {
            "file": in_files(r"^account\.2\.", "account.3.")}),
        ("transport", P.P4, CONFIG, r"transport_type: tcp", {
            "file": setting("account.2.sip_server.1.transport_type", "1")}),
        ("password", P.P4, CONFIG, r"account\.2\.password: \*\*\*", {
            "file": setting("account.2.password", "falsch-99-x")}),
        ("label-twice", P.P6, CONFIG, r"account\.1\.label also", {
            "file": in_files(r"^(account\.1\.label = .*)$", r"\1\naccount.1.label = Alt")}),
        ("placeholder", P.P3, CONFIG, r"\{\{ label \}\}", {
            "file": setting("account.1.label", "{{ label }}")}),
    )  # fmt: skip


CHANGES = {"cached", "deaf", "refusing"}


@pytest.mark.parametrize("part", range(3))
async def test_a_fault_that_nobody_has_listed_is_named_from_evidence(part, tmp_path):
    faults = [
        Seed(
            name=name,
            title=name,
            fault_class=fault_class,
            component=component,
            scenario="change" if name in CHANGES else "boot",
            proof=proof,
            **altered,
        )
        for name, fault_class, component, proof, altered in composed()[part::3]
    ]
    wrong = await in_turn(complaint(seed, tmp_path) for seed in faults)
    assert not any(wrong), "\n".join(wrong)

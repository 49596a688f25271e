"""Handsets of a site are asked to fetch again, over sockets, and give proof of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from handset_lab import profiles
from site_lab import site_lab

from provisioning.render import render_site
from rig.handset.emulated.hook import HandsetHook
from rig.resync.campaign import Campaign, Manner
from rig.resync.proof import Result
from rig.resync.site_asks import asks_of, sightings_of
from rig.sip.parser import parse_message
from rig.sip_transport.stack import SipStack

pytestmark = pytest.mark.waits

QUICK = Manner(limit_s=12.0, settle_s=0.6)
DEAF = Manner(limit_s=1.5, settle_s=0.4)


def with_labels(site, label):
    """The same site with other labels, so that every handset's own file changes."""
    return replace(
        site,
        handsets=tuple(
            replace(
                entry,
                accounts=tuple(replace(account, label=label) for account in entry.accounts),
            )
            for entry in site.handsets
        ),
    )


class Ears:
    """Hears what the platform sends, until somebody has sightings of their own."""

    def __init__(self):
        self.sightings = None

    def __call__(self, transport, source, destination, payload, leaves, at):
        if leaves and self.sightings is not None and payload.strip():
            self.sightings.heard(at, parse_message(payload))


async def ask(lab, names, manner, *, ears=None):
    """One campaign against a lab; answers by handset."""
    sightings = sightings_of(lab.site, profiles())
    stop = None
    if ears is not None:
        sightings.fetches_watched = sightings.sip_watched = True
        stop = lab.log.listen(sightings.fetched)
        ears.sightings = sightings
    rendered = render_site(lab.site, profiles())
    served = {
        name: answer.content == file.content
        for name, file in rendered.items()
        if (answer := lab.content.find(name, ("127.0.0.1", 1), "")) is not None
    }
    stack = SipStack(product="phonerig")
    await stack.listen("127.0.0.1", tcp=True)
    try:
        registrar = stack.flow_to(lab.platform.sip_address)
        asks = asks_of(lab.site, names, profiles(), registrar, reboot=manner.reboot)
        answers = await Campaign(stack, sightings, manner, served=served).run(asks)
    finally:
        await stack.close()
        if stop is not None:
            stop()
    return {answer.handset: answer for answer in answers}


async def test_handsets_of_every_vendor_apply_a_change_and_prove_it(tmp_path):
    ears = Ears()
    async with site_lab(tmp_path / "store", tap=ears) as lab:
        names = [entry.name for entry in lab.site.handsets]
        await lab.boot(*names)
        models = {profiles()[entry.model].vendor for entry in lab.site.handsets}
        assert len(models) >= 4
        lab.site = with_labels(lab.site, "Neu")
        lab.content.replace(render_site(lab.site, profiles()))
        answers = await ask(lab, names, QUICK, ears=ears)
        assert {name: answer.proof.why for name, answer in answers.items()
                if answer.proof.result is not Result.APPLIED} == {}  # fmt: skip
        for name in names:
            assert lab.handsets[name].intent.accounts[0].label in {"Neu", ""}
            assert answers[name].status == 200
        assert any("registered anew" in answer.proof.why for answer in answers.values())

        # Nothing has changed now: they fetch, and stay as they are.
        before = {name: lab.handsets[name]._stack for name in names}
        again = await ask(
            lab, ["anna-desk"] if "anna-desk" in names else names[:1], QUICK, ears=ears
        )
        for name, answer in again.items():
            assert answer.proof.result is Result.APPLIED
            assert "stayed registered" in answer.proof.why
            assert lab.handsets[name]._stack is before[name]


async def test_a_reboot_is_proven_by_a_new_registration(tmp_path):
    ears = Ears()
    async with site_lab(tmp_path / "store", tap=ears) as lab:
        name = lab.site.handsets[0].name
        await lab.boot(name)
        answers = await ask(lab, [name], replace(QUICK, reboot=True), ears=ears)
        assert answers[name].proof.result is Result.APPLIED
        assert "registered anew" in answers[name].proof.why
        assert answers[name].event == profiles()[lab.site.handsets[0].model].resync.reboot_event


async def test_who_does_not_apply_is_told_with_the_reason(tmp_path):
    class Deaf(HandsetHook):
        def heeds(self, event):
            return False

    ears = Ears()
    async with site_lab(tmp_path / "store", tap=ears) as lab:
        names = [entry.name for entry in lab.site.handsets][:3]
        deaf, old, absent = names
        await lab.boot(deaf, old)
        lab.handsets[deaf]._hook.heeds = Deaf().heeds
        await lab.handsets[deaf].power_cycle()
        lab.site = with_labels(lab.site, "Neu")  # and nobody publishes the new files
        answers = await ask(lab, names, DEAF, ears=ears)
        whys = {name: answer.proof.why for name, answer in answers.items()}
        assert whys[deaf] == "it answered the NOTIFY, but never fetched"
        assert whys[old].endswith("the server still gives out an old content; push first")
        assert whys[absent] == "it is not registered, so nobody could be asked"
        assert {answer.proof.result for answer in answers.values()} == {Result.NOT_APPLIED}


async def test_what_nobody_sees_is_unknown_and_no_pass(tmp_path):
    async with site_lab(tmp_path / "store") as lab:
        name = lab.site.handsets[0].name
        await lab.boot(name)
        answers = await ask(lab, [name], DEAF)
        assert answers[name].proof.result is Result.UNKNOWN
        assert answers[name].proof.why == "nobody has seen its fetches"


@pytest.mark.parametrize(
    ("password", "status", "why"),
    [(None, 200, "fetched"), ("wrong", 401, "took none of ours")],
)
async def test_a_model_that_challenges_wants_the_password_of_its_account(
    tmp_path, password, status, why
):
    ears = Ears()
    async with site_lab(tmp_path / "store", tap=ears) as lab:
        entry = replace(lab.site.handsets[0], model="SPA504G")
        lab.site = replace(lab.site, handsets=(entry,))
        lab.content.replace(render_site(lab.site, profiles()))
        await lab.boot(entry.name)
        if password:
            for account in lab.handsets[entry.name].accounts.values():
                account.intent = replace(
                    account.intent, password=type(account.intent.password)("x")
                )
        answers = await ask(lab, [entry.name], QUICK, ears=ears)
        assert answers[entry.name].status == status
        assert why in answers[entry.name].proof.why

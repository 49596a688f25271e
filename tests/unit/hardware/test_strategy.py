"""Stages of a phone: in order, from the beginning when in doubt, and the first failure sticks."""

from __future__ import annotations

import asyncio

import pytest

from rig.errors import RigError
from rig.hardware.strategy import RigCannot, Stage, StageFailed, Strategy


class Paper:
    """A phone of paper; fails at one stage if it is told to."""

    def __init__(self, fails=None, error=None):
        self.taken = []
        self.fails = fails
        self.error = error or RigError("404")
        self.hangs = asyncio.Event()

    def steps(self):
        def step(stage):
            async def take():
                self.taken.append(stage)
                if stage is self.fails:
                    raise self.error

            return take

        return {stage: step(stage) for stage in Stage}


async def test_stages_are_taken_in_order():
    phone = Paper()
    strategy = Strategy("anna", phone.steps())
    assert strategy.stage is None
    await strategy.reach(Stage.SUBSCRIBED)
    assert phone.taken == list(Stage)
    assert strategy.stage is Stage.SUBSCRIBED


async def test_a_phone_that_is_there_already_is_left_alone():
    phone = Paper()
    strategy = Strategy("anna", phone.steps())
    await strategy.reach(Stage.BOOTED)
    await strategy.reach(Stage.BOOTED)
    await strategy.reach(Stage.REGISTERED)
    assert phone.taken == [Stage.OFF, Stage.BOOTED, Stage.PROVISIONED, Stage.REGISTERED]


async def test_the_way_back_leads_over_no_power():
    phone = Paper()
    strategy = Strategy("anna", phone.steps())
    await strategy.reach(Stage.REGISTERED)
    phone.taken.clear()
    await strategy.reach(Stage.BOOTED)
    assert phone.taken == [Stage.OFF, Stage.BOOTED]


@pytest.mark.parametrize("stage", list(Stage), ids=lambda stage: stage.word)
async def test_the_first_failure_is_named_and_sticks(stage):
    phone = Paper(fails=stage)
    strategy = Strategy("anna", phone.steps())
    with pytest.raises(StageFailed, match=f"anna: did not become {stage.word}: 404") as first:
        await strategy.reach(Stage.SUBSCRIBED)
    taken = list(phone.taken)
    assert taken == list(Stage)[: stage + 1]
    phone.fails = None
    with pytest.raises(StageFailed) as again:
        await strategy.reach(Stage.OFF)
    assert again.value is first.value is strategy.failure
    assert phone.taken == taken
    assert first.value.by_rig is (stage is Stage.OFF)
    strategy.repaired()
    await strategy.reach(Stage.SUBSCRIBED)
    assert phone.taken == [*taken, *Stage]


async def test_a_step_that_the_rig_cannot_do_is_not_the_phones_fault():
    strategy = Strategy("anna", Paper(Stage.BOOTED, RigCannot("no power flows")).steps())
    with pytest.raises(StageFailed, match="no power flows") as error:
        await strategy.reach(Stage.BOOTED)
    assert error.value.by_rig


async def test_a_step_that_is_broken_off_leaves_the_phone_in_an_unknown_state():
    phone = Paper()
    steps = phone.steps()
    began = asyncio.Event()

    async def hangs():
        began.set()
        await asyncio.Event().wait()

    strategy = Strategy("anna", steps | {Stage.PROVISIONED: hangs})
    task = asyncio.create_task(strategy.reach(Stage.SUBSCRIBED))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (strategy.stage, strategy.failure) == (None, None)


def test_a_strategy_knows_every_stage():
    steps = Paper().steps()
    del steps[Stage.BOOTED]
    with pytest.raises(ValueError, match="none for: booted"):
        Strategy("anna", steps)

"""What a phone shows is what was asked for, or it has done nothing; by a simulated clock."""

from __future__ import annotations

import pytest

from rig.handset.vendor.control import ForwardSaid, PhoneDidNothing, PhoneState
from rig.handset.vendor.read_back import Patience, dnd_shown, forward_shown


class Phone:
    """Shows one state until an instant, and another from then on."""

    where = "https://10.0.0.21"

    def __init__(self, before, after=None, at=1e9):
        self.now = 0.0
        self.before, self.after, self.at = before, after, at
        self.patience = Patience(clock=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds):
        self.now += seconds

    async def state(self):
        return self.before if self.now < self.at else self.after


def forwarding(target, *, active=True, account=0):
    return PhoneState(forwards=(ForwardSaid("busy", active, target, account),))


async def test_a_change_that_takes_a_moment_is_waited_for():
    phone = Phone(forwarding("", active=False), forwarding("102"), at=2.0)
    await forward_shown(phone, "busy", "102", patience=phone.patience)
    assert phone.now == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (forwarding("103"), "busy to 103"),
        (forwarding("102", active=False), "busy off"),
        (forwarding("102", account=1), "forwarding not told"),
        (PhoneState(), "forwarding not told"),
    ],
    ids=["another number", "off", "of an account", "nothing"],
)
async def test_another_forwarding_is_not_the_one_that_was_asked_for(shown, told):
    phone = Phone(shown)
    with pytest.raises(PhoneDidNothing, match=f"forwarding busy to 102.*{told}"):
        await forward_shown(phone, "busy", "102", patience=phone.patience)


async def test_an_old_number_does_not_keep_a_forwarding_that_is_off():
    phone = Phone(forwarding("102", active=False))
    await forward_shown(phone, "busy", "", patience=phone.patience)


async def test_do_not_disturb_that_is_not_told_is_not_off():
    phone = Phone(PhoneState())
    with pytest.raises(PhoneDidNothing, match="do-not-disturb not told"):
        await dnd_shown(phone, on=False, patience=phone.patience)

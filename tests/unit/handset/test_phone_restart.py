"""Proof that a phone restarts, by a simulated clock."""

from __future__ import annotations

import pytest

from rig.handset.vendor.control import PhoneDidNothing, PhoneUnreachable
from rig.handset.vendor.read_back import Patience
from rig.handset.vendor.restart import went_and_came_back


class Phone:
    """Answers except from one instant to another."""

    where = "https://10.0.0.21"

    def __init__(self, goes_at, back_at):
        self.now = 0.0
        self.goes_at, self.back_at = goes_at, back_at
        self.patience = Patience(clock=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds):
        self.now += seconds

    async def answers(self):
        return not self.goes_at <= self.now < self.back_at


async def test_it_goes_and_comes_back():
    phone, told = Phone(3.0, 60.0), []
    away_s = await went_and_came_back(phone, patience=phone.patience, told=told.append)
    assert away_s == pytest.approx(57.0)
    assert told == ["away", "back"]


async def test_it_stays():
    phone = Phone(500.0, 600.0)
    with pytest.raises(PhoneDidNothing, match=r"answered all the time for 45 s: it did not"):
        await went_and_came_back(phone, patience=phone.patience)
    assert phone.now < 50


async def test_it_never_comes_back():
    phone = Phone(3.0, 1e9)
    with pytest.raises(PhoneUnreachable, match="is not back 300 s later"):
        await went_and_came_back(phone, patience=phone.patience)

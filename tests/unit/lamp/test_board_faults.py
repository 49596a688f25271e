"""Whatever goes wrong on the line, in whatever order: the host never takes long for the truth what
is not, and when it is calm again it knows the truth again.
"""

from __future__ import annotations

import random

import pytest
from board_bench import DARK, LIT, Bench
from firmware_kit import signed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig.lamp.board.channels import Light
from rig.lamp.board.events import Phase

WRONG_S = 1.8
"""Three heartbeats of half a second, and what is on its way."""
CALM_S = 6.0
LAMPS = (0, 1, 2)

LIES = ("L0 1 5 9", "OK T0 1 2", "C 5", "V other 9 x 1 1")
FAULTS = st.one_of(
    st.tuples(st.just("light"), st.sampled_from(LAMPS)),
    st.tuples(st.just("lose"), st.sampled_from((b"L", b"H", b"S", b"OK", b"C", b"B", b""))),
    st.tuples(st.just("damage"), st.integers(1, 255)),
    st.tuples(st.just("noise"), st.binary(min_size=1, max_size=60)),
    st.tuples(st.just("flood"), st.integers(0, 9)),
    st.tuples(st.just("reset"), st.sampled_from((b"watchdog", b"brownout"))),
    st.tuples(st.just("still"), st.booleans()),
    st.tuples(st.just("deaf"), st.booleans()),
    st.tuples(st.just("replug"), st.booleans()),
    st.tuples(
        st.just("lie"), st.sampled_from(("L0 1 5 9", "OK T0 1 2", "C 5", "V other 9 x 1 1"))
    ),
)


class Hurt(Bench):
    """A bench to which things happen, and which keeps count of how long the host is wrong."""

    def __init__(self):
        super().__init__(lamps=LAMPS)
        self.wrong_s = dict.fromkeys(LAMPS, 0.0)
        self.worst_s = 0.0
        self.kind = None
        self.flip = 0
        self.edit = self.hurt

    def hurt(self, octets):
        lines = octets.splitlines(keepends=True)
        if self.kind is not None:
            lines = [line for line in lines if not line.startswith(self.kind)]
        if self.flip and lines:
            lines[0] = bytes([lines[0][0] ^ self.flip]) + lines[0][1:]
        return b"".join(lines)

    def step(self):
        super().step()
        for lamp in LAMPS:
            truth = Light.LIT if self.raw[lamp] == LIT else Light.DARK
            wrong = self.reading(lamp).level not in {truth, Light.UNKNOWN}
            self.wrong_s[lamp] = self.wrong_s[lamp] + 0.001 if wrong else 0.0
            self.worst_s = max(self.worst_s, self.wrong_s[lamp])

    def do(self, what, how):
        match what:
            case "light":
                self.raw[how] = DARK if self.raw[how] == LIT else LIT
            case "lose":
                self.kind = how
            case "damage":
                self.flip = how
            case "noise":
                self.session.receive(how, self.now)
            case "flood":
                self.session.receive(random.Random(how).randbytes(5000), self.now)
            case "reset":
                self.reset(how)
            case "still":
                self.still = how
            case "deaf":
                self.deaf = how
            case "replug":
                self.session.closed("pulled")
                if how:
                    self.reset(b"external")
                self.session.opened(self.now)
            case "lie":
                self.session.receive(signed(how), self.now)

    def calm(self):
        self.kind, self.flip, self.still, self.deaf = None, 0, False, False
        self.run(CALM_S)


def knows_the_truth(bench):
    return bench.session.phase is Phase.READY and all(
        bench.reading(lamp).level == ("lit" if bench.raw[lamp] == LIT else "dark")
        for lamp in LAMPS
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(FAULTS, st.sampled_from((0.003, 0.05, 0.3, 0.7))), max_size=10))
def test_no_order_of_faults_leaves_the_host_wrong(script):
    bench = Hurt()
    bench.ready()
    for (what, how), then_s in script:
        bench.do(what, how)
        bench.run(then_s)
    bench.calm()
    assert knows_the_truth(bench), bench.session.channels.blind
    told_lies = any(what == "lie" for (what, _), _ in script)
    assert told_lies or bench.worst_s <= WRONG_S


@pytest.mark.parametrize("seed", range(4))
def test_a_long_row_of_faults_ends_with_the_truth(seed):
    source = random.Random(seed)
    bench = Hurt()
    bench.ready()
    for _ in range(60):
        what = source.choice(("light", "light", "light", "lose", "damage", "flood", "reset"))
        how = {
            "light": source.choice(LAMPS),
            "lose": source.choice((b"L", b"H", None)),
            "damage": source.choice((0, 0x40)),
            "flood": source.randrange(9),
            "reset": b"watchdog",
        }[what]
        bench.do(what, how)
        bench.run(source.choice((0.02, 0.2, 1.0)))
    bench.calm()
    assert knows_the_truth(bench)
    assert bench.worst_s <= WRONG_S

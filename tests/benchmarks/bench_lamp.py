"""How soon a lamp's light is on the timeline, whether all of it is, and what watching costs.

Two kinds of board at the speed of life: the flashed program on an emulated chip (simavr), and one
in pure Python, which tells the host's part alone. No real board was at hand. Instants are taken
just before the light is changed, so the way to the chip's input is in them.

    edge          until the host has the debounced edge, 8 lamps changing at random
    lit           until the timeline says lit
    steady, off   until the timeline says so, which takes the classifier's 3 s and a heartbeat
    instant       how far the instant on the timeline is from the change
    changes       1,000 random changes on 8 inputs at ten times the speed of life
    watching      processor time of the host for 4 boards, each of 8 lamps blinking once a second

In small (--quick) boards and clock run ten times as fast, and the times are the board's.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from figures import arguments, percentile, report

sys.path.insert(0, str(Path(__file__).parent.parent))

from lamp_board_fake import DARK, LIT, FakeBoard
from lamp_board_kit import SPEED, UNHURRIED, ChipBoard, board_on, play, random_changes, wait_until

from rig.lamp.board.channels import LightChanged
from rig.lamp.board.events import Settings
from rig.lamp.board.serial_board import SerialLampBoard
from rig.timeline import LampSeen, LampState

EDGES, QUICK_EDGES = 800, 40
ROUNDS, QUICK_ROUNDS = 8, 1
CHANGES, QUICK_CHANGES = 1000, 100
WATCH_S, QUICK_WATCH_S = 20.0, 2.0
BOARDS, LAMPS = 4, 8
LIFE = Settings()
PATIENCE_S = 30.0

Board = FakeBoard | ChipBoard


def edges(stage: Board, board: SerialLampBoard, count: int) -> list[float]:
    """Change lamps at random; how long each edge took, in milliseconds."""
    told: dict[int, float] = {}
    arrived = threading.Event()

    def listen(event: object) -> None:
        if isinstance(event, LightChanged):
            told[event.reading.channel] = stage.clock()
            arrived.set()

    board.subscribe(listen)
    source = random.Random(1)
    lit, took = [False] * LAMPS, []
    for _ in range(count):
        channel = source.randrange(LAMPS)
        lit[channel] = not lit[channel]
        time.sleep(source.uniform(0.002, 0.02))
        told.clear()
        arrived.clear()
        changed_at = stage.clock()
        stage.light(channel, LIT if lit[channel] else DARK)
        assert arrived.wait(PATIENCE_S), "an edge was lost"
        took.append(1000 * (told[channel] - changed_at))
    for channel in range(LAMPS):
        stage.light(channel, DARK)
    wait_until(lambda: all(reading.level == "dark" for reading in board.channels), PATIENCE_S)
    return took


def classified(
    stage: Board, board: SerialLampBoard, rounds: int
) -> tuple[dict[str, list[float]], list[float], int]:
    """Light lamps until they are steady, then until they are off.

    Returns:
        By state, how long it took until the timeline had it, in seconds; and how far its
        instants were from the changes, in milliseconds; and how often a lamp was out of sight.
    """
    seen: dict[str, dict[LampState, tuple[float, LampSeen]]] = {}
    for channel in range(LAMPS):
        name = f"h{channel}"
        seen[name] = {}
        sensor = board.sensor(name, {"message": channel})
        sensor.subscribe(
            lambda event: seen[event.handset].update({event.state: (stage.clock(), event)})
        )
    wait_until(lambda: all(LampState.OFF in each for each in seen.values()), PATIENCE_S)
    took: dict[str, list[float]] = {"lit": [], "steady": [], "off": []}
    off_by: list[float] = []
    blind = 0
    source = random.Random(2)
    for _ in range(rounds):
        for wanted, raw in ((LampState.STEADY, LIT), (LampState.OFF, DARK)):
            changed_at = {}
            for channel in range(LAMPS):
                time.sleep(source.uniform(0.0, 0.1))
                seen[f"h{channel}"].clear()
                changed_at[f"h{channel}"] = stage.clock()
                stage.light(channel, raw)
            wait_until(lambda wanted=wanted: all(wanted in each for each in seen.values()))
            for name, at in changed_at.items():
                blind += LampState.UNKNOWN in seen[name]
                for state, (told_at, event) in seen[name].items():
                    if LampState.UNKNOWN in seen[name]:
                        continue
                    took[state.value].append(told_at - at)
                    off_by.append(1000 * abs(event.at - at))
    return took, off_by, blind


def life(kind: str, make: Callable[[Path, float], Board], quick: bool) -> None:
    """Everything that one kind of board is asked at the speed of life."""
    with (
        tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder,
        make(Path(folder), SPEED if quick else 1.0) as stage,
        board_on(stage, UNHURRIED if quick else LIFE) as board,
    ):
        found = edges(stage, board, QUICK_EDGES if quick else EDGES)
        took, off_by, blind = classified(stage, board, QUICK_ROUNDS if quick else ROUNDS)
    report(f"{kind}_edges", len(found), "edges")
    report(f"{kind}_edge_p50_ms", statistics.median(found), "ms")
    report(f"{kind}_edge_p99_ms", percentile(found, 99), "ms", at_most=50)
    for state, values in took.items():
        unit, scale = ("ms", 1000) if state == "lit" else ("s", 1)
        p50, p99 = statistics.median(values), percentile(values, 99)
        report(f"{kind}_{state}_p50_{unit}", scale * p50, unit, note=f"{len(values)} times")
        report(f"{kind}_{state}_p99_{unit}", scale * p99, unit)
    report(f"{kind}_blind", blind, "times", at_most=0, note="a chip or a host that stood still")
    report(f"{kind}_instant_p50_ms", statistics.median(off_by), "ms")
    report(f"{kind}_instant_p99_ms", percentile(off_by, 99), "ms", at_most=20)


def changes(count: int) -> None:
    """Random changes at ten times the speed of life: which were lost, which were wrong."""
    plan = random_changes(seed=7, count=count)
    seen: list[tuple[int, bool]] = []

    def listen(event: object) -> None:
        if isinstance(event, LightChanged):
            seen.append((event.reading.channel, event.reading.level == "lit"))

    with (
        tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder,
        ChipBoard(Path(folder)) as chip,
        board_on(chip) as board,
    ):
        board.subscribe(listen)
        began = time.perf_counter()
        play(chip, plan)
        board.read_raw(0)
        took_s = time.perf_counter() - began
        told = list(seen)
    lost = wrong = 0
    for channel in range(LAMPS):
        wanted = [change.lit for change in plan if change.channel == channel]
        got = [lit for each, lit in told if each == channel]
        lost += max(0, len(wanted) - len(got))
        wrong += sum(left != right for left, right in zip(wanted, got, strict=False))
        wrong += max(0, len(got) - len(wanted))
    report("changes", count, "changes", note=f"{plan[-1].us / 1e6:.0f} s of the board's time")
    report("changes_lost", lost, "changes", at_most=0)
    report("changes_wrong", wrong, "changes", at_most=0)
    report("changes_wall_s", took_s, "s")


def watching(seconds: float) -> None:
    """Processor time of the host while four boards blink."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="phonerig-bench-")))
        chips, seen = [], []
        for number in range(BOARDS):
            own = folder / str(number)
            own.mkdir()
            chip = stack.enter_context(ChipBoard(own, 1.0))
            board = stack.enter_context(board_on(chip, LIFE))
            for channel in range(LAMPS):
                sensor = board.sensor(f"b{number}h{channel}", {"message": channel})
                sensor.subscribe(seen.append)
            board.subscribe(
                lambda event: edges_seen.append(1) if isinstance(event, LightChanged) else None
            )
            chips.append(chip)
        edges_seen: list[int] = []
        wall_s, spent_s = time.perf_counter(), time.process_time()
        half, lit = wall_s, False
        while time.perf_counter() - wall_s < seconds:
            lit = not lit
            for chip in chips:
                for channel in range(LAMPS):
                    chip.light(channel, LIT if lit else DARK)
            half += 0.5
            time.sleep(max(0.0, half - time.perf_counter()))
        spent_s = time.process_time() - spent_s
        wall_s = time.perf_counter() - wall_s
    report(
        "watching_lamps", BOARDS * LAMPS, "lamps", note=f"{len(edges_seen) / wall_s:.0f} edges/s"
    )
    report(
        "watching_core_share", 100 * spent_s / wall_s, "percent",
        note="of one core; the boards are processes of their own",
    )  # fmt: skip


def main() -> None:
    """Run and print the figures."""
    quick = arguments(__doc__).parse_args().quick
    life("chip", ChipBoard, quick=quick)
    life("python", FakeBoard, quick=quick)
    changes(QUICK_CHANGES if quick else CHANGES)
    watching(QUICK_WATCH_S if quick else WATCH_S)


if __name__ == "__main__":
    main()

"""The program that is flashed, on an emulated chip: it boots, sees light and moves its relay.

What the program decides is tested without a chip in ``tests/unit/lamp``; here are the parts that
know the chip: clock, converter, serial line, relays and their contacts.
"""

from __future__ import annotations

import subprocess

import pytest
import serial
from firmware_kit import checksum, chip_program, firmware_elf, signed

pytestmark = pytest.mark.interop(peer="simavr")
LIT_MV = 3000
PATIENCE_S = 5.0


class Chip:
    """The emulated board, and its serial line."""

    def __enter__(self):
        self.process = subprocess.Popen(
            [chip_program(), firmware_elf()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        path = self.process.stdout.readline().split()[1]
        self.line = serial.serial_for_url(path, 115200, timeout=PATIENCE_S)
        # Opening takes what had come before, the boot line or a part of it.
        self.outside("RESET")
        self.boot_line = self.until("B lampsense")[-1]
        return self

    def __exit__(self, *_):
        self.line.close()
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()

    def outside(self, text):
        """Change what surrounds the chip."""
        self.process.stdin.write(f"{text}\n")

    def read(self):
        """The next line, which has the right checksum."""
        line = self.line.readline()
        text, star, told = line.removesuffix(b"\n").rpartition(b"*")
        assert line.endswith(b"\n"), f"no line within {PATIENCE_S} s: {line!r}"
        whole = star and told == b"%02x" % checksum(text)
        assert whole or not hasattr(self, "boot_line"), line
        return text.decode()

    def until(self, beginning):
        """The next line that begins so, and those before it."""
        seen = [self.read()]
        while not seen[-1].startswith(beginning):
            seen.append(self.read())
        return seen

    def ask(self, text, beginning):
        self.line.write(signed(text))
        return self.until(beginning)[-1]


def test_it_boots_and_says_what_it_is_and_why():
    with Chip() as chip:
        assert chip.boot_line == "B lampsense 1 external"
        assert chip.ask("V?", "V") == "V lampsense 1 atmega328p 8 2"


def test_light_on_an_input_is_one_edge_of_that_lamp():
    with Chip() as chip:
        assert chip.ask("T3 400 300", "OK") == "OK T3 400 300"
        assert chip.until("L3")[-1].startswith("L3 0 ")
        chip.outside(f"A 3 {LIT_MV}")
        seen = chip.until("L3")
        assert seen[-1].startswith("L3 1 ")
        assert not [line for line in seen if line[0] == "L" and line[1] != "3"]
        raw = int(chip.ask("A3?", "A3").split()[1])
        assert raw == pytest.approx(LIT_MV * 1023 / 5000, abs=3)


@pytest.mark.parametrize("follows", [True, False])
def test_a_contact_that_does_not_follow_its_relay_is_told(follows):
    with Chip() as chip:
        assert chip.ask("F0 1", "OK") == "OK F0 1"
        chip.outside("SENSE 0 1" if follows else "SENSE 0 0")
        chip.line.write(signed("P0 300"))
        seen = chip.until("P0 done")
        after_start = seen[seen.index("OK P0 300") :]
        assert ("R0 0 stuck" in after_start) is not follows
        closed_ms = int(seen[-1].split()[2])
        assert 300 <= closed_ms <= 320

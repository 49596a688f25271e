"""The flashing that the how-to describes: avrdude, the boot loaders as Arduino ships them, a chip.

The chip is emulated and empty besides its boot loader; what is written into it goes the
way it goes on a board. A pseudo-terminal has no DTR line, so avrdude comes by TCP, and the reset
that opening a port causes is played here.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import threading
from pathlib import Path

import pytest
import serial
from firmware_kit import firmware_elf, signed
from lamp_board_kit import ChipBoard, wait_until
from peers import require_peer, unavailable

pytestmark = [pytest.mark.interop(peer="avrdude"), pytest.mark.timeout(120)]

LOADERS = Path("/usr/share/arduino/hardware/arduino/avr/bootloaders")
OPTIBOOT = LOADERS / "optiboot/optiboot_atmega328.hex"
OLD_NANO = LOADERS / "atmega/ATmegaBOOT_168_atmega328.hex"
BOOT_S = 4.0


@contextlib.contextmanager
def port_of(chip):
    """The chip's serial line over TCP, once; who connects resets the chip, as DTR does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_bridge, args=(server, chip))
        thread.start()
        yield f"net:127.0.0.1:{server.getsockname()[1]}"
        thread.join(20)
        assert not thread.is_alive()


def _bridge(server, chip):
    link, _ = server.accept()
    line = os.open(chip.url, os.O_RDWR | os.O_NOCTTY)
    try:
        chip.told.clear()
        chip.reset()
        chip.outside("CLOCK?")
        wait_until(lambda: chip.told)
        while True:
            ready, _, _ = select.select([link, line], [], [])
            if line in ready:
                link.sendall(os.read(line, 4096))
            if link in ready:
                octets = link.recv(4096)
                if not octets:
                    return
                os.write(line, octets)
    except ConnectionResetError:
        return  # avrdude hangs up with octets of the board unread
    finally:
        link.close()
        os.close(line)


def lines(port, count, patience_s=BOOT_S):
    """What the firmware says, without checksums, until there are so many lines or time is up."""
    port.timeout = patience_s
    told = []
    while len(told) < count and (line := port.readline()):
        told.append(line.decode("latin-1").partition("*")[0])
    return told


@pytest.mark.parametrize(
    ("loader", "baud", "cause", "survives"),
    [(OPTIBOOT, "115200", "unknown", True), (OLD_NANO, "57600", "external", False)],
    ids=["optiboot", "old nano"],
)
def test_the_image_is_flashed_and_runs_and_only_optiboot_survives_the_watchdog(
    tmp_path, loader, baud, cause, survives
):
    avrdude, objcopy = require_peer("avrdude"), require_peer("avr-objcopy")
    if not loader.exists():
        unavailable("arduino-core-avr is not installed (run 'make test-deps')")
    image = tmp_path / "lampsense.hex"
    subprocess.run(
        [objcopy, "-O", "ihex", "-R", ".eeprom", firmware_elf(), image], check=True, timeout=30
    )
    with ChipBoard(tmp_path, speed=1.0, program=loader) as chip:
        with port_of(chip) as port:
            done = subprocess.run(
                [avrdude, "-c", "arduino", "-p", "m328p", "-b", baud, "-P", port,
                 "-U", f"flash:w:{image}:i"],
                capture_output=True, text=True, check=False, timeout=90,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "bytes of flash verified" in done.stderr
        with serial.Serial(chip.url, 115200, timeout=BOOT_S) as port:
            chip.reset()
            wait_until(lambda: f"B lampsense 1 {cause}" in lines(port, 1))
            port.write(signed("V?"))
            assert lines(port, 1) == ["V lampsense 1 atmega328p 8 2"]
            port.write(signed("Z!"))  # it stands still until the watchdog restarts the chip
            assert lines(port, 1) == ["OK Z!"]
            again = lines(port, 1)
    assert again == ([f"B lampsense 1 {cause}"] if survives else [])

"""Builds the lamp board's firmware: for the board, for this machine, and the chip it runs on."""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import tempfile
from pathlib import Path

import pytest
from peers import require_peer, unavailable

ROOT = Path(__file__).parents[1]
FIRMWARE = ROOT / "rig/lamp/firmware"
LAMPS, RELAYS, RUN, LINE = 8, 2, 4, 80


def _cached(name: str, sources: list[Path], command: list[str]) -> Path:
    """Build once for all workers; a newer source builds again."""
    folder = Path(tempfile.gettempdir()) / f"phonerig-firmware-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    newest = max(source.stat().st_mtime_ns for source in sources)
    result = folder / f"{ROOT.name}-{newest:x}-{name}"
    if not result.exists():
        fresh = result.with_suffix(f".{os.getpid()}")
        done = subprocess.run(
            [word.replace("{out}", str(fresh)) for word in command],
            check=False, capture_output=True, text=True, cwd=ROOT, timeout=100,
        )  # fmt: skip
        if done.returncode:
            pytest.fail(done.stderr, pytrace=False)
        fresh.rename(result)
    return result


@functools.cache
def native_core() -> ctypes.CDLL:
    """The decision logic as a library of this machine, with every undefined act a crash."""
    sources = [FIRMWARE / "lampsense_core.c", FIRMWARE / "lampsense_core.h"]
    command = [require_peer("gcc"), "-shared", "-fPIC", "-O1", "-std=gnu99", "-Wall", "-Wextra",
               "-Wconversion", "-Werror", "-fsanitize=undefined,bounds",
               "-fsanitize-undefined-trap-on-error", str(sources[0]), "-o", "{out}"]  # fmt: skip
    library = ctypes.CDLL(str(_cached("core.so", sources, command)))
    library.ls_relays.restype = ctypes.c_uint8
    library.ls_next_octet.restype = ctypes.c_int16
    library.ls_size.restype = ctypes.c_uint16
    library.ls_wants_restart.restype = ctypes.c_bool
    return library


@functools.cache
def firmware_elf() -> Path:
    """The very program that is flashed."""
    for program in ("avr-gcc", "avr-objcopy"):
        require_peer(program)
    folder = Path(tempfile.mkdtemp(prefix="phonerig-firmware-"))
    build = [str(ROOT / "tools/build_firmware.sh"), str(folder)]
    sources = [*FIRMWARE.glob("*.[ch]"), ROOT / "tools/build_firmware.sh"]
    script = f"{build[0]} {folder} >/dev/null && mv {folder}/lampsense.elf {{out}}"
    try:
        return _cached("lampsense.elf", sources, ["sh", "-c", script])
    finally:
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()


@functools.cache
def chip_program() -> Path:
    """The emulated chip: a program of its own, see its source."""
    if not Path("/usr/include/simavr/sim_avr.h").exists():
        unavailable("simavr is not installed (libsimavr-dev; run 'make test-deps')")
    source = ROOT / "tests/simavr/lamp_host.c"
    libraries = ["-lsimavr", "-lelf", "-lutil"]
    gcc = require_peer("gcc")
    command = [gcc, "-O2", "-Wall", "-Wextra", str(source), "-o", "{out}", *libraries]
    return _cached("lamp_host", [source], command)


@functools.cache
def symbol_address(name: str) -> int:
    """Where a variable of the firmware lies in the chip's RAM."""
    listed = subprocess.run(
        [require_peer("avr-nm"), str(firmware_elf())], check=True, capture_output=True, text=True
    ).stdout
    for line in listed.splitlines():
        address, _, found = line.split()
        if found == name:
            return int(address, 16) & 0xFFFF
    raise AssertionError(f"the firmware has no {name}")


def checksum(text: bytes) -> int:
    """XOR of all octets."""
    return functools.reduce(lambda left, right: left ^ right, text, 0)


def signed(text: str) -> bytes:
    """A line as it goes over the wire."""
    return f"{text}*{checksum(text.encode()):02x}\n".encode()


class NativeCore:
    """The decision logic, driven from Python."""

    def __init__(self, cause: bytes = b"power") -> None:
        self.library = native_core()
        self.guard = b"\xa5" * 64
        size = self.library.ls_size()
        self.memory = ctypes.create_string_buffer(bytes(size) + self.guard, size + 64)
        self.size = size
        self.library.ls_init(self.memory, cause)

    def sample(self, lamp: int, raw: int, at_ms: int) -> None:
        self.library.ls_sample(
            self.memory, ctypes.c_uint8(lamp), ctypes.c_uint16(raw), ctypes.c_uint32(at_ms)
        )

    def send(self, octets: bytes, at_ms: int = 0) -> None:
        for octet in octets:
            self.library.ls_receive(self.memory, ctypes.c_uint8(octet), ctypes.c_uint32(at_ms))

    def tick(self, at_ms: int, feedback: int = 0) -> None:
        self.library.ls_tick(self.memory, ctypes.c_uint32(at_ms), ctypes.c_uint8(feedback))

    @property
    def relays(self) -> int:
        return int(self.library.ls_relays(self.memory))

    @property
    def wants_restart(self) -> bool:
        return bool(self.library.ls_wants_restart(self.memory))

    def octets(self) -> bytes:
        """Everything that waits to be sent; nothing was written beyond the state."""
        taken = bytearray()
        while (octet := self.library.ls_next_octet(self.memory)) >= 0:
            taken.append(octet)
        assert self.memory.raw[self.size :] == self.guard
        return bytes(taken)

    def lines(self) -> list[str]:
        """Every line, checked: printable, short, with the right checksum."""
        octets = self.octets()
        assert not octets or octets.endswith(b"\n")
        texts = []
        for line in octets.split(b"\n")[:-1]:
            text, star, told = line.rpartition(b"*")
            assert star == b"*", line
            assert told == b"%02x" % checksum(text), line
            assert len(line) < LINE
            assert all(32 <= octet < 127 for octet in line), line
            texts.append(text.decode())
        return texts

    def ask(self, text: str, at_ms: int = 0) -> list[str]:
        self.send(signed(text), at_ms)
        return self.lines()

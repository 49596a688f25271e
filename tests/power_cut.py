"""A model of a disk that loses power: what was called, replayed without what was not synced.

Strict where file systems differ: content lasts from ``fsync`` of the file, a name from
``fsync`` of its folder. Everything later may be lost, or be there in part: a cut keeps a
subset of the blocks that were written since, in any order, and names up to some instant (a
journal of names keeps its order).

Not covered: a disk that lies about having written, and blocks torn inside of 4096 octets.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALLS = (
    "openat,close,write,pwrite64,ftruncate,truncate,fallocate,fsync,fdatasync,unlink,mkdir,"
    "sendto,lseek,rename"
)
_LINE = re.compile(r"(\d+) +(.*)")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_BLOCK = 4096


def calls_of(log: Path) -> Iterator[tuple[str, list[Any], int]]:
    """Read a log of strace (``-f -xx``): name, arguments and result of every call that succeeded.

    A call that was interrupted in the log by another thread's stands where it ended; a message
    to the socket where it began.
    """
    begun: dict[str, str] = {}
    for line in log.read_text().splitlines():
        match = _LINE.match(line)
        assert match is not None, line
        pid, text = match.groups()
        if text.endswith("<unfinished ...>"):
            begun[pid] = text.removesuffix("<unfinished ...>").rstrip()
            if not text.startswith("sendto"):
                continue
            text = begun.pop(pid) + ") = 1"
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", text)
        if resumed:
            if pid not in begun:  # a message, told when it began
                continue
            text = begun.pop(pid) + resumed[1]
        whole = re.match(r"(\w+)\((.*)\) += (-?\d+)", text)
        if whole is None or int(whole[3]) < 0:
            continue
        arguments: list[Any] = []
        for part in re.split(r', (?=(?:[^"]*"[^"]*")*[^"]*$)', whole[2]):
            string = _STRING.fullmatch(part.strip())
            if string is None:
                arguments.append(part.strip())
                continue
            assert not string[2], "strace has cut a string"
            arguments.append(bytes.fromhex(string[1].replace("\\x", "")))
        yield whole[1], arguments, int(whole[3])


@dataclass(eq=False)
class _File:
    lasting: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    length: int = 0

    def write(self, at: int, data: bytes) -> None:
        for start in range(0, len(data), _BLOCK):
            self.since.append((at + start, data[start : start + _BLOCK]))
        self.length = max(self.length, at + len(data))

    def sync(self) -> None:
        self.lasting, self.since = self.content(lambda: True), []

    def content(self, keep: Any) -> bytearray:
        kept = bytearray(self.lasting)
        for at, data in self.since:
            if not keep():
                continue
            if data is None:
                del kept[at:]
                kept.extend(bytes(at - len(kept)))
            else:
                kept.extend(bytes(max(0, at - len(kept))))
                kept[at : at + len(data)] = data
        return kept


class Disk:
    """The part of a file system below one folder.

    Attributes:
        said: lines that went to a socket.
    """

    def __init__(self, root: Path) -> None:
        self.said: list[bytes] = []
        self._root = str(root)
        self._now: dict[str, _File | None] = {}
        self._lasting: dict[str, _File | None] = {}
        self._names: list[tuple[str, _File | None, bool]] = []
        self._open: dict[int, tuple[str, _File | None, int]] = {}

    def call(self, name: str, words: list[Any], result: int) -> None:
        """Take one call."""
        match name:
            case "openat":
                self._opened(words[1].decode(), words[2], result)
            case "close":
                self._open.pop(int(words[0]), None)
            case "mkdir" if (path := words[0].decode()).startswith(self._root):
                self._name(path, None, there=True)
            case "unlink" if (path := words[0].decode()).startswith(self._root):
                self._name(path, None, there=False)
            case "rename":
                assert not words[0].decode().startswith(self._root), "the model knows no renames"
            case "sendto":
                self.said.append(words[1])
            case _ if int(words[0] if isinstance(words[0], str) else -1) in self._open:
                self._on_file(name, int(words[0]), words, result)

    def _opened(self, path: str, flags: str, fd: int) -> None:
        if not path.startswith(self._root):
            return
        file = self._now.get(path)
        if file is None and "O_CREAT" in flags:
            file = _File()
            self._name(path, file, there=True)
        self._open[fd] = (path, file, 0)

    def _on_file(self, name: str, fd: int, words: list[Any], result: int) -> None:
        path, file, at = self._open[fd]
        if name in {"fsync", "fdatasync"}:
            if file is None:
                self._sync_folder(path)
            else:
                file.sync()
        elif file is None:
            return
        elif name == "write":
            file.write(at, words[1][:result])
            self._open[fd] = (path, file, at + result)
        elif name == "pwrite64":
            file.write(int(words[3]), words[1][:result])
        elif name == "lseek":
            self._open[fd] = (path, file, result)
        elif name == "ftruncate":
            file.since.append((int(words[1]), None))
        elif name == "fallocate":
            file.since.append((int(words[2]) + int(words[3]), None))

    def _name(self, path: str, file: _File | None, *, there: bool) -> None:
        if there:
            self._now[path] = file
        else:
            self._now.pop(path, None)
        self._names.append((path, file, there))

    def _sync_folder(self, folder: str) -> None:
        later = []
        for path, file, there in self._names:
            if path.rpartition("/")[0] != folder.rstrip("/"):
                later.append((path, file, there))
            elif there:
                self._lasting[path] = file
            else:
                self._lasting.pop(path, None)
        self._names = later

    def after_cut(self, place: Path, dice: random.Random | None) -> None:
        """Write what is on the disk after the power went, for a store to begin from.

        Args:
            place: stands for the folder.
            dice: keeps some of what was not synced; None keeps none.
        """
        names = dict(self._lasting)
        kept = 0 if dice is None else dice.randint(0, len(self._names))
        for path, file, there in self._names[:kept]:
            if there:
                names[path] = file
            else:
                names.pop(path, None)
        for path in sorted(names):
            file = names[path]
            target = place / path.removeprefix(self._root).lstrip("/")
            if not target.parent.is_dir() or path.endswith("-shm"):
                continue  # its folder is lost with it; shared memory is none of the disk's
            if file is None:
                target.mkdir(exist_ok=True)
            else:
                target.write_bytes(file.content(lambda: dice is not None and dice.random() < 0.5))

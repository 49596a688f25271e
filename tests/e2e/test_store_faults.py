"""Every file-system call of a store fails once: refused in words, nothing half, then as before.

The kernel refuses for real: strace makes one call of a child fail. And a real small file
system is filled, and made read-only, in a mount namespace of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from peers import require_peer, require_root
from store_life import BOXES, SHORT, Model, Step, check, steps
from traced_life import FILE_CALLS, Ended, Lives

ERRORS = ("ENOSPC", "EIO", "EROFS")
WRITING = tuple(call for call in FILE_CALLS if call not in {"close", "getdents64", "fcntl"})
READING = {"pread64", "newfstatat"}
"""These know EIO only."""


def believed(ended: Ended, model: Model) -> Model:
    """Follow a life: after every step, kept or refused, its counts are those of what was kept."""
    for event in ended.events:
        if event["event"] == "kept":
            model.apply(event["step"])
        if event["event"] in {"kept", "refused"}:
            counts = [list(model.counts(box)) for box in BOXES]
            assert event["counts"] == counts, f"lamps are wrong after {event}"
        if event["event"] in {"refused", "not opened"}:
            assert any(word in event["error"] for word in ("store", "disk", "audio")), event
    return model


@pytest.mark.timeout(300)
@pytest.mark.parametrize("error", ERRORS)
def test_every_file_call_fails_once_and_the_next_try_succeeds(tmp_path, error):
    refused: list[tuple[str, int]] = []
    with Lives() as lives:
        usual = lives.calls(tmp_path / "usual", 7, kinds=SHORT)
        for call in WRITING:
            if call in READING and error != "EIO":
                continue
            for when in range(1, usual[call] + 1):
                folder = tmp_path / f"{call}-{when}"
                inject = f"inject={call}:error={error}:when={when}"
                words = ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject]
                ended = lives.live(folder, 7, words, kinds=SHORT, tries=3)
                model = believed(ended, Model())
                assert ended.of("end"), f"{call} {when}: {ended.events[-1]}"
                wanted: list[Step] = steps(7, SHORT)
                assert [e["step"]["n"] for e in ended.of("kept")] == [s["n"] for s in wanted]
                check(folder, [model])[1].close()
                if ended.of("refused") or ended.of("not opened"):
                    refused.append((call, when))
    # A fault that is never felt proves nothing: these calls must have been felt.
    assert {call for call, _ in refused} >= {"openat", "write", "pwrite64", "fsync", "fdatasync"}


PROGRAM = """
import json, os, subprocess, sys
from pathlib import Path
from rig.errors import RigError
from rig.mailbox_platform.embedded.store.store import MessageStore

folder, box = Path(sys.argv[1]), "+493023125101"
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=True)
store = MessageStore(folder / "store")
told, kept, words = [], [], []
store.subscribe(lambda seen: told.append(seen.new))

def leave(octets):
    try:
        kept.append(store.add(box, "", bytes([len(kept) + 1, 0]) * (octets // 2)).message_id)
    except RigError as error:
        words.append(str(error))
        return False
    return True

def remount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)

result = {}
while leave(40_000):
    pass
result["full"] = [len(kept), told[-1], len(list((folder / "store/audio").iterdir()))]
result["small_ones_until_full"] = sum(leave(2_000) for _ in range(300))
store.delete(kept[0])
deleted = store.expunge([kept.pop(0)])
result["after_room"] = [deleted, leave(20_000), store.counts(box).new == len(kept)]
store.close()
remount("ro")
try:
    MessageStore(folder / "store")
except RigError as error:
    result["read_only"] = str(error)
remount("rw")
store = MessageStore(folder / "store")
result["restart"] = [store.counts(box).new == len(kept), sorted(kept) == sorted(
    m.message_id for m in store.messages(box))]
result["again"] = [leave(100), store.failing, store.counts(box).new == len(kept)]
store.close()
result["words"] = words[0]
print(json.dumps(result))
"""


def test_a_full_and_a_read_only_file_system_are_survived_without_a_restart(tmp_path):
    require_root()
    unshare = require_peer("unshare")
    done = subprocess.run(
        [unshare, "-m", "--propagation", "private", sys.executable, "-c",
         textwrap.dedent(PROGRAM), str(tmp_path)],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    messages, told, files = result["full"]
    assert messages == told == files >= 3
    assert result["after_room"] == [1, True, True]
    assert result["again"] == [True, False, True]
    assert result["restart"] == [True, True]
    assert "not stored" in result["words"]
    assert "make room" in result["words"]
    assert "Read-only file system" in result["read_only"]
    assert list(Path(tmp_path).iterdir()) == []  # the file system was nobody else's

"""Delivering a set of files: what changes, in which order, and what a break leaves behind.

The targets are real folders; some of them break, lie or kill the process at a chosen step.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioning.errors import UsageError
from provisioning.profile_model import FileKind, FileScope
from provisioning.push.deliver import Delivery, Outcome
from provisioning.push.folder_target import FolderTarget
from provisioning.push.record import Record, digest_of, load_record, locked, record_path
from provisioning.push.target import PushError, PushLost, PushUnreadable


@dataclass(frozen=True)
class File:
    """A file as the renderer makes it."""

    path: str
    content: bytes
    secret: bool = True
    scope: FileScope = FileScope.HANDSET
    kind: FileKind = FileKind.SETTINGS
    handset: str = "desk"


OLD = {f"phone{n}.cfg": b"old %d\n" % n * 50 for n in range(4)} | {"sub/list.cfg": b"old list"}
NEW = {name: content.replace(b"old", b"new") for name, content in OLD.items()}


def files(contents: dict[str, bytes]) -> list[File]:
    return [
        File(name, content, kind=FileKind.LIST if "list" in name else FileKind.SETTINGS)
        for name, content in contents.items()
    ]


class Breaking(FolderTarget):
    """A folder whose link breaks before, or right after, the step of a given number."""

    def __init__(self, folder: Path, at: int, *, after: bool = False, kill: bool = False) -> None:
        super().__init__(folder)
        self.steps = 0
        self._at = at
        self._after = after
        self._kill = kill

    def _step(self, *, done: bool) -> None:
        if not done:
            self.steps += 1
        if self.steps == self._at and done == self._after:
            if self._kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise PushLost(f"broke at step {self.steps}")

    async def get(self, name: str) -> bytes | None:
        self._step(done=False)
        content = await super().get(name)
        self._step(done=True)
        return content

    async def put(self, name: str, content: bytes, *, secret: bool, like: str) -> None:
        self._step(done=False)
        await super().put(name, content, secret=secret, like=like)
        self._step(done=True)

    async def rename(self, old: str, new: str) -> None:
        self._step(done=False)
        await super().rename(old, new)
        self._step(done=True)


async def push(
    target: FolderTarget, contents: dict[str, bytes], record: Path, **wish: bool
) -> Outcome:
    look = wish.pop("everywhere", False)
    async with target:
        delivery = Delivery(target, files(contents), record)
        await delivery.look(everywhere=look)
        return await delivery.run(**wish)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "served"
    path.mkdir()
    return path


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record.json"


def there(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def stamps(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in sorted(folder.rglob("*.cfg"))}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_only_what_changed_is_delivered(folder: Path, record: Path) -> None:
    first = await push(FolderTarget(folder), OLD, record)
    assert sorted(first.delivered) == sorted(OLD)
    assert there(folder) == OLD
    before = stamps(folder)
    assert (await push(FolderTarget(folder), OLD, record)).delivered == []
    one = OLD | {"phone2.cfg": b"changed"}
    assert (await push(FolderTarget(folder), one, record)).delivered == ["phone2.cfg"]
    assert there(folder) == one
    now = stamps(folder)
    assert [name for name in now if now[name] != before[name]] == ["phone2.cfg"]


def test_without_a_record_the_target_is_looked_at(folder: Path, record: Path) -> None:
    asyncio.run(push(FolderTarget(folder), OLD, record))
    record.write_text("{ torn")
    one = OLD | {"phone0.cfg": b"changed"}
    assert asyncio.run(push(FolderTarget(folder), one, record)).delivered == ["phone0.cfg"]


async def test_a_file_that_somebody_changed_there_is_found_by_looking(
    folder: Path, record: Path
) -> None:
    await push(FolderTarget(folder), OLD, record)
    (folder / "phone1.cfg").write_bytes(b"changed by hand")
    assert (await push(FolderTarget(folder), OLD, record)).delivered == []
    mended = await push(FolderTarget(folder), OLD, record, everywhere=True)
    assert mended.delivered == ["phone1.cfg"]
    assert there(folder) == OLD


async def test_lists_that_name_files_come_last_and_shared_files_first(
    folder: Path, record: Path
) -> None:
    class Watching(FolderTarget):
        renamed: list[str] = []  # noqa: RUF012 - of this test alone

        async def rename(self, old: str, new: str) -> None:
            self.renamed.append(new)
            await super().rename(old, new)

    target = Watching(folder)
    wanted = [
        File("000.cfg", b"list", kind=FileKind.LIST),
        File("b.cfg", b"own"),
        File("y.cfg", b"shared", scope=FileScope.MODEL, handset=""),
    ]
    async with target:
        delivery = Delivery(target, wanted, record)
        await delivery.look()
        await delivery.run()
    assert target.renamed == ["y.cfg", "b.cfg", "000.cfg"]


@pytest.fixture
def quick_disk() -> Iterator[Path]:
    """A folder that takes no time to sync, for campaigns over every step."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def steps_of_a_push(tmp_path: Path) -> int:
    folder = tmp_path / "counted"
    folder.mkdir()
    record = tmp_path / "counted.json"
    asyncio.run(push(FolderTarget(folder), OLD, record))
    counting = Breaking(folder, at=-1)
    asyncio.run(push(counting, NEW, record))
    return counting.steps


@pytest.mark.parametrize("after", [False, True])
def test_wherever_the_link_breaks_files_are_old_or_new_and_the_next_push_goes_on(
    quick_disk: Path, after: bool
) -> None:
    steps = steps_of_a_push(quick_disk)
    assert steps == 3 * len(OLD)  # each is put, read back and renamed
    found_again = 0
    for at in range(1, steps + 1):
        folder, record = quick_disk / f"served{at}", quick_disk / f"record{at}.json"
        folder.mkdir()
        asyncio.run(push(FolderTarget(folder), OLD, record))
        broken = asyncio.run(push(Breaking(folder, at, after=after), NEW, record))
        assert isinstance(broken.error, PushLost)
        now = {name: content for name, content in there(folder).items() if ".part" not in name}
        assert set(now) == set(OLD)
        for name in OLD:
            if name in broken.delivered:
                assert now[name] == NEW[name]
            elif name in broken.not_delivered:
                assert now[name] == OLD[name]
            else:
                assert broken.in_doubt == [name]
                assert now[name] in {OLD[name], NEW[name]}
        rest = asyncio.run(push(FolderTarget(folder), NEW, record))
        assert rest.error is None
        assert there(folder) == NEW
        assert not set(rest.delivered) & set(broken.delivered)
        found_again += len(rest.found)
    assert found_again > 0


def test_a_process_that_is_killed_leaves_whole_files_and_the_next_push_goes_on(
    quick_disk: Path,
) -> None:
    fork = multiprocessing.get_context("fork")
    for at in range(1, steps_of_a_push(quick_disk) + 1, 2):
        folder, record = quick_disk / f"killed{at}", quick_disk / f"killed{at}.json"
        folder.mkdir()
        asyncio.run(push(FolderTarget(folder), OLD, record))

        def die(at: int = at, folder: Path = folder, record: Path = record) -> None:
            asyncio.run(push(Breaking(folder, at, after=True, kill=True), NEW, record))

        child = fork.Process(target=die)
        child.start()
        child.join(20)
        assert child.exitcode == -signal.SIGKILL
        now = there(folder)
        assert all(now[name] in {OLD[name], NEW[name]} for name in OLD)
        assert asyncio.run(push(FolderTarget(folder), NEW, record)).error is None
        assert there(folder) == NEW


async def test_what_another_inventory_left_half_brought_is_cleared_away(
    folder: Path, record: Path
) -> None:
    await push(FolderTarget(folder), OLD, record)
    await push(Breaking(folder, 6), NEW, record)
    assert any(".part" in name for name in there(folder))
    newest = dict.fromkeys(OLD, b"newest")
    await push(FolderTarget(folder), newest, record)
    assert there(folder) == newest


async def test_a_short_file_is_noticed_before_it_takes_its_place(
    folder: Path, record: Path
) -> None:
    class Short(FolderTarget):
        async def put(self, name: str, content: bytes, *, secret: bool, like: str) -> None:
            await super().put(name, content[:-1], secret=secret, like=like)

    await push(FolderTarget(folder), OLD, record)
    short = await push(Short(folder), NEW, record)
    assert "phone0.cfg did not arrive whole: got 299 octets back" in str(short.error)
    assert short.delivered == []
    assert there(folder) == OLD


async def test_a_target_that_refuses_one_file_keeps_all_old_ones(
    folder: Path, record: Path
) -> None:
    class Refusing(FolderTarget):
        async def put(self, name: str, content: bytes, *, secret: bool, like: str) -> None:
            if like == "phone3.cfg":
                raise PushError("no")
            await super().put(name, content, secret=secret, like=like)

    await push(FolderTarget(folder), OLD, record)
    refused = await push(Refusing(folder), NEW, record)
    assert str(refused.error) == "no"
    assert sorted(refused.not_delivered) == sorted(OLD)
    assert there(folder) == OLD  # nothing is left beside them either


class Direct(FolderTarget):
    """A target without renaming that breaks in the middle of a file."""

    can_rename = False

    def __init__(self, folder: Path, tear: str = "") -> None:
        super().__init__(folder)
        self._tear = tear

    async def put(self, name: str, content: bytes, *, secret: bool, like: str) -> None:
        if name == self._tear:
            await super().put(name, content[:7], secret=secret, like=like)
            raise PushLost("broke in the middle")
        await super().put(name, content, secret=secret, like=like)

    async def rename(self, old: str, new: str) -> None:
        raise AssertionError(old)


async def test_without_renaming_a_torn_file_is_said_to_be_in_doubt_and_mended(
    folder: Path, record: Path
) -> None:
    await push(Direct(folder), OLD, record)
    torn = await push(Direct(folder, tear="phone2.cfg"), NEW, record)
    assert torn.delivered == ["phone0.cfg", "phone1.cfg"]
    assert torn.in_doubt == ["phone2.cfg"]
    assert torn.not_delivered == ["phone3.cfg", "sub/list.cfg"]
    rest = await push(Direct(folder), NEW, record)
    assert rest.delivered == ["phone2.cfg", "phone3.cfg", "sub/list.cfg"]
    assert there(folder) == NEW


async def test_a_target_that_shows_nothing_is_trusted_but_said_to_be_unproven(
    folder: Path, record: Path
) -> None:
    class Blind(Direct):
        async def get(self, name: str) -> bytes | None:
            raise PushUnreadable(name)

    blind = await push(Blind(folder), OLD, record)
    assert sorted(blind.unproven) == sorted(blind.delivered) == sorted(OLD)
    assert (await push(Blind(folder), OLD, record)).delivered == []


async def test_what_the_site_has_no_more_is_told_and_removed_only_by_wish(
    folder: Path, record: Path
) -> None:
    await push(FolderTarget(folder), OLD, record)
    (folder / "of_somebody_else").write_bytes(b"kept")
    fewer = {name: OLD[name] for name in list(OLD)[1:]}
    async with FolderTarget(folder) as target:
        delivery = Delivery(target, files(fewer), record)
        assert (await delivery.look()).stale == ("phone0.cfg",)
        await delivery.run()
    assert "phone0.cfg" in there(folder)
    assert (await push(FolderTarget(folder), fewer, record, prune=True)).removed == ["phone0.cfg"]
    assert there(folder) == fewer | {"of_somebody_else": b"kept"}


def test_modes_and_groups(folder: Path, record: Path) -> None:
    folder.chmod(0o755)
    wanted = [File("secret.cfg", b"1"), File("plain.cfg", b"2", secret=False)]
    (folder / "kept.cfg").write_bytes(b"old")
    (folder / "kept.cfg").chmod(0o604)
    wanted.append(File("kept.cfg", b"3"))

    async def put_all(target: FolderTarget, record: Path) -> None:
        async with target:
            delivery = Delivery(target, wanted, record)
            await delivery.look()
            await delivery.run()

    asyncio.run(put_all(FolderTarget(folder), record))
    modes = {path.name: mode_of(path) for path in folder.glob("*.cfg")}
    assert modes == {"secret.cfg": 0o640, "plain.cfg": 0o644, "kept.cfg": 0o604}
    (folder / "secret.cfg").unlink()
    asyncio.run(put_all(FolderTarget(folder, public=True), record.with_name("other.json")))
    assert mode_of(folder / "secret.cfg") == 0o644


def test_the_record_is_private_and_holds_no_content(folder: Path, record: Path) -> None:
    asyncio.run(push(FolderTarget(folder), OLD, record))
    assert mode_of(record) == 0o600
    assert "old" not in record.read_text()
    known = load_record(record, str(folder))
    assert known.files["phone1.cfg"].sha256 == digest_of(OLD["phone1.cfg"])
    assert load_record(record, "another target") == Record("another target")


def test_records_of_targets_lie_beside_the_site_one_each(tmp_path: Path) -> None:
    one, other = (record_path(tmp_path, f"sftp://a@h/{name}") for name in ("x y", "x_y"))
    assert one != other
    assert one.parent == other.parent == tmp_path / ".phonerig-push"


def test_one_push_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "record.json"
    with locked(path), pytest.raises(UsageError, match="another push"), locked(path):
        pass  # pragma: no cover
    with locked(path):
        assert path.parent.is_dir()


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a\\b", "", "a\0b"])
async def test_no_name_leads_out(folder: Path, name: str) -> None:
    async with FolderTarget(folder) as target:
        with pytest.raises(UsageError, match="leads out"):
            await target.put(name, b"", secret=False, like=name)

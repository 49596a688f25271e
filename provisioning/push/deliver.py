"""Delivers a rendered set: only what changed, under other names first, and says what became of it.

1. What is to be delivered is found by comparing digests with the record of the last push; where
   the record says nothing, or a push did not end, the file at the target is looked at.
2. Every new file is put under another name, which holds its digest, and read back. A push that
   was broken off therefore finds what it had brought already.
3. Only when all are there they take their places, settings first and lists that name them last.

A target that knows no renaming gets the files under their own names, one after the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from provisioning.profile_model import FileKind, FileScope
from provisioning.push.record import Delivered, digest_of, load_record, save_record
from provisioning.push.target import PushError, PushLost, PushTarget, PushUnreadable

Progress = Callable[[str, int, int], None]
"""Called with what is done (``look``, ``bring``, ``place``), how many are done and of how many."""


class PushedFile(Protocol):
    """The part of a rendered file that delivering needs."""

    @property
    def path(self) -> str:
        """Name below the target."""
        ...

    @property
    def content(self) -> bytes:
        """Octets."""
        ...

    @property
    def secret(self) -> bool:
        """Holds passwords."""
        ...

    @property
    def scope(self) -> FileScope:
        """Who shares it."""
        ...

    @property
    def kind(self) -> FileKind:
        """Settings, or a list of further files."""
        ...

    @property
    def handset(self) -> str:
        """Name of its handset; empty for a shared file."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What a push would do.

    Attributes:
        new: files that are not at the target, in the order of delivery.
        changed: files that are there with other content, likewise.
        same: names of files that are there already.
        stale: names that an earlier push brought and the site has no more.
        unread: names that could not be looked at; they count as changed.
    """

    new: tuple[PushedFile, ...]
    changed: tuple[PushedFile, ...]
    same: tuple[str, ...]
    stale: tuple[str, ...]
    unread: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[PushedFile, ...]:
        """Everything that is to be delivered, in order."""
        return tuple(sorted((*self.new, *self.changed), key=_place))

    @property
    def nothing(self) -> bool:
        """The target has everything already."""
        return not self.new and not self.changed


@dataclass(slots=True)
class Outcome:
    """What a push has done.

    Attributes:
        delivered: names that are in their place now, in order.
        found: names that an earlier push had brought already, and that took their place now.
        not_delivered: names that are as they were before.
        in_doubt: names of which it is not known whether they are old, new or torn.
        unproven: names that were delivered and could not be read back.
        removed: stale names that were removed.
        error: why it ended early; None when it did not.
    """

    delivered: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    not_delivered: list[str] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    error: PushError | None = None


def _nothing_said(what: str, done: int, of: int) -> None:
    del what, done, of


def staged_name(name: str, digest: str) -> str:
    """The other name of a file until it takes its place; nobody can guess it.

    Args:
        name: that it will have.
        digest: of its content.
    """
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}phonerig-{digest[:24]}-{digest_of(last.encode())[:8]}.part"


class Delivery:
    """One push to one target, inside of the target's context.

    Attributes:
        plan: what there is to do, once :meth:`look` has found out.
    """

    def __init__(
        self,
        target: PushTarget,
        files: Iterable[PushedFile],
        record: Path,
        *,
        progress: Progress = _nothing_said,
    ) -> None:
        """Prepare.

        Args:
            target: open.
            files: everything that the target shall have.
            record: file of what is known of the target.
            progress: told of every step.
        """
        self._target = target
        self._files = {file.path: file for file in files}
        self._digests = {name: digest_of(file.content) for name, file in self._files.items()}
        self._path = record
        self._progress = progress
        self._record = load_record(record, target.where)
        self._broken_off = dict(self._record.pending)
        self._readable = True
        self.plan = Plan((), (), (), ())

    async def look(self, *, everywhere: bool = False) -> Plan:
        """Find out what there is to do.

        Args:
            everywhere: look at every file at the target, whatever the record says.

        Raises:
            PushError: the target cannot be looked at.
        """
        new: list[PushedFile] = []
        changed: list[PushedFile] = []
        same: list[str] = []
        unread: list[str] = []
        for number, (name, file) in enumerate(self._files.items(), start=1):
            known = self._record.files.get(name)
            if everywhere or known is None or name in self._broken_off:
                state = await self._state(name)
            else:
                state = "same" if known.sha256 == self._digests[name] else "changed"
            if state == "same":
                same.append(name)
            else:
                (new if state == "new" else changed).append(file)
            if state == "unread":
                unread.append(name)
            self._progress("look", number, len(self._files))
        self.plan = Plan(
            tuple(sorted(new, key=_place)),
            tuple(sorted(changed, key=_place)),
            tuple(same),
            tuple(name for name in sorted(self._record.files) if name not in self._files),
            tuple(unread),
        )
        return self.plan

    async def _state(self, name: str) -> str:
        """How a file stands at the target itself."""
        try:
            there = await self._target.get(name)
        except PushUnreadable:
            self._readable = False
            return "unread"
        if there is None:
            self._record.files.pop(name, None)
            return "new"
        self._record.files[name] = Delivered(digest_of(there), len(there))
        return "same" if self._record.files[name].sha256 == self._digests[name] else "changed"

    async def old_content(self, name: str) -> bytes | None:
        """What lies at the target under a name, for a diff; None for nothing or unreadable."""
        try:
            return await self._target.get(name)
        except PushUnreadable:
            return None

    async def run(self, *, prune: bool = False) -> Outcome:
        """Deliver what :meth:`look` has planned.

        Args:
            prune: also remove what an earlier push brought and the site has no more.

        Returns:
            What became of every file, also when it ended early.

        Raises:
            RigError: the record cannot be written; nothing was delivered then.
        """
        wanted = self.plan.wanted
        outcome = Outcome(not_delivered=[file.path for file in wanted])
        # First of all: what may be at the target if nobody hears of us again.
        self._record.pending |= {file.path: self._digests[file.path] for file in wanted}
        if wanted or self._broken_off:
            save_record(self._path, self._record)
        try:
            if self._target.can_rename:
                await self._bring(wanted, outcome)
                await self._place(wanted, outcome)
            else:
                await self._overwrite(wanted, outcome)
            await self._clear_away()
            if prune:
                await self._prune(outcome)
        except PushError as error:
            outcome.error = error
        self._settle(outcome)
        save_record(self._path, self._record)
        return outcome

    def _settle(self, outcome: Outcome) -> None:
        """Put into the record what is certain, and keep as pending what is not."""
        for name in outcome.delivered:
            self._record.files[name] = Delivered(
                self._digests[name], len(self._files[name].content)
            )
            self._record.pending.pop(name, None)
        for name in outcome.removed:
            self._record.files.pop(name, None)
        for name in outcome.in_doubt:
            self._record.files.pop(name, None)
        if outcome.error is None:
            self._record.pending.clear()

    async def _bring(self, wanted: Sequence[PushedFile], outcome: Outcome) -> None:
        """Put everything under other names, and see that it has arrived whole."""
        brought: list[str] = []
        try:
            for number, file in enumerate(wanted, start=1):
                digest = self._digests[file.path]
                other = staged_name(file.path, digest)
                brought.append(other)
                if self._broken_off.get(file.path) == digest and await self._is(other, digest):
                    outcome.found.append(file.path)
                else:
                    await self._target.put(other, file.content, secret=file.secret, like=file.path)
                    await self._prove(file, other, outcome)
                self._progress("bring", number, len(wanted))
        except PushLost:
            raise  # what has arrived waits there for the next push
        except PushError:
            for other in brought:
                with contextlib.suppress(PushError):
                    await self._target.remove(other)
            raise

    async def _place(self, wanted: Sequence[PushedFile], outcome: Outcome) -> None:
        for number, file in enumerate(wanted, start=1):
            try:
                await self._target.rename(
                    staged_name(file.path, self._digests[file.path]), file.path
                )
            except PushLost:
                outcome.in_doubt.append(file.path)
                outcome.not_delivered.remove(file.path)
                raise
            self._delivered(file, outcome)
            self._progress("place", number, len(wanted))

    async def _overwrite(self, wanted: Sequence[PushedFile], outcome: Outcome) -> None:
        for number, file in enumerate(wanted, start=1):
            outcome.not_delivered.remove(file.path)
            outcome.in_doubt.append(file.path)
            await self._target.put(file.path, file.content, secret=file.secret, like=file.path)
            await self._prove(file, file.path, outcome)
            outcome.in_doubt.remove(file.path)
            outcome.delivered.append(file.path)
            self._progress("bring", number, len(wanted))

    def _delivered(self, file: PushedFile, outcome: Outcome) -> None:
        outcome.not_delivered.remove(file.path)
        outcome.delivered.append(file.path)

    async def _is(self, name: str, digest: str) -> bool:
        try:
            there = await self._target.get(name)
        except PushUnreadable:
            return False
        return there is not None and digest_of(there) == digest

    async def _prove(self, file: PushedFile, name: str, outcome: Outcome) -> None:
        """Read a file back where the target shows it.

        Raises:
            PushError: something else lies there.
        """
        if self._readable:
            try:
                there = await self._target.get(name)
            except PushUnreadable:
                self._readable = False
            else:
                if there != file.content:
                    octets = "nothing" if there is None else f"{len(there)} octets"
                    raise PushError(
                        f"{self._target.where}: {file.path} did not arrive whole: got {octets} "
                        f"back, expected the same {len(file.content)}; look at the server's log "
                        "and disk, then push again"
                    )
                return
        outcome.unproven.append(file.path)

    async def _clear_away(self) -> None:
        """Remove what a broken push left under other names and nobody wants any more."""
        for name, digest in self._broken_off.items():
            of_use = self._digests.get(name) == digest and name not in self.plan.same
            if self._target.can_rename and not of_use:
                with contextlib.suppress(PushError):
                    await self._target.remove(staged_name(name, digest))

    async def _prune(self, outcome: Outcome) -> None:
        for name in self.plan.stale:
            await self._target.remove(name)
            outcome.removed.append(name)


def _place(file: PushedFile) -> tuple[bool, bool, str]:
    """The order of delivery: a phone must not be sent to a file that is not there yet."""
    return file.kind is FileKind.LIST, file.scope is FileScope.HANDSET, file.path

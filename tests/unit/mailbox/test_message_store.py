"""The store: counts, states, restarts, crashes."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rig.errors import RigError
from rig.mailbox_platform.embedded.store import MessageState, MessageStore
from rig.media.tones import speech
from rig.timeline import MailboxSeen

BOX = "+4930100"
PCM = speech(0.5)


def open_store(folder: Path) -> MessageStore:
    instants = iter(range(1000, 10_000))
    return MessageStore(folder, clock=lambda: float(next(instants)), durable=False)


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path)
    yield opened
    opened.close()


def numbers(seen: MailboxSeen) -> tuple[int, int, int, int]:
    return (seen.new, seen.saved, seen.urgent_new, seen.urgent_saved)


def test_a_message_is_found_as_it_was_left(store):
    left = store.add(BOX, "+49171", PCM, urgent=True, at=77.0)
    assert store.message(left.message_id) == left
    assert store.audio(left.message_id) == PCM
    assert (left.at, left.duration_s, left.state) == (77.0, 0.5, MessageState.NEW)
    assert numbers(store.counts(BOX)) == (1, 0, 1, 0)
    assert numbers(store.counts("+4930200")) == (0, 0, 0, 0)


def test_urgent_ones_are_heard_first_then_the_oldest(store):
    ids = [
        store.add(BOX, "", PCM, urgent=u, at=9.0).message_id for u in (False, True, False, True)
    ]
    order = [message.message_id for message in store.messages(BOX)]
    assert order == [ids[1], ids[3], ids[0], ids[2]]


def test_every_change_is_told_once_with_its_cause_and_the_counts_after_it(store):
    told: list[tuple[str, tuple[int, int, int, int]]] = []
    end = store.subscribe(lambda seen: told.append((seen.cause, numbers(seen))))
    first = store.add(BOX, "", PCM).message_id
    assert store.mark_heard(first)
    assert not store.mark_heard(first)
    assert store.mark_new(first)
    assert not store.mark_new(first)
    assert store.delete(first)
    assert not store.delete(first)
    assert store.restore(first)
    assert not store.restore(first)
    store.announce([BOX])
    end()
    end()
    store.delete(first)
    assert told == [
        ("deposit", (1, 0, 0, 0)),
        ("heard", (0, 1, 0, 0)),
        ("restored", (1, 0, 0, 0)),
        ("deleted", (0, 0, 0, 0)),
        ("restored", (1, 0, 0, 0)),
        ("start", (1, 0, 0, 0)),
    ]


def test_restoring_gives_back_the_former_state(store):
    message = store.add(BOX, "", PCM, urgent=True).message_id
    store.mark_heard(message)
    store.delete(message)
    assert store.messages(BOX) == ()
    assert [m.message_id for m in store.messages(BOX, MessageState.DELETED)] == [message]
    store.restore(message)
    assert numbers(store.counts(BOX)) == (0, 1, 0, 1)


def test_expunging_takes_only_deleted_messages_and_their_audio(store, tmp_path):
    kept, gone = (store.add(BOX, "", PCM).message_id for _ in range(2))
    store.delete(gone)
    assert store.expunge([kept, gone, "unknown"]) == 1
    assert [path.stem for path in (tmp_path / "audio").iterdir()] == [kept]
    assert not store.restore(gone)
    with pytest.raises(RigError, match=f"message {gone}: no audio"):
        store.audio(gone)


def test_clearing_is_told_once_and_only_when_something_was_there(store, tmp_path):
    for _ in range(3):
        store.add(BOX, "", PCM)
    other = store.add("+4930200", "", PCM)
    told: list[str] = []
    store.subscribe(lambda seen: told.append(f"{seen.mailbox} {seen.cause} {seen.new}"))
    assert store.clear(BOX) == 3
    assert store.clear(BOX) == 0
    assert told == [f"{BOX} deleted 0"]
    assert [p.stem for p in (tmp_path / "audio").iterdir()] == [other.message_id]


def test_everything_survives_a_restart(tmp_path):
    store = open_store(tmp_path)
    message = store.add(BOX, "+49171", PCM).message_id
    store.mark_heard(message)
    store.note_login(BOX, succeeded=False)
    store.set_setting(BOX, "pin", "sealed")
    store.close()
    store.close()
    again = open_store(tmp_path)
    assert numbers(again.counts(BOX)) == (0, 1, 0, 0)
    assert again.audio(message) == PCM
    assert again.login_failures(BOX).count == 1
    assert again.setting(BOX, "pin") == "sealed"
    again.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audio", "messages.sqlite"]


def test_a_process_that_dies_loses_no_committed_message(tmp_path):
    store = open_store(tmp_path)
    message = store.add(BOX, "", PCM).message_id
    again = open_store(tmp_path)  # the first one was never closed
    assert again.audio(message) == PCM
    assert numbers(again.counts(BOX)) == (1, 0, 0, 0)
    again.close()
    store.close()


def test_audio_without_a_row_is_removed_at_the_start(tmp_path):
    store = open_store(tmp_path)
    message = store.add(BOX, "", PCM).message_id
    store.close()
    for name in ("0123456789abcdef.wav", f"{message}.part"):
        (tmp_path / "audio" / name).write_bytes(b"half")
    open_store(tmp_path).close()
    assert [p.name for p in (tmp_path / "audio").iterdir()] == [f"{message}.wav"]


def test_a_message_that_cannot_be_written_is_not_counted(store, tmp_path):
    (tmp_path / "audio").rmdir()
    told: list[MailboxSeen] = []
    store.subscribe(told.append)
    with pytest.raises(RigError, match=rf"mailbox \{BOX} not stored"):
        store.add(BOX, "", PCM)
    assert numbers(store.counts(BOX)) == (0, 0, 0, 0)
    assert told == []


def test_another_version_is_refused(tmp_path):
    open_store(tmp_path).close()
    db = sqlite3.connect(tmp_path / "messages.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(RigError, match="schema version 99, expected 1"):
        open_store(tmp_path)


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RigError, match=r"message store .*file"):
        open_store(tmp_path / "file")


def test_wrong_pins_are_counted_until_a_right_one(store):
    store.note_login(BOX, succeeded=False)
    store.note_login(BOX, succeeded=False)
    store.note_login("+4930200", succeeded=False)
    assert store.login_failures(BOX).count == 2
    store.note_login(BOX, succeeded=True)
    assert store.login_failures(BOX).count == 0
    assert store.login_failures("+4930200").count == 1


def test_a_setting_can_be_forgotten(store):
    store.set_setting(BOX, "mwi", "off")
    store.set_setting(BOX, "mwi", "on")
    assert store.setting(BOX, "mwi") == "on"
    store.set_setting(BOX, "mwi", None)
    assert store.setting(BOX, "mwi") is None


class StoreAgainstModel(RuleBasedStateMachine):
    """Whatever is done, the counts told and asked are those of a plain model."""

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.store = open_store(Path(self.folder.name))
        self.model: dict[str, list[object]] = {}
        self.told: MailboxSeen | None = None
        self.store.subscribe(self.note)

    def note(self, seen: MailboxSeen) -> None:
        self.told = seen

    @rule(urgent=st.booleans())
    def add(self, urgent):
        message = self.store.add(BOX, "", b"\x00\x00", urgent=urgent)
        self.model[message.message_id] = ["new", "new", urgent]

    @rule(pick=st.integers(0, 9), change=st.sampled_from(["heard", "new", "delete", "restore"]))
    def change(self, pick, change):
        if not self.model:
            return
        message = list(self.model)[pick % len(self.model)]
        entry = self.model[message]
        before = entry[0]
        match change:
            case "heard":
                done = self.store.mark_heard(message)
                entry[0] = "saved" if before == "new" else before
            case "new":
                done = self.store.mark_new(message)
                entry[0] = "new" if before == "saved" else before
            case "delete":
                done = self.store.delete(message)
                entry[1] = before if before != "deleted" else entry[1]
                entry[0] = "deleted"
            case _:
                done = self.store.restore(message)
                entry[0] = entry[1] if before == "deleted" else before
        assert done == (entry[0] != before)

    @rule()
    def reopen(self):
        self.store.close()
        self.store = open_store(Path(self.folder.name))
        self.store.subscribe(self.note)

    @invariant()
    def counts_agree(self):
        states = [(state, urgent) for state, _, urgent in self.model.values()]
        expected = (
            sum(state == "new" for state, _ in states),
            sum(state == "saved" for state, _ in states),
            states.count(("new", True)),
            states.count(("saved", True)),
        )
        assert numbers(self.store.counts(BOX)) == expected
        if self.told is not None:
            assert numbers(self.told) == expected

    def teardown(self):
        self.store.close()
        self.folder.cleanup()


TestStoreAgainstModel = StoreAgainstModel.TestCase
TestStoreAgainstModel.settings = settings(max_examples=25, deadline=None)

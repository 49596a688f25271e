"""The store: counts, states, restarts, crashes; the same for a folder and for PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from postgres_kit import Cluster, running_cluster

from provisioning.database_url import DatabaseUrl
from rig.errors import RigError
from rig.mailbox_platform.embedded.store.store import MessageState, MessageStore
from rig.media.tones import speech
from rig.media.wav import to_wav
from rig.timeline import MailboxSeen

BOX = "+4930100"
PCM = speech(0.5)


Open = Callable[[], MessageStore]


def opener(place: Path | DatabaseUrl) -> Open:
    def open_store() -> MessageStore:
        instants = iter(range(1000, 100_000))
        return MessageStore(place, clock=lambda: float(next(instants)), durable=False)

    return open_store


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["folder", "postgresql"])
def place(request, tmp_path) -> Path | DatabaseUrl:
    if request.param == "folder":
        return tmp_path / "store"
    return request.getfixturevalue("cluster").database()


@pytest.fixture
def open_store(place) -> Open:
    return opener(place)


@pytest.fixture
def store(open_store) -> Iterator[MessageStore]:
    opened = open_store()
    yield opened
    opened.close()


def audio_ids(place: Path | DatabaseUrl) -> list[str]:
    """Whose audio is kept, whether a row says so or not."""
    if isinstance(place, Path):
        return sorted(path.stem for path in (place / "audio").iterdir())
    with psycopg.connect(place.secret.reveal()) as db:
        return sorted(row[0] for row in db.execute("SELECT id FROM audio"))


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


def test_expunging_takes_only_deleted_messages_and_their_audio(store, place):
    kept, gone = (store.add(BOX, "", PCM).message_id for _ in range(2))
    store.delete(gone)
    assert store.expunge([kept, gone, "unknown"]) == 1
    assert audio_ids(place) == [kept]
    assert not store.restore(gone)
    with pytest.raises(RigError, match=f"message {gone}: no audio"):
        store.audio(gone)


def test_clearing_is_told_once_and_only_when_something_was_there(store, place):
    for _ in range(3):
        store.add(BOX, "", PCM)
    other = store.add("+4930200", "", PCM)
    told: list[str] = []
    store.subscribe(lambda seen: told.append(f"{seen.mailbox} {seen.cause} {seen.new}"))
    assert store.clear(BOX) == 3
    assert store.clear(BOX) == 0
    assert told == [f"{BOX} deleted 0"]
    assert audio_ids(place) == [other.message_id]


def test_everything_survives_a_restart(open_store):
    store = open_store()
    message = store.add(BOX, "+49171", PCM).message_id
    store.mark_heard(message)
    store.note_login(BOX, succeeded=False)
    store.set_setting(BOX, "pin", "sealed")
    store.put_announcement(BOX, "mine", PCM)
    store.close()
    store.close()
    again = open_store()
    assert numbers(again.counts(BOX)) == (0, 1, 0, 0)
    assert again.audio(message) == PCM
    assert again.login_failures(BOX).count == 1
    assert again.setting(BOX, "pin") == "sealed"
    assert again.announcement(BOX, "mine") == PCM
    again.close()


def test_the_order_of_hearing_survives_a_restart_and_goes_on_after_it(open_store):
    store = open_store()
    ids = [store.add(BOX, "", PCM, at=9.0).message_id for _ in range(3)]
    store.delete(ids[0])
    store.restore(ids[0])
    store.close()
    again = open_store()
    ids.append(again.add(BOX, "", PCM, at=9.0).message_id)
    assert [message.message_id for message in again.messages(BOX)] == ids
    again.close()


def test_an_announcement_gives_way_as_a_whole_with_its_audio(store, place):
    store.put_announcement(BOX, "mine", PCM)
    store.put_announcement("", "mine", PCM)
    store.put_announcement(BOX, "mine", b"\x01\x00" * 80)
    assert store.announcement(BOX, "mine") == b"\x01\x00" * 80
    assert store.announcement("", "mine") == PCM
    assert store.announcements(BOX) == store.announcements("") == ("mine",)
    assert len(audio_ids(place)) == 2
    with pytest.raises(RigError, match="there is none"):
        store.announcement(BOX, "theirs")


@pytest.mark.parametrize("caller", ["\0", "a\ud800b", "\u202e+49", "'; DROP TABLE message; --"])
def test_whatever_a_caller_calls_himself_the_message_is_kept(open_store, caller):
    store = open_store()
    left = store.add(BOX, caller, PCM)
    store.close()
    again = open_store()
    assert again.message(left.message_id) == left
    again.close()


def test_audio_without_a_row_is_removed_at_the_start(tmp_path):
    open_store = opener(tmp_path)
    store = open_store()
    message = store.add(BOX, "", PCM).message_id
    store.close()
    for name in ("0123456789abcdef.wav", f"{message}.part"):
        (tmp_path / "audio" / name).write_bytes(b"half")
    open_store().close()
    assert [p.name for p in (tmp_path / "audio").iterdir()] == [f"{message}.wav"]


def test_a_row_whose_audio_is_gone_lights_no_lamp(tmp_path, caplog):
    open_store = opener(tmp_path)
    store = open_store()
    kept, lost = (store.add(BOX, "", PCM).message_id for _ in range(2))
    store.close()
    (tmp_path / "audio" / f"{lost}.wav").unlink()
    again = open_store()
    assert numbers(again.counts(BOX)) == (1, 0, 0, 0)
    assert [m.message_id for m in again.messages(BOX)] == [kept]
    again.close()
    assert f"the audio of {lost} is gone" in caplog.text
    caplog.clear()
    open_store().close()
    assert caplog.text == ""


def test_a_folder_is_for_its_owner_alone(tmp_path):
    place = tmp_path / "store"
    store = opener(place)()
    store.add(BOX, "", PCM)
    found = {path.relative_to(place): path for path in place.rglob("*")}
    assert {str(path) for path in found} >= {"audio", "lock", "messages.sqlite"}
    for path in (place, *found.values()):
        assert path.stat().st_mode & 0o077 == 0, path
    store.close()


def test_a_database_that_others_could_read_is_closed_to_them(tmp_path):
    opener(tmp_path)().close()
    (tmp_path / "messages.sqlite").chmod(0o644)
    (tmp_path / "audio").chmod(0o755)
    opener(tmp_path)().close()
    assert (tmp_path / "messages.sqlite").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "audio").stat().st_mode & 0o777 == 0o700


def test_a_message_that_cannot_be_written_is_not_counted(tmp_path):
    store = opener(tmp_path)()
    (tmp_path / "audio").rmdir()
    told: list[MailboxSeen] = []
    store.subscribe(told.append)
    with pytest.raises(RigError, match=rf"mailbox \{BOX} not stored"):
        store.add(BOX, "", PCM)
    assert numbers(store.counts(BOX)) == (0, 0, 0, 0)
    assert (told, store.failing) == ([], True)
    (tmp_path / "audio").mkdir()
    store.add(BOX, "", PCM)
    assert (len(told), store.failing) == (1, False)
    store.close()


def test_another_version_is_refused(tmp_path):
    opener(tmp_path)().close()
    db = sqlite3.connect(tmp_path / "messages.sqlite")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(RigError, match="schema version 99, expected 2"):
        opener(tmp_path)()


VERSION_1 = """
CREATE TABLE message (
    id TEXT PRIMARY KEY, mailbox TEXT NOT NULL, caller TEXT NOT NULL, at REAL NOT NULL,
    duration_s REAL NOT NULL, urgent INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('new', 'saved', 'deleted')),
    former_state TEXT NOT NULL DEFAULT 'new', arrival INTEGER NOT NULL UNIQUE
) STRICT;
CREATE INDEX message_by_mailbox ON message (mailbox, state);
CREATE TABLE login_failure (
    mailbox TEXT PRIMARY KEY, failures INTEGER NOT NULL, last_at REAL NOT NULL
) STRICT;
CREATE TABLE setting (
    mailbox TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (mailbox, name)
) STRICT;
INSERT INTO message VALUES ('00ff', '+4930100', '+49171', 9.0, 0.5, 1, 'saved', 'new', 7);
INSERT INTO setting VALUES ('+4930100', 'pin', 'sealed');
PRAGMA user_version = 1;
"""


@pytest.mark.parametrize(
    "greetings", [{}, {"p4930100/busy-by-phone": PCM, "site/Summer": PCM[:8]}]
)
def test_a_folder_of_version_1_is_brought_up_to_date(tmp_path, greetings):
    """As the first version left it: rows, audio, and greetings as files under their names."""
    db = sqlite3.connect(tmp_path / "messages.sqlite")
    db.executescript(VERSION_1)
    db.close()
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "00ff.wav").write_bytes(to_wav(PCM))
    for name, pcm in greetings.items():
        path = tmp_path / "greetings" / f"{name}.wav"
        path.parent.mkdir(parents=True)
        path.write_bytes(to_wav(pcm))
    for _ in range(2):
        store = opener(tmp_path)()
        assert numbers(store.counts(BOX)) == (0, 1, 0, 1)
        assert store.audio("00ff") == PCM
        assert store.setting(BOX, "pin") == "sealed"
        if greetings:
            assert store.announcement(BOX, "busy-by-phone") == PCM
            assert store.announcement("", "Summer") == PCM[:8]
        assert len(store.announcements(BOX)) + len(store.announcements("")) == len(greetings)
        store.close()
    store = opener(tmp_path)()
    store.add(BOX, "", PCM)
    assert store.counts(BOX).new == 1
    store.close()


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RigError, match=r"message store .*file"):
        opener(tmp_path / "file")()


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
        self.open_store = opener(Path(self.folder.name))
        self.store = self.open_store()
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
        self.store = self.open_store()
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

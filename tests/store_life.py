"""What a store does in one life, by a seed; and a plain model of what must be there after it.

Run as a program it is a server of lives: each order on its input makes a child that stops
itself, so that a tracer can be put on it, and then does what the seed says to a real store. Before
and after every step it sends a line to a socket. What it has called *kept* must be there ever
after, however the life ended.
"""

from __future__ import annotations

import copy
import itertools
import json
import os
import random
import signal
import socket
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rig.errors import RigError
from rig.mailbox_platform.embedded.store.store import Kept, MessageState, MessageStore
from rig.mailbox_platform.embedded.voicemail.greeting_book import GreetingBook
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot

BOXES = ("+493023125101", "+493023125103")
SHORT = ["add", "heard", "greeting", "pin", "delete", "expunge"]
"""One step of every kind, for lives in which every call fails once."""
_KINDS = ["add", "add", "burst", "burst", "heard", "new", "urgent", "delete", "restore"]
_KINDS += ["expunge", "pin", "greeting", "login"]
Step = dict[str, Any]


def sound(number: int) -> bytes:
    """Audio by which a step is known again."""
    return (number % 251 + 1).to_bytes(2, "little") * (200 + number * 37 % 1500)


def steps(seed: int, kinds: list[str] | None = None, count: int = 9) -> list[Step]:
    """The steps of a life; a burst is several messages that are on their way together."""
    dice = random.Random(seed)
    planned = kinds or [dice.choice(_KINDS) for _ in range(count)]
    number = itertools.count(seed * 100)
    made: list[Step] = []
    for kind in planned:
        width = 3 if kind == "burst" else 1
        for place in range(width):
            n = next(number)
            made.append(
                {
                    "n": n,
                    "kind": "add" if kind == "burst" else kind,
                    "box": dice.choice(BOXES),
                    "id": f"{n:016x}",
                    "urgent": dice.random() < 0.3,
                    "pick": dice.random(),
                    "goes_on": kind == "burst" and place < width - 1,
                }
            )
    return made


# -- the model ---------------------------------------------------------------------------


@dataclass
class Model:
    """What is in the store, in plain dictionaries.

    Attributes:
        messages: state, former state, urgency, mailbox and step by identifier.
        pin: by mailbox.
        greeting: step that recorded it, by mailbox.
        failures: wrong PINs by mailbox.
    """

    messages: dict[str, list[Any]] = field(default_factory=dict)
    pin: dict[str, str] = field(default_factory=dict)
    greeting: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)

    def apply(self, step: Step) -> None:
        entry = self.messages.get(step.get("target", ""))
        match step["kind"]:
            case "add":
                self.messages[step["id"]] = ["new", "new", step["urgent"], step["box"], step["n"]]
            case "pin":
                self.pin[step["box"]] = str(step["n"])
            case "greeting":
                self.greeting[step["box"]] = step["n"]
            case "login":
                self.failures[step["box"]] = self.failures.get(step["box"], 0) + 1
            case "heard" if entry and entry[0] == "new":
                entry[0] = "saved"
            case "new" if entry and entry[0] == "saved":
                entry[0] = "new"
            case "urgent" if entry and entry[0] != "deleted":
                entry[2] = True
            case "delete" if entry and entry[0] != "deleted":
                entry[0], entry[1] = "deleted", entry[0]
            case "restore" if entry and entry[0] == "deleted":
                entry[0] = entry[1]
            case "expunge" if entry and entry[0] == "deleted":
                del self.messages[step["target"]]

    def counts(self, box: str) -> tuple[int, int, int, int]:
        """New, saved, urgent new, urgent saved."""
        there = [(e[0], e[2]) for e in self.messages.values() if e[3] == box]
        return (
            sum(state == "new" for state, _ in there),
            sum(state == "saved" for state, _ in there),
            there.count(("new", True)),
            there.count(("saved", True)),
        )

    def possible(self, under_way: list[Step]) -> list[Model]:
        """Every state that may be found when some steps were under way at the end."""
        found = []
        for chosen in itertools.product((False, True), repeat=len(under_way)):
            model = copy.deepcopy(self)
            for step, done in zip(under_way, chosen, strict=True):
                if done:
                    model.apply(step)
            found.append(model)
        return found


def seen(store: MessageStore) -> Model:
    """What a store says is in it; every message and greeting is played."""
    model = Model()
    greetings = GreetingBook(store)
    for box in BOXES:
        for state in MessageState:
            for message in store.messages(box, state):
                n = int(message.message_id, 16)
                assert store.audio(message.message_id) == sound(n), "another message's audio"
                assert message.duration_s == len(sound(n)) / 16_000
                former = "new"
                model.messages[message.message_id] = [
                    message.state.value, former, message.urgent, box, n,
                ]  # fmt: skip
        pin = store.setting(box, "pin")
        if pin is not None:
            model.pin[box] = pin
        if greetings.choice(box).busy is not None:
            pcm = greetings.audio(box, GreetingSlot.BUSY)
            number = int.from_bytes(pcm[:2], "little")
            model.greeting[box] = number if pcm == pcm[:2] * (len(pcm) // 2) else -1
        failures = store.login_failures(box).count
        if failures:
            model.failures[box] = failures
    return model


def same(found: Model, wanted: Model) -> bool:
    """Whether a store holds what the model does; what a deleted message was is not seen."""
    plain = {i: (e[0], *e[2:]) for i, e in found.messages.items()}
    greetings = {box: n % 251 + 1 for box, n in wanted.greeting.items()}
    return (
        plain == {i: (e[0], *e[2:]) for i, e in wanted.messages.items()}
        and found.pin == wanted.pin
        and found.greeting == greetings
        and found.failures == wanted.failures
    )


def check(folder: Path, possible: list[Model]) -> tuple[Model, MessageStore]:
    """Open a store after the end of a life, and find one of the states that may be there.

    Returns:
        The state, and the store, still open.
    """
    store = MessageStore(folder)
    found = seen(store)
    fitting = [model for model in possible if same(found, model)]
    assert fitting, f"found {found}, expected one of {possible}"
    model = fitting[0]
    for box in BOXES:
        told = store.counts(box)
        assert (told.new, told.saved, told.urgent_new, told.urgent_saved) == model.counts(box)
    files = {path.name for path in (folder / "audio").iterdir()}
    audio = len(model.messages) + len(model.greeting)
    assert {f"{i}.wav" for i in model.messages} <= files, "a message without audio"
    assert len(files) == audio, f"audio of nobody: {files}"
    return model, store


# -- the life ----------------------------------------------------------------------------


class Life:
    """Does steps to a store, and says so."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._folder = Path(order["folder"])
        self._steps = steps(order["seed"], order.get("kinds"), order.get("count", 9))
        self._tries = order.get("tries", 1)
        self._say_to = socket.socket(socket.AF_UNIX)
        self._say_to.connect(order["socket"])
        self._store: MessageStore
        self._known: list[str] = []

    def say(self, **what: Any) -> None:
        self._say_to.sendall(json.dumps(what).encode() + b"\n")

    def live(self) -> None:
        self._store = self._open()
        for box in BOXES:
            for state in MessageState:
                self._known += [m.message_id for m in self._store.messages(box, state)]
        self._known.sort()
        waiting: list[tuple[Step, Kept]] = []
        for step in self._steps:
            if self._known:
                step["target"] = self._known[int(step["pick"] * len(self._known))]
            self.say(event="try", step=step)
            with self._store.together() as kept:
                self._do(step)
            waiting.append((step, kept))
            if not step["goes_on"]:
                for one, what_becomes in waiting:
                    self._settle(one, what_becomes)
                waiting = []
        self._store.close()
        self.say(event="end")

    def _open(self) -> MessageStore:
        for last in (False, False, True):
            try:
                return MessageStore(self._folder)
            except RigError as error:
                self.say(event="not opened", error=str(error))
                if last:
                    raise
        raise AssertionError

    def _settle(self, step: Step, kept: Kept) -> None:
        for _ in range(self._tries):
            try:
                kept.wait()
            except RigError as error:
                self.say(event="refused", step=step, error=str(error), **self._view())
                with self._store.together() as again:
                    self._do(step)
                kept = again
            else:
                if step["kind"] == "add":
                    self._known.append(step["id"])
                target = step.get("target")
                if target in self._known and self._store.message(target) is None:
                    self._known.remove(target)
                self.say(event="kept", step=step, **self._view())
                return
        kept.wait()

    def _view(self) -> dict[str, Any]:
        seen = [self._store.counts(box) for box in BOXES]
        return {"counts": [[s.new, s.saved, s.urgent_new, s.urgent_saved] for s in seen]}

    def _do(self, step: Step) -> None:
        store, box, target = self._store, step["box"], step.get("target", "")
        match step["kind"]:
            case "add":
                pcm = sound(step["n"])
                store.add(box, "", pcm, urgent=step["urgent"], message_id=step["id"], at=1.0)
            case "heard":
                store.mark_heard(target)
            case "new":
                store.mark_new(target)
            case "urgent":
                store.mark_urgent(target)
            case "delete":
                store.delete(target)
            case "restore":
                store.restore(target)
            case "expunge":
                store.expunge([target])
            case "pin":
                store.set_setting(box, "pin", str(step["n"]))
            case "login":
                store.note_login(box, succeeded=False)
            case "greeting":
                GreetingBook(store).record(box, GreetingSlot.BUSY, sound(step["n"]))


def serve() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            life = Life(json.loads(line))
            try:
                life.live()
            except BaseException:  # noqa: BLE001 - the harness fails with it
                life.say(event="crash", error=traceback.format_exc())
            os._exit(0)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    serve()

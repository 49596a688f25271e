"""Descriptions of HTTP relay boards: data that says how a board is switched and read.

A board that is not among the shipped ones is described in the bench file in the same words. Must
not know how to send anything.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from provisioning.inventory_fields import FaultList, FieldReader, parse_text
from provisioning.yaml_source import YamlList, YamlNode, load_yaml
from rig.errors import InputErrors

SHIPPED = Path(__file__).parent / "relays.yaml"
CHANNEL = r"[A-Za-z0-9_-]{1,16}"
PLACE = "{channel}"

_STEP = re.compile(r"([A-Za-z0-9_:-]+)?(?:\[([A-Za-z0-9_]+)=([A-Za-z0-9_-]+)\]|\[([0-9]{1,3})\])?")
_PATH_FORM = "steps with dots between: name, name[0] or name[KEY=value]"


class RelayLogin(StrEnum):
    """How a board wants to be let in."""

    NONE = "none"
    BASIC = "basic"
    DIGEST = "digest"


class Method(StrEnum):
    """HTTP methods that boards use."""

    GET = "get"
    POST = "post"
    PUT = "put"


class Mark(StrEnum):
    """How sure the facts of a board are."""

    DOCUMENT = "document"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class RelayRequest:
    """One request, with the channel put in.

    Attributes:
        method: in lower case.
        path: with its query.
        body: JSON, or empty for none.
    """

    method: Method
    path: str
    body: str = ""

    def at(self, channel: str) -> RelayRequest:
        """The same for one channel."""
        return RelayRequest(
            self.method, self.path.replace(PLACE, channel), self.body.replace(PLACE, channel)
        )


@dataclass(frozen=True, slots=True)
class RelayBoard:
    """One kind of board.

    Attributes:
        name: for bench files.
        title: for people.
        login: how it wants to be let in.
        on: switches on.
        off: switches off.
        state: reads the state.
        json_paths: where the state stands in the answer, the first that exists; none for the
            whole body.
        on_value: what stands there when it is on.
        off_value: likewise when it is off.
        source: who says so.
        mark: how sure that is.
    """

    name: str
    title: str
    login: RelayLogin
    on: RelayRequest
    off: RelayRequest
    state: RelayRequest
    json_paths: tuple[str, ...]
    on_value: str
    off_value: str
    source: str
    mark: Mark

    def meaning(self, body: str, channel: str) -> tuple[bool | None, str]:
        """Read an answer.

        Args:
            body: of the answer.
            channel: whose state.

        Returns:
            On, off, or None if it says neither; and what stood there.
        """
        found = body.strip()
        if self.json_paths:
            try:
                data = json.loads(body)
            except (ValueError, RecursionError):
                return None, "an answer that is no JSON"
            paths = [path.replace(PLACE, channel) for path in self.json_paths]
            values = [value for path in paths for value in look_up(data, path)]
            if not values:
                return None, f"no {' or '.join(paths)} in the answer"
            value = values[0]
            found = value if isinstance(value, str) else json.dumps(value)
        shown = found if len(found) <= 40 else found[:40] + "..."
        if found in {self.on_value, self.off_value}:
            return found == self.on_value, shown
        return None, shown


def look_up(data: Any, path: str) -> list[Any]:
    """Follow a path into parsed JSON.

    Args:
        data: parsed JSON.
        path: as :func:`check_path` accepts.

    Returns:
        The one value that stands there, or nothing.
    """
    for step in path.split("."):
        found = _STEP.fullmatch(step)
        name, key, wanted, number = found.groups() if found else ("", None, None, None)
        if name:
            if not isinstance(data, dict) or name not in data:
                return []
            data = data[name]
        if key is None and number is None:
            continue
        if not isinstance(data, list):
            return []
        if number is not None:
            picked = data[int(number) : int(number) + 1]
        else:
            picked = [d for d in data if isinstance(d, dict) and str(d.get(key)) == wanted][:1]
        if not picked:
            return []
        data = picked[0]
    return [data]


def check_path(text: str) -> str:
    """Check a path into JSON; ``{channel}`` may stand in it.

    Raises:
        ValueError: it is none.
    """
    if not text or any(
        not step or not _STEP.fullmatch(step) for step in text.replace(PLACE, "0").split(".")
    ):
        raise ValueError(_PATH_FORM)
    return text


def read_board(node: YamlNode, name: str, faults: FaultList) -> RelayBoard | None:
    """Read one description; None when something is wrong, which is in ``faults``.

    Args:
        node: the mapping.
        name: of the board, where the file gives it by a key; empty to read it.
        faults: where faults go.
    """
    before = len(faults)
    reader = FieldReader(node, f"relay board {name}" if name else "relay board", faults)
    name = name or reader.text("name", required=True, pattern=r"[a-z0-9_]{1,32}", form="a word")
    title = reader.text("title") or name
    login = reader.choice("login", RelayLogin) or RelayLogin.NONE
    source = reader.text("source", required=True)
    mark = reader.choice("mark", Mark) or Mark.UNVERIFIED
    requests = {key: _request(reader, key) for key in ("on", "off")}
    state = reader.part("state", "state of the relay board")
    if state is None:
        reader.node("state", required=True)
    on_value = off_value = ""
    paths: tuple[str, ...] = ()
    if state is not None:
        requests["state"] = _fields(state)
        paths = _paths(state, faults)
        on_value, off_value = (state.text(key, required=True) for key in ("on", "off"))
        if on_value and on_value == off_value:
            faults.add(
                state.position, "on and off read the same", got=on_value,
                expected="two values that differ", fix="Say what the board answers in each state.",
            )  # fmt: skip
        state.finish()
    reader.finish()
    on, off, read = (requests.get(key) for key in ("on", "off", "state"))
    if len(faults) > before or on is None or off is None or read is None:
        return None
    return RelayBoard(
        name, title, login, on, off, read, paths, on_value, off_value, source, mark
    )  # fmt: skip


def _request(reader: FieldReader, key: str) -> RelayRequest | None:
    part = reader.part(key, f"request {key!r} of the relay board")
    if part is None:
        reader.node(key, required=True)
        return None
    found = _fields(part)
    part.finish()
    return found


def _fields(part: FieldReader) -> RelayRequest | None:
    method = part.choice("method", Method) or Method.GET
    path = part.text("path", required=True, pattern=r"/[!-~]{0,200}", form="a path such as /relay")
    body = part.text("body")
    return RelayRequest(method, path, body) if path else None


def _paths(state: FieldReader, faults: FaultList) -> tuple[str, ...]:
    node = state.node("json")
    if node is None:
        return ()
    nodes = node.items if isinstance(node, YamlList) else (node,)
    found = [parse_text(one, "'json' of the relay's state", check_path, faults) for one in nodes]
    return tuple(path for path in found if path)


@functools.cache
def shipped_boards() -> dict[str, RelayBoard]:
    """The boards that phonerig knows, by name.

    Raises:
        InputErrors: the shipped file is broken.
    """
    faults = FaultList()
    reader = FieldReader(load_yaml(SHIPPED), "list of relay boards", faults)
    boards = [read_board(node, "", faults) for node in reader.items("boards")]
    reader.finish()
    if len(faults):
        raise InputErrors(faults.as_list())
    return {board.name: board for board in boards if board is not None}

"""Paths to names, and names to answers."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from provisioning.render import FileScope, RenderedFile
from provisioning.transport.content import SiteContent, normalise_path

CLIENT = ("192.0.2.7", 1024)


@dataclass(frozen=True)
class File:
    content: bytes
    media_type: str = "text/plain"
    handset: str = "reception"


@pytest.mark.parametrize(
    "path",
    [
        "cfg/a.xml",
        "/cfg/a.xml",
        "//cfg//a.xml",
        "///cfg/./a.xml",
        "/cfg/a.xml?mac=001565123456",
        "/cfg/a.xml?x=../../etc/passwd",
        "/cfg/a.xml#top",
        "/cfg%2Fa.xml",
        "/%63fg/a%2exml",
        "/cfg/a.xml/",
    ],
)
def test_spellings_of_one_name(path: str) -> None:
    assert normalise_path(path) == "cfg/a.xml"


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "/cfg/../a.xml",
        "/cfg/..",
        "/%2e%2e/a",
        "/%2E./a",
        "/..%2fa",
        "/%252e%252e/a",
        "/a%2500",
        "/a%00.xml",
        "/a\0.xml",
        "/a\\b",
        "/..\\a",
        "/%5c..%5ca",
        "/a%0d%0ab",
        "/a\nb",
        "/a%",
        "/a%zz",
        "/%ff",
        "/%c0%ae%c0%ae/a",
        "/\udcff",
        "/a\u2028b",
    ],
)
def test_paths_that_name_nothing(path: str) -> None:
    assert normalise_path(path) is None


def test_an_answer_holds_what_was_rendered() -> None:
    content = SiteContent({"a.cfg": File(b"one")}, clock=lambda: 1000.0)
    answer = content.find("//a.cfg?x", CLIENT, "")
    assert answer is not None
    assert (answer.content, answer.media_type, answer.handset) == (
        b"one",
        "text/plain",
        "reception",
    )
    assert answer.modified_at == 1000.0


def test_rendered_files_are_served_as_they_are() -> None:
    rendered = RenderedFile(
        path="001565123456.cfg",
        content=b"account.1.enable = 1\n",
        media_type="text/plain",
        secret=True,
        scope=FileScope.HANDSET,
        handset="reception",
    )
    answer = SiteContent({rendered.path: rendered}).find("/001565123456.cfg", CLIENT, "")
    assert answer is not None
    assert (answer.content, answer.handset) == (rendered.content, "reception")


@pytest.mark.parametrize("path", ["", "/", "?", "A.CFG", "a.cf", "a.cfg2", "sub/a.cfg", "*"])
def test_only_the_exact_name_is_found(path: str) -> None:
    assert SiteContent({"a.cfg": File(b"one")}).find(path, CLIENT, "") is None


def test_replacing_keeps_the_instant_of_unchanged_files_only() -> None:
    instants = iter([1.0, 2.0])
    content = SiteContent(
        {"same": File(b"s"), "new": File(b"1"), "gone": File(b"g")}, clock=lambda: next(instants)
    )
    content.replace({"same": File(b"s"), "new": File(b"2")})
    assert content.names == ("new", "same")
    same, new = content.find("same", CLIENT, ""), content.find("new", CLIENT, "")
    assert same is not None
    assert new is not None
    assert (same.modified_at, new.modified_at) == (1.0, 2.0)
    assert new.content == b"2"


@pytest.mark.parametrize("name", ["", "/", "../a", "a%20b", "a?b", "a#b", "a\nb", "a\\b"])
def test_a_name_that_nobody_could_ask_for_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be served"):
        SiteContent({name: File(b"")})


def test_a_refused_replacement_leaves_the_old_files() -> None:
    content = SiteContent({"a": File(b"old")})
    with pytest.raises(ValueError, match="cannot be served"):
        content.replace({"a": File(b"new"), "../b": File(b"")})
    answer = content.find("a", CLIENT, "")
    assert answer is not None
    assert answer.content == b"old"


def test_the_alter_hook_changes_what_is_served_and_nothing_else() -> None:
    content = SiteContent(
        {"a": File(b"line=1\n"), "b": File(b"line=1\n")},
        alter=lambda name, octets: octets.replace(b"1", b"2") if name == "a" else octets,
    )
    altered, untouched = content.find("/a", CLIENT, ""), content.find("/b", CLIENT, "")
    assert altered is not None
    assert untouched is not None
    assert altered.content == b"line=2\n"
    assert untouched.content == b"line=1\n"
    assert altered.handset == "reception"
    content.alter = None
    restored = content.find("/a", CLIENT, "")
    assert restored is not None
    assert restored.content == b"line=1\n"


def test_a_successor_keeps_the_instants_of_what_stays_and_leaves_the_first_alone() -> None:
    now = [1000.0]
    first = SiteContent({"a": File(b"one"), "b": File(b"two")}, clock=lambda: now[0])
    now[0] = 2000.0
    second = first.successor({"a": File(b"one"), "b": File(b"changed"), "c": File(b"new")})
    at = {name: second.find(name, CLIENT, "").modified_at for name in second.names}
    assert at == {"a": 1000.0, "b": 2000.0, "c": 2000.0}
    assert first.names == ("a", "b")
    assert first.find("b", CLIENT, "").content == b"two"
    with pytest.raises(ValueError, match="cannot be served"):
        first.successor({"../a": File(b"")})

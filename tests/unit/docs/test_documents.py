"""Documents say what is there: links, files, modules, commands and make targets exist."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from rig.cli import app

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")})

EXAMPLES = {
    "device_profiles/acme/_vendor.yaml",
    "templates/acme",
    "templates/acme/tables.yaml",
    "templates/acme/readback.yaml",
}
"""What a how-to tells the reader to make."""

FOLDERS = tuple(f"{path.name}/" for path in ROOT.iterdir() if path.is_dir())
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
DOTTED = re.compile(r"(?<![\w./])(?:rig|provisioning)(?:\.[A-Za-z_]\w*)+")
COMMAND = re.compile(r"^(?:sudo +)?(?:\.venv/bin/)?phonerig +([a-z][^#\n]*)", re.MULTILINE)
MAKE = re.compile(r"^make ([a-z-]+)", re.MULTILINE)
FORBIDDEN = (
    r"(?<![\w.])/(?:work|tmp|home|root)\b",
    r"\.\./shared",
    r"(?<![\w&])#\d+",
    r"\bissues? +\d",
    r"\bGH-\d",
    r"\b(?:helpers?|subagents?|workplace)\b",
)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(text: str) -> str:
    return FENCE.sub("", text)


def code(text: str) -> str:
    """Everything written as code, one piece a line."""
    return "\n".join((*FENCE.findall(text), *CODE.findall(prose(text))))


def anchors(text: str) -> set[str]:
    """How GitHub names headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in HEADING.findall(prose(text))
    }


def broken_links(path: Path, text: str) -> Iterator[str]:
    for target in LINK.findall(prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        nowhere = not linked.exists()
        if nowhere or (anchor and anchor not in anchors(read(linked))):
            yield target


def missing_files(text: str) -> Iterator[str]:
    for span in CODE.findall(prose(text)):
        for word in re.split(r"[\s,|]+", span):
            name = word.split(":")[0].rstrip("/.")
            if not word.startswith(FOLDERS) or name in EXAMPLES or "<" in word:
                continue
            if not any(ROOT.glob(name)):
                yield word


def missing_names(text: str) -> Iterator[str]:
    for dotted in {match for span in CODE.findall(prose(text)) for match in DOTTED.findall(span)}:
        if (ROOT / dotted).exists():
            continue
        module, *attributes = dotted, *()
        while True:
            try:
                found: object = importlib.import_module(module)
                break
            except ModuleNotFoundError:
                module, _, last = module.rpartition(".")
                attributes.insert(0, last)
                if not module:
                    found = None
                    break
        for attribute in attributes:
            found = getattr(found, attribute, None)
        if found is None:
            yield dotted


def wrong_commands(text: str) -> Iterator[str]:
    tree = typer.main.get_command(app)
    for line in COMMAND.findall(code(text)):
        level = tree
        for word in shlex.split(line.split(",")[0].replace("|", " ")):
            commands = getattr(level, "commands", {})
            if not commands:
                break
            if word not in commands:
                yield line
                break
            level = commands[word]
        known = {option for parameter in level.params for option in parameter.opts}
        for option in re.findall(r"--[a-z][a-z-]*", line):
            if option not in known and option != "--version":
                yield f"{line}: {option}"


def wrong_targets(text: str) -> list[str]:
    targets = re.findall(r"^([a-z][a-z-]*):", read(ROOT / "Makefile"), re.MULTILINE)
    return [target for target in MAKE.findall(code(text)) if target not in targets]


def forbidden_words(text: str) -> list[str]:
    return [
        found[0] for pattern in FORBIDDEN if (found := re.search(pattern, text, re.IGNORECASE))
    ]


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_every_link_leads_somewhere(path):
    assert list(broken_links(path, read(path))) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_every_named_file_exists(path):
    assert list(missing_files(read(path))) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_every_named_module_or_object_exists(path):
    assert list(missing_names(read(path))) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_every_command_can_be_typed(path):
    text = read(path)
    assert list(wrong_commands(text)) == []
    assert wrong_targets(text) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_the_project_speaks_of_itself_alone(path):
    assert forbidden_words(read(path)) == []


def test_the_index_links_every_page():
    index = read(ROOT / "docs" / "index.md")
    linked = {(ROOT / "docs" / target).resolve() for target in LINK.findall(index)}
    models = ROOT / "docs" / "reference" / "models.md"
    linked |= {(models.parent / target).resolve() for target in LINK.findall(read(models))}
    pages = {page for page in (ROOT / "docs").rglob("*.md") if page.name != "index.md"}
    assert pages - linked == set()


def test_decisions_have_all_three_parts():
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert len(pages) >= 10
    for page in pages:
        for part in ("**Context.**", "**Decision.**", "**Consequence.**"):
            assert part in read(page), f"{page.name} lacks {part}"


def test_faulty_documents_are_found_out():
    page = ROOT / "README.md"
    assert list(broken_links(page, "[x](no/such.md) [y](https://example.org)")) == ["no/such.md"]
    assert list(broken_links(page, "[x](#no-such-heading)")) == ["#no-such-heading"]
    assert list(missing_files("`rig/sip/` and `rig/no_such.py`")) == ["rig/no_such.py"]
    assert list(missing_names("`rig.sip.parser` `rig.no_such` `rig.sip.parser.nothing`")) != []
    assert list(missing_names("`rig.handset.base.Handset`")) == []
    assert list(wrong_commands("`phonerig fly high`")) == ["fly high"]
    assert list(wrong_commands("`phonerig demo --no-such x`")) == ["demo --no-such x: --no-such"]
    assert list(wrong_commands("`phonerig capture analyze file.pcapng`")) == []
    assert wrong_targets("run `make coffee`, then `make test`, and make it good") == ["coffee"]
    for text in ("/work/x", "see #12", "issue 7", "../shared/x", "/tmp/x", "a helper"):
        assert forbidden_words(text) != [], text

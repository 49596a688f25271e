"""YAML keeps every scalar as text, knows every place, and refuses what could hurt."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.errors import InputErrors
from provisioning.yaml_source import (
    MAX_DEPTH,
    MAX_NODES,
    YamlList,
    YamlMap,
    YamlNode,
    YamlText,
    load_yaml,
    parse_yaml,
    parse_yaml_collecting,
    to_plain,
)


def faults_of(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(InputErrors) as caught:
        parse_yaml(data, "f.yaml")
    return str(caught.value)


def nodes_of(node: YamlNode) -> int:
    if isinstance(node, YamlMap):
        return 1 + sum(1 + nodes_of(value) for _, value in node.entries)
    if isinstance(node, YamlList):
        return 1 + sum(map(nodes_of, node.items))
    return 1


@pytest.mark.parametrize(
    "scalar",
    ["001565123456", "10:20:30:40:50:55", "0123", "12e456789012", "no", "~", "1_000", "0x1f",
     "2024-01-01", ".inf", "=", "+49 30 23125 101"],
)  # fmt: skip
def test_a_scalar_stays_the_text_it_was(scalar: str) -> None:
    assert to_plain(parse_yaml(f"k: {scalar}\n".encode(), "f")) == {"k": scalar}


def test_every_node_knows_its_place() -> None:
    root = parse_yaml("ä: [1, 'zwei']\nb:\n  c: x\n".encode(), "f.yaml")
    assert isinstance(root, YamlMap)
    (key, items), (_, inner) = root.entries
    assert str(key.position) == "f.yaml:1:1"
    assert [str(item.position) for item in items.items] == ["f.yaml:1:5", "f.yaml:1:8"]
    assert [item.plain for item in items.items] == [True, False]
    value = inner.get("c")
    assert isinstance(value, YamlText)
    assert str(value.position) == "f.yaml:3:6"
    assert inner.get("d") is None


def test_a_key_given_twice_names_both_places() -> None:
    text = faults_of("a:\n  port: 1\n  host: x\n  port: 2\n")
    assert "f.yaml:4:3: key 'port' is given twice" in text
    assert "f.yaml:2:3" in text


def test_a_quoted_merge_sign_is_a_key_like_others() -> None:
    assert to_plain(parse_yaml(b"'<<': 1\na: 2\n", "f")) == {"<<": "1", "a": "2"}
    assert "key is given twice" in faults_of("'<<': 1\n'<<': 2\n")


def test_a_duplicate_does_not_hide_the_next_fault() -> None:
    _, faults = parse_yaml_collecting(b"a: 1\na: 2\nb: !x 3\nc: *97\n", "f")
    assert [fault.position.line for fault in faults] == [2, 3, 4]


@pytest.mark.parametrize("value", ["*97", "*97#", "*"])
def test_an_unquoted_feature_code_is_told_to_be_quoted(value: str) -> None:
    assert 'quotes, for example "*97"' in faults_of(f"k: {value}\nl: 1\n")


@pytest.mark.parametrize("value", ["*97", "*97#", "#97"])
def test_a_quoted_feature_code_is_text(value: str) -> None:
    assert to_plain(parse_yaml(f"k: '{value}'".encode(), "f")) == {"k": value}


@pytest.mark.parametrize(
    "value",
    ["!!python/object:os.system x", "!!python/object/apply:os.system [x]", "!x y", "!!str y",
     "!<tag:y.example,2000:z> y", "!!binary aGk=", "!!set {a}"],
)  # fmt: skip
def test_every_tag_is_refused(value: str) -> None:
    assert "YAML tags are refused" in faults_of(f"k: {value}\n")


def test_an_alias_stands_for_its_anchor() -> None:
    assert to_plain(parse_yaml(b"a: &x [1, 2]\nb: *x\n", "f")) == {
        "a": ["1", "2"],
        "b": ["1", "2"],
    }


def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "too many values" in faults_of("\n".join(lines))


def test_ten_thousand_handsets_with_line_keys_are_read() -> None:
    """What an alias stands for counts as if it were written out."""
    keys = ", ".join(f"{{kind: blf, value: {n}, label: N{n}}}" for n in range(8))
    rows = [f"  - {{name: h{n}, model: M, mac: m{n}, accounts: [{n}]}}" for n in range(1, 10_000)]
    root = parse_yaml(
        "\n".join(
            [
                f"keys: &keys [{keys}]",
                "handsets:",
                "  - {name: h0, line_keys: *keys}",
                *(f"{row[:-1]}, line_keys: *keys}}" for row in rows),
            ]
        ).encode(),
        "f.yaml",
    )
    assert isinstance(root, YamlMap)
    handsets = root.get("handsets")
    assert isinstance(handsets, YamlList)
    assert len(handsets.items) == 10_000
    assert nodes_of(root) > 650_000


@pytest.mark.parametrize("spare", [0, -1])
def test_the_most_nodes_are_read_and_not_one_more(spare: int) -> None:
    block = 1_000  # the anchored list and its elements
    aliases = MAX_NODES // block - 2
    # root mapping, two keys, the second list
    rest = MAX_NODES - (aliases + 1) * block - 4 - spare
    items = ["*x"] * aliases + ["y"] * rest
    text = f"a: &x [{', '.join(['x'] * (block - 1))}]\nb: [{', '.join(items)}]\n"
    if spare < 0:
        assert f"f.yaml:2:{len(text.splitlines()[1]) - 1}: too many values" in faults_of(text)
    else:
        assert nodes_of(parse_yaml(text.encode(), "f.yaml")) == MAX_NODES


def test_aliases_cannot_nest_deeper_than_brackets() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 40)]
    assert "too deep nesting by an alias" in faults_of("\n".join(lines))


def test_an_anchor_inside_itself_is_refused() -> None:
    assert "no anchor of that name" in faults_of("a: &x [*x]")


def test_deep_nesting_is_refused() -> None:
    assert "too deep nesting" in faults_of("[" * 100_000)
    assert parse_yaml(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "f") is not None


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"a: 1\n---\nb: 2\n", "f.yaml:2:1: a second YAML document"),
        (b"a: b: c\n", "f.yaml:1:5: this is not YAML"),
        (b"a:\n\tb: 1\n", "spaces, not tabs"),
        (b'a: "x\n', "this is not YAML"),
        (b"a: 1\n<<: {b: 2}\n", "f.yaml:2:1: merge keys"),
        (b"? [a]\n: b\n", "f.yaml:1:3: a key is not text"),
        (b"a: x\x00y", "f.yaml:1:5: the file holds a character that no text file has; got NUL"),
        (b"a: x\n\x1b[2J", "f.yaml:2:1: the file holds a character that no text file has"),
        ("näme: Müller".encode("latin-1"), "f.yaml:1:2: the file is not UTF-8; got byte 0xe4"),
        (b"\xef\xbb\xbfa\n: \xff", "f.yaml:2:3: the file is not UTF-8"),
        ("a: 1".encode("utf-16"), "UTF-16"),
        (b"\x7fELF\x02\x01\x01", "no text file has"),
    ],
)
def test_what_is_no_yaml_is_told_so(data: bytes, part: str) -> None:
    assert part in faults_of(data)


@pytest.mark.parametrize(
    "text",
    ["password: *hunter2\n", "password: !hunter2 x\n", "password: {hunter2: 1, hunter2: 2}\n",
     "password: 'hunter2\n", "password: [hunter2\n", "password: @hunter2\n",
     "password: hunter2: x\n", "password: !!hunter2\n", "password: !h!hunter2 x\n",
     "password: &hunter2\n*hunter2x: 1\n"],
)  # fmt: skip
def test_a_fault_never_shows_a_secret(text: str) -> None:
    assert "hunter2" not in faults_of(text)


def test_a_byte_order_mark_is_no_text() -> None:
    assert to_plain(parse_yaml(b"\xef\xbb\xbfa: 1", "f")) == {"a": "1"}


def test_a_missing_file_is_an_input_error(tmp_path) -> None:
    with pytest.raises(InputErrors, match="cannot be read"):
        load_yaml(tmp_path / "none.yaml")
    with pytest.raises(InputErrors, match="not a file"):
        load_yaml(tmp_path)


def test_a_device_is_not_read() -> None:
    with pytest.raises(InputErrors, match="not a file"):
        load_yaml(Path("/dev/zero"))


def test_a_huge_file_is_refused(tmp_path) -> None:
    file = tmp_path / "big.yaml"
    with file.open("wb") as out:
        out.truncate(9 * 1024 * 1024)
    with pytest.raises(InputErrors, match="too large"):
        load_yaml(file)

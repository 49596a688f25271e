"""Tables: same rules as YAML, places down to the cell, and clear words for bad files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.csv_import import (
    HANDSET_COLUMNS,
    USER_COLUMNS,
    load_handsets_csv,
    load_users_csv,
    parse_csv,
)
from provisioning.errors import InputErrors
from provisioning.inventory import ModelLimits, load_site
from provisioning.yaml_source import to_plain

SITE = """\
site:
  name: T
  demo: true
  domain: t.example
  voice_portal_number: "*97"
  provisioning: {url: http://t.example/}
  admin_password: demo:aa
import: {users: users.csv, handsets: phones.csv}
"""


def rows(text: str | bytes, columns: tuple[str, ...] = USER_COLUMNS) -> list[object]:
    data = text if isinstance(text, bytes) else text.encode()
    return [to_plain(row) for row in parse_csv(data, "t.csv", columns)]


def faults(text: str | bytes) -> str:
    with pytest.raises(InputErrors) as caught:
        rows(text)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "sep={}\n"])
def test_both_separators_line_ends_and_a_byte_order_mark(
    separator: str, line_end: str, start: str
) -> None:
    lines = ["name;number;mailbox.pin", '"Groß; Ä, ""B""";030 1;demo:1', ";;", "", "C;2;"]
    text = line_end.join(line.replace(";", separator) for line in lines)
    assert rows(start.format(separator) + text) == [
        {
            "name": f'Groß{separator} Ä, "B"',
            "number": "030 1",
            "mailbox": {"pin": "demo:1"},
        },
        {"name": "C", "number": "2"},
    ]


def test_values_stay_text() -> None:
    table = "name,mac,accounts\nno,001565123456,0101 | 102|\n"
    assert rows(table, HANDSET_COLUMNS) == [
        {"name": "no", "mac": "001565123456", "accounts": ["0101", "102"]}
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("nmae;number\n", "t.csv:1:1: column 1 has no known name; got 'nmae'"),
        ("nmae;number\n", "Did you mean 'name'?"),
        ("name;number;name\n", "t.csv:1:13: column 'name' is there twice"),
        ("Anna;+49301;hunter2\n", "Is the header line missing?"),
        ("name;number\nAnna;1;hunter2\n", "t.csv:2:1: the row does not fit the header"),
        ('name;number\nAnna;"1\n', "t.csv:2:6: a quoted cell does not end"),
        ('name;number\n"A"nna;1\n', "t.csv:2:1: a quoted cell does not end"),
        ('name;number\nA"n"na;1\n', "t.csv:2:1: a quoted cell does not end"),
        ("name;number\nAn\rna;1\n", "t.csv:2:1: a carriage return stands in a cell"),
        (b"name;number\nAnna;\x001\n", "t.csv:2:6: the file holds a character"),
        ("name;number\nJörg;1\n".encode("latin-1"), "t.csv:2:2: the file is not UTF-8"),
        ("name;number\nJörg;1\n".encode("latin-1"), "Latin-1 or Windows-1252"),
        ("name;number\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_a_bad_table_is_explained(text: str | bytes, expected: str) -> None:
    assert expected in faults(text)


def test_all_faults_of_a_table_come_at_once() -> None:
    found = faults('name;number\na;b;c\n"x;1\na\n')
    assert [line.split(": ")[0] for line in found.splitlines()] == [
        "t.csv:2:1",
        "t.csv:3:1",
        "t.csv:4:1",
    ]


def test_a_site_with_tables(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    (tmp_path / "users.csv").write_text(
        "name;number;extension;sip.password;mailbox.pin;mailbox.aliases;"
        "forwarding.busy.target;forwarding.busy.at\n"
        "Anna;030 23125 101;101;demo:x;demo:135791;0211-1111|0211-2222;102;handset\n"
        "Bernd;030 23125 102;102;demo:x;;;;\n"
    )
    (tmp_path / "phones.csv").write_text("mac;name;model;accounts\n001565123456;p1;T46U;101|102\n")
    site = load_site(tmp_path / "site.yaml")
    anna = site.user("101")
    assert anna.mailbox is not None
    assert anna.mailbox.aliases == ("+492111111", "+492112222")
    assert site.intent("p1").accounts[0].diverts.busy.target == "+493023125102"
    assert [account.display_name for account in site.intent("p1").accounts] == ["Anna", "Bernd"]


USERS = "name;number;extension;sip.password\nJürgen;030 23125 101;101;demo:x\n"
"""A table of users that is right."""


@pytest.mark.parametrize(
    ("users", "fault"),
    [
        (USERS.encode("cp1252"), "users.csv:2:2: the file is not UTF-8; got byte 0xfc"),
        (USERS.encode("utf-16"), "users.csv:1:1: the file is UTF-16 or UTF-32"),
        (b"", "users.csv: the file is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "users.csv:1:1: the file is a workbook of an old Excel"),
        (b"PK\x03\x04\x14\0", "users.csv:1:1: the file is a workbook or another archive"),
        (USERS.encode() + b"Bo;1\n", "users.csv:3:1: the row does not fit the header"),
    ],
)
def test_an_unreadable_table_of_users_is_not_hidden_by_all_who_name_them(
    tmp_path: Path, users: bytes, fault: str
) -> None:
    also = "hunt_groups: [{name: G, number: 030 23125 120, members: [101]}]\n"
    (tmp_path / "site.yaml").write_text(SITE + also)
    (tmp_path / "users.csv").write_bytes(users)
    (tmp_path / "phones.csv").write_text(
        "name;mac;model;accounts\np;001565123456;T46U;101\nq;00156512345;T46U;102\n"
    )
    with pytest.raises(InputErrors) as caught:
        load_site(tmp_path / "site.yaml")
    texts = [str(found) for found in caught.value.faults]
    assert len(texts) == 2
    assert "phones.csv:3:3: 'mac' of the handset is wrong" in texts[0]
    assert fault in texts[1]


def test_faults_of_yaml_and_tables_come_together(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE.replace("domain:", "domian:"))
    (tmp_path / "users.csv").write_text(
        "name;number;sip.password\nA;23125;hunter2\nB;4,93E+12;demo:x\n"
    )
    (tmp_path / "phones.csv").write_text(
        "name;mac;model;accounts\np;001565123456;T1;7\nq;001565123456;T46U;\n"
    )
    with pytest.raises(InputErrors) as caught:
        load_site(tmp_path / "site.yaml", models={"T46U": ModelLimits(1, 1)})
    text = str(caught.value)
    assert "hunter2" not in text
    for part in (
        "site.yaml:2:3: the site has no 'domain'",
        "users.csv:2:3: 'number' of the user: the number has no area code",
        "users.csv:2:9: 'password' of the sip part: a secret is written out",
        "users.csv:3:3: 'number' of the user: a spreadsheet turned the number into",
        "phones.csv:2:16: unknown model",
        "phones.csv:2:19: the account names no user",
        "phones.csv:3:3: two handsets have the MAC",
        "phones.csv:3:1: the handset has no 'accounts'",
    ):
        assert part in text


def test_a_missing_table_points_at_the_table(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    with pytest.raises(InputErrors, match=r"users\.csv: the file cannot be read"):
        load_site(tmp_path)


def test_tables_alone(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("name;number\nA;1\n")
    assert [to_plain(node) for node in load_users_csv(table)] == [{"name": "A", "number": "1"}]
    table.write_text("name;mac\nA;1\n")
    assert [to_plain(node) for node in load_handsets_csv(table)] == [{"name": "A", "mac": "1"}]


@given(
    cells=st.lists(
        st.text(
            st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=9
        ),
        min_size=2,
        max_size=2,
    )
)
def test_any_quoted_text_comes_back(cells: list[str]) -> None:
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    expected = {
        name: cell.strip()
        for name, cell in zip(("name", "number"), cells, strict=True)
        if cell.strip()
    }
    assert rows(f"name,number\n{quoted}\n") == ([expected] if expected else [])

"""Workbooks: the same rules as CSV, places down to the cell, and nothing lost in silence."""

from __future__ import annotations

import datetime as dt
import io
import zipfile

import openpyxl
import pytest

from provisioning.errors import InputErrors
from provisioning.inventory import ModelLimits, load_site
from provisioning.xlsx_import import load_handsets_xlsx, load_users_xlsx
from provisioning.yaml_source import to_plain

SITE = """\
site:
  name: T
  demo: true
  domain: t.example
  voice_portal_number: "*97"
  provisioning: {url: http://t.example/}
  admin_password: demo:aa
import: {users: People.XLSX, handsets: phones.xlsx}
"""
USERS = [
    ["name", "number", "extension", "sip.password", "mailbox.pin", "dnd", None],
    ["Groß, Änne", "+49 30 23125 101", 101, "demo:quitte-1", "demo:748159", True, "ignored"],
    [None, None, None, None, None, None, None],
    ["Bo", "+49 30 23125 102", 102.0, "demo:quitte-2", None, False, None],
]


def workbook(path, rows, *, sheet=None, before=()):
    book = openpyxl.Workbook()
    for number, name in enumerate([*before, sheet]):
        page = book.active if number == 0 else book.create_sheet()
        if name:
            page.title = name
    for row in rows:
        page.append(row)
    book.save(path)
    return path


def faults(load, path):
    with pytest.raises(InputErrors) as caught:
        load(path)
    return [str(fault).replace(f"{path.parent}/", "") for fault in caught.value.faults]


def test_rows_become_what_csv_would_give(tmp_path):
    rows = load_users_xlsx(workbook(tmp_path / "u.xlsx", USERS))
    assert [to_plain(row) for row in rows] == [
        {
            "name": "Groß, Änne",
            "number": "+49 30 23125 101",
            "extension": "101",
            "sip": {"password": "demo:quitte-1"},
            "mailbox": {"pin": "demo:748159"},
            "dnd": "true",
        },
        {
            "name": "Bo",
            "number": "+49 30 23125 102",
            "extension": "102",
            "sip": {"password": "demo:quitte-2"},
            "dnd": "false",
        },
    ]
    position = rows[1].get("name").position
    assert (position.line, position.column) == (4, 1)


def test_a_whole_site_of_two_workbooks(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    workbook(tmp_path / "People.XLSX", USERS)
    workbook(
        tmp_path / "phones.xlsx",
        [["name", "mac", "model", "accounts"], ["anna", "80:5e:c0:1a:2b:01", "T46U", "101|102"]],
        sheet="handsets",
        before=["Notes"],
    )
    site = load_site(tmp_path / "site.yaml", models={"T46U": ModelLimits(16, 27)})
    assert [ref.user for ref in site.handset("anna").accounts] == [
        "+493023125101",
        "+493023125102",
    ]


def test_faults_of_values_point_at_row_and_column(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    workbook(tmp_path / "People.XLSX", USERS)
    workbook(
        tmp_path / "phones.xlsx",
        [["name", "mac", "model", "accounts"], ["anna", "80:5e", "T99", "101"]],
    )
    found = faults(
        lambda path: load_site(path, models={"T46U": ModelLimits(16, 27)}), tmp_path / "site.yaml"
    )
    assert any(fault.startswith("phones.xlsx:2:2: ") for fault in found)
    assert any(fault.startswith("phones.xlsx:2:3: unknown model; got 'T99'") for fault in found)


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("mac", 805012345678, "a number"),
        ("mac", 8.05e11, "a number"),
        ("name", 1.5, "a number"),
        ("name", dt.datetime(2026, 1, 2, tzinfo=None), "a date"),  # noqa: DTZ001 - a spreadsheet's date has no zone
        ("name", dt.time(1, 2), "a date"),
    ],
)
def test_what_a_spreadsheet_may_have_changed_is_refused(tmp_path, column, value, kind):
    path = workbook(tmp_path / "p.xlsx", [["vendor", column], ["v", value]])
    (fault,) = faults(load_handsets_xlsx, path)
    assert fault.startswith(f"p.xlsx:2:2: the cell of {column} is {kind}; expected text")


def test_numbers_of_people_are_not_shown_when_they_are_refused(tmp_path):
    path = workbook(tmp_path / "u.xlsx", [["name", "sip.password"], ["a", 4711], ["b", 815]])
    found = faults(load_users_xlsx, path)
    assert len(found) == 2
    assert not any("4711" in fault or "815" in fault for fault in found)


def test_an_unknown_column_names_the_near_one(tmp_path):
    path = workbook(tmp_path / "u.xlsx", [["name", "numbr"], ["a", "1"]])
    (fault,) = faults(load_users_xlsx, path)
    assert "Did you mean 'number'?" in fault


def packed(*files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"name;number", "this is no workbook"),
        (b"", "this is no workbook"),
        (b"PK\x03\x04 and then the disk was full", "this is no whole workbook"),
        (packed(("a.xml", "<a/>")), "the workbook cannot be read"),
        (packed(("a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a/>')), "declares entities"),
        (packed(("a.xml", b"\0" * (129 << 20))), "unpacks to more than"),
    ],
    ids=["csv", "empty", "half", "no sheets", "entities", "bomb"],
)
def test_what_is_no_workbook_is_refused_in_words(tmp_path, content, text):
    path = tmp_path / "u.xlsx"
    path.write_bytes(content)
    (fault,) = faults(load_users_xlsx, path)
    assert fault.startswith("u.xlsx")
    assert text in fault


def test_an_empty_sheet_is_a_fault(tmp_path):
    assert any(
        "empty" in fault for fault in faults(load_users_xlsx, workbook(tmp_path / "u.xlsx", []))
    )

"""What the verbs share: safe text, tables without markup, addresses, folders, log lines."""

from __future__ import annotations

import io
import json
import logging

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from provisioning.errors import InputErrors, InputFault, Position, RigError, UsageError
from rig.commands import common
from rig.loopback import read_address


@given(st.text())
def test_clean_text_is_one_printable_line(text):
    assert common.clean(text).isprintable()


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"])))
def test_printable_text_is_left_alone(text):
    assert common.clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb", "a\\nb"),
        ("\u202egnp", "\\u202egnp"),
        ("\udc9b", "\\udc9b"),
        ("Groß", "Groß"),
    ],
)
def test_what_is_escaped(text, shown):
    assert common.clean(text) == shown


def test_say_takes_neither_markup_nor_emoji(capsys):
    common.say("[red]x[/red] :bomb: [link=http://x]y")
    assert capsys.readouterr().out == "[red]x[/red] :bomb: [link=http://x]y\n"


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "Groß"), ("ascii", "Gro\\xdf")])
def test_what_is_said_often_is_as_safe_in_every_encoding(monkeypatch, encoding, shown):
    octets = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(octets, encoding=encoding))
    common.say_often("[red]Groß\x1b[31m\nb")
    assert octets.getvalue().decode(encoding) == f"[red]{shown}\\x1b[31m\\nb\n"


def test_table_cells_take_no_markup_and_lose_nothing(capsys):
    number = "+49" + "0123456789" * 40
    common.show_table(("a", "b"), [("[red]x", "two\nlines"), (number, "\x1b[2J")])
    shown = capsys.readouterr().out
    assert "[red]x" in shown
    assert "\x1b[2J" not in shown
    column = "".join(line[:150].split("\\x1b")[0] for line in shown.splitlines())
    assert number in "".join(character for character in column if character in "+0123456789")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:5070", ("127.0.0.1", 5070)),
        ("sip.example", ("sip.example", 5060)),
        ("h:65535", ("h", 65535)),
    ],
)
def test_addresses(text, address):
    assert read_address(text, "--registrar") == address


@pytest.mark.parametrize(
    "text", ["", ":1", "h:", "h:0", "h:65536", "h:-1", "h:\u0661", "a:b:1", "::1"]
)
def test_no_addresses(text):
    with pytest.raises(UsageError, match=r"--registrar is .*; expected"):
        read_address(text, "--registrar")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (RigError("port\nin use"), 3, "port\\nin use"),
        (UsageError("[bold]no"), 2, "[bold]no"),
    ],
)
def test_an_error_is_one_line_and_its_exit_code(capsys, error, code, line):
    with pytest.raises(typer.Exit) as leaving, common.clear_errors():
        raise error
    assert leaving.value.exit_code == code
    assert capsys.readouterr().err == f"{line}\n"


def test_faults_are_data_with_json(capsys):
    fault = InputFault(Position("a.yaml", 3, 5), "wrong", got="1", expected="2", fix="Do.")
    with pytest.raises(typer.Exit), common.clear_errors(as_json=True):
        raise InputErrors([fault])
    printed = capsys.readouterr()
    data = json.loads(printed.out)["faults"]
    assert data == [
        {
            "file": "a.yaml",
            "line": 3,
            "column": 5,
            "what": "wrong",
            "got": "1",
            "expected": "2",
            "fix": "Do.",
        }
    ]
    assert "a.yaml:3:5: wrong" in printed.err


def test_a_fault_of_ours_is_not_hidden(capsys):
    with pytest.raises(KeyError), common.clear_errors():
        raise KeyError("x")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("wish", "shown"), [("0", False), ("1", True)])
def test_a_log_record_is_one_line_and_its_traceback_is_for_debugging(
    capsys, monkeypatch, wish, shown
):
    monkeypatch.setenv(common.DEBUG_VARIABLE, wish)
    try:
        int("x")
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
    common.LogLines().handle(
        logging.LogRecord("x", logging.ERROR, "x.py", 1, "from %s", ("\x1b[31mme",), trace)
    )
    text = capsys.readouterr().err
    assert text.splitlines()[0] == "error: from \\x1b[31mme"
    assert ("Traceback" in text) is shown


def test_a_folder_for_reports_is_made_or_refused(tmp_path):
    common.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "way").write_text("")
    with pytest.raises(UsageError, match="name another folder by --out"):
        common.make_folder(tmp_path / "way" / "b")


@pytest.mark.parametrize(("count", "words"), [(0, "0 aliases"), (1, "1 alias"), (2, "2 aliases")])
def test_counting(count, words):
    assert common.several(count, "alias", "aliases") == words

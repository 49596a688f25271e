"""Whatever stands in an inventory, it loads or it is refused with places: nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from provisioning.csv_import import HANDSET_COLUMNS, USER_COLUMNS, parse_csv
from provisioning.device_profile import shipped_profiles
from provisioning.errors import InputErrors
from provisioning.identity import Clues, KnownHandset, KnownHandsets, identify
from provisioning.inventory import ModelLimits, parse_site
from provisioning.inventory_site import Site
from provisioning.model_marks import ModelMarks
from provisioning.resources import demo_site_dir
from provisioning.transport.dhcp_packet import parse_dhcp

PATH = demo_site_dir() / "site.yaml"
DEMO = PATH.read_text(encoding="utf-8")
MARKS = ModelMarks(shipped_profiles().values())
MODELS = {"T46U": ModelLimits(16, 27), "D785": ModelLimits(12, 24), "VVX450": ModelLimits(12, 12)}
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "*97", "!x", "&a", "*a", "'", '"', "[", "]", "{", "}", ": ", "- ", "\t", "#", "|",
         ">", "---", "...", "%TAG", "? ", "<<: ", "\ufeff", "\x00", "\r", "\u2028", "\x85", "~",
         "0", "-1", "9" * 30, "1e999", "demo:", "env:", "file:", "file:/dev/zero", "file:..",
         "sealed:x", "+49", "+", "00", "101", "site", "users", "handsets", "import"]
    ),
)  # fmt: skip


T = TypeVar("T")


def attempt(parse: Callable[[], T]) -> T | None:
    """What ``parse`` gives, or None when it refuses in the right way."""
    try:
        return parse()
    except InputErrors as error:
        faults = error.faults
    assert faults
    for fault in faults:
        assert fault.position.file
        assert fault.what
        assert not set(str(fault)) & set("\n\r\x1b\x00\u2028")
    return None


def load(data: bytes) -> Site | None:
    return attempt(lambda: parse_site(data, PATH, models=MODELS))


@FUZZ
@given(data=st.binary(max_size=300))
@example(b"\xff")
@example(b"a: \xef\xbb\xbf")
@example(b"&a [*a]")
@example(b"[" * 5000)
@example(b"{" * 5000)
@example(b"- " * 5000)
@example(b"? " * 5000)
@example(b"&a : *a")
@example(b"*a : &a")
@example(b"!<" + b"!" * 1000)
@example(b"%YAML 9.9\n---\na")
@example(b"a: |9999999999\n x")
@example(b'"\\U00110000"')
@example(b'"\\ud800"')
@example(b'a: "\\ud800"')
def test_arbitrary_bytes(data: bytes) -> None:
    assert load(data) is None


@FUZZ
@given(parts=st.lists(VALUES, max_size=30))
def test_arbitrary_yaml_tokens(parts: list[str]) -> None:
    text = " ".join(parts)
    assert load(text.encode("utf-8", "surrogatepass")) is None


@FUZZ
@given(data=st.data())
def test_a_damaged_site_loads_or_is_refused(data: st.DataObject) -> None:
    lines = DEMO.split("\n")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        action = data.draw(st.sampled_from(["drop", "double", "swap", "value", "cut", "insert"]))
        line = lines[at]
        if action == "drop":
            lines[at] = ""
        elif action == "double":
            lines.insert(at, line)
        elif action == "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], line
        elif action == "value":
            lines[at] = line.partition(":")[0] + ": " + data.draw(VALUES)
        elif action == "cut":
            lines[at] = line[: data.draw(st.integers(0, len(line)))]
        else:
            place = data.draw(st.integers(0, len(line)))
            lines[at] = line[:place] + data.draw(VALUES) + line[place:]
    site = load("\n".join(lines).encode("utf-8", "surrogatepass"))
    if site is not None:
        for handset in site.handsets:
            intent = site.intent(handset.name)
            assert [account.index for account in intent.accounts] == list(
                range(1, len(handset.accounts) + 1)
            )


@FUZZ
@given(data=st.binary(max_size=200), handsets=st.booleans())
@example(data=b"name\xff", handsets=False)
@example(data=b'name\n"', handsets=False)
@example(data=b"sep=;", handsets=False)
def test_arbitrary_tables(data: bytes, handsets: bool) -> None:
    columns = HANDSET_COLUMNS if handsets else USER_COLUMNS
    rows = attempt(lambda: parse_csv(data, "t.csv", columns))
    assert rows is None or len(rows) <= data.count(b"\n")


@FUZZ
@given(
    rows=st.lists(st.lists(VALUES, min_size=4, max_size=4), max_size=5),
    separator=st.sampled_from([",", ";"]),
)
def test_arbitrary_rows(rows: list[list[str]], separator: str) -> None:
    header = ["name", "number", "sip.password", "mailbox.aliases"]
    text = "\n".join(separator.join(row) for row in [header, *rows])
    data = text.encode("utf-8", "surrogatepass")
    nodes = attempt(lambda: parse_csv(data, "t.csv", USER_COLUMNS))
    assert nodes is None or len(nodes) <= text.count("\n")


@FUZZ
@given(
    path=st.text(max_size=80),
    agent=st.text(max_size=80),
    certificate=st.text(max_size=40),
    vendor_class=st.text(max_size=40),
)
def test_an_arbitrary_request_identifies_nobody(
    path: str, agent: str, certificate: str, vendor_class: str
) -> None:
    known = [KnownHandset("a", parse_site(DEMO.encode(), PATH).handsets[0].mac, "T46U")]
    clues = Clues(path, agent, certificate, vendor_class)
    assert identify(clues, KnownHandsets(known), MARKS).handset == ""


@FUZZ
@given(data=st.binary(max_size=300), head=st.booleans())
def test_arbitrary_datagrams_to_dhcp(data: bytes, head: bool) -> None:
    message = bytes([1, 1, 6, *bytes(233), 99, 130, 83, 99]) + data if head else data
    said = parse_dhcp(message)
    assert said is None or len(said.vendor_class) <= len(data)


@pytest.mark.parametrize("scheme", ["env", "file", "sealed", "demo", ""])
def test_a_planted_secret_never_shows(scheme: str, tmp_path: Path) -> None:
    canary = "c4n4ry.hunter2"
    reference = f"{scheme}:{canary}" if scheme else canary
    text = DEMO.replace("  demo: true\n", "")
    text = re.sub(r"demo:[^\s,}]+", reference, text)
    assert text.count(reference) > 10
    with pytest.raises(InputErrors) as caught:
        parse_site(text.encode(), tmp_path / "s.yaml")
    # a `file:` reference names a place, which is no secret and is shown on purpose
    assert (canary in str(caught.value)) is (scheme == "file")

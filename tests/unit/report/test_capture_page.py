"""The page of a capture: lanes by host, tables that can be read on a telephone, two languages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from lxml import html

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))
sys.path.insert(0, str(Path(__file__).parents[1] / "capture"))

from talk import PHONE, Talk
from test_fetch_findings import OWN, Wire

from rig.capture.analysis import analyse_capture
from rig.capture.export import export_packets
from rig.commands.capture_output import capture_data
from rig.report.capture_page import write_capture_page
from rig.report.record import event_data


def page(talk: Talk, folder: Path, lang: str = "en") -> html.HtmlElement:
    export_packets(folder / "c.pcapng", talk.packets, with_secrets=True)
    result = analyse_capture(folder / "c.pcapng")
    events = [data for event in result.events if (data := event_data(event))]
    write_capture_page(capture_data(result), events, folder / "c.html", lang=lang)
    return html.document_fromstring((folder / "c.html").read_text(encoding="utf-8"))


def lanes(tree: html.HtmlElement) -> list[str]:
    return list(tree.xpath("//*[@class='head']/*[@class='who']/text()"))


def fetching(talk: Talk, host: str = PHONE[0]) -> Talk:
    """The same phone fetches its files, from a new port each time."""
    wire = Wire()
    wire.at = talk.now + 1
    wire.booted()
    for one in wire.packets:
        ends = [
            (host, p) if h == "192.0.2.7" else (h, p) for h, p in (one.source, one.destination)
        ]
        talk.packets.append(
            type(one)(
                at=one.at, tap=one.tap, transport=one.transport, source=ends[0],
                destination=ends[1], payload=one.payload, number=len(talk.packets) + 1,
            )
        )  # fmt: skip
    return talk


def test_a_phone_has_one_lane_whatever_ports_it_fetches_from(tmp_path: Path) -> None:
    tree = page(fetching(Talk().healthy()), tmp_path)
    assert lanes(tree) == ["192.0.2.10", "192.0.2.1", "provisioning"]


def test_a_host_with_two_sip_ports_keeps_two_lanes(tmp_path: Path) -> None:
    talk = Talk().healthy()
    other = (PHONE[0], 5070)
    for one in talk.packets[:2]:
        ends = [other if end == PHONE else end for end in (one.source, one.destination)]
        talk.put(one.payload.replace(b"branch=", b"branch=z9hG4bKx"), *ends)
    tree = page(fetching(talk), tmp_path)
    assert lanes(tree) == ["192.0.2.10:5060", "192.0.2.1", "192.0.2.10:5070", "provisioning"]


@pytest.mark.parametrize("lang", ["en", "de"])
def test_every_cell_of_a_table_that_is_stacked_says_what_it_is(tmp_path: Path, lang: str) -> None:
    """Where a page is narrow the head of such a table is not seen."""
    talk = Talk().register().subscribe().notify(body=b"Messages-Waiting: no")
    tree = page(fetching(talk), tmp_path, lang)
    stacked = tree.xpath("//table[@class='stack']")
    assert len(stacked) == 2
    for table in stacked:
        heads = [cell.text_content() for cell in table.xpath(".//th")]
        for row in table.xpath(".//tr[td]"):
            cells = row.xpath("td")
            assert len(cells) == len(heads)
            named = [cell.get("data-head") for cell in cells]
            assert [n for n in named if n] == [h for n, h in zip(named, heads, strict=True) if n]
            numbers = [c for c in cells if c.text_content().strip().isdigit()]
            assert all(cell.get("data-head") for cell in numbers)
    assert OWN in tree.text_content()


def test_the_ladder_of_a_capture_speaks_the_language_of_the_page(tmp_path: Path) -> None:
    tree = page(fetching(Talk().healthy().wait(30).register(call="again")), tmp_path, "de")
    drawn = tree.xpath("//*[local-name()='svg']")[0].text_content()
    assert "vergehen" in drawn
    assert "Provisionierung" in drawn
    assert " pass" not in drawn


@pytest.mark.parametrize(
    ("wait_s", "lang", "badge"),
    [(0.0, "en", "pass"), (5.0, "en", "to be checked"), (5.0, "de", "zu prüfen")],
)
def test_a_page_with_warnings_does_not_say_pass(
    wait_s: float, lang: str, badge: str, tmp_path: Path
) -> None:
    """A subscription of which no NOTIFY came breaks no rule yet, but is the cause."""
    talk = Talk().register().subscribe().wait(wait_s)
    if wait_s:
        talk.alive(("192.0.2.99", 5060))
    else:
        talk.notify()
    tree = page(talk, tmp_path, lang)
    assert tree.xpath("//header//*[contains(@class, 'badge')]/text()") == [badge]

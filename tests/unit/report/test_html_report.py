"""The page: self-contained, safe with hostile text, complete, and its ladder in order."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import itertools
import re
from pathlib import Path

import pytest
from lxml import etree, html
from report_kit import (
    CALLER,
    NAMES,
    PHONE,
    PIN,
    PLATFORM,
    RELAY,
    START,
    VERDICTS,
    Story,
    notify,
    run_record,
    scenario,
    sip,
)

from provisioning.profile_model import Maturity
from rig.errors import UsageError
from rig.report.html_report import write_html
from rig.report.ladder_layout import lay_out, message_anchors
from rig.report.ladder_svg import draw
from rig.report.record import RunRecord, ScenarioRecord, scenario_record
from rig.report.words import words
from rig.report.write import write_reports
from rig.scenarios import scenarios
from rig.timeline import LampSeen, LampState, Tap
from rig.verdict.fault_class import Component
from rig.verdict.outcome import Outcome


@pytest.fixture(scope="module")
def record() -> RunRecord:
    return run_record()


@pytest.fixture(scope="module")
def text(record: RunRecord, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_html(record, path)
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> html.HtmlElement:
    return html.document_fromstring(text)


def test_the_page_needs_nothing_from_outside(page: html.HtmlElement, text: str) -> None:
    for element in page.iter(etree.Element):
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            value = element.get(name)
            assert value is None or value.startswith("#"), (element.tag, value)
        assert not [name for name in element.attrib if str(name).lower().startswith("on")]
    assert not page.xpath("//link | //img | //iframe | //object | //embed | //base")
    assert "@import" not in text
    assert "url(" not in text


def test_hostile_text_is_shown_and_not_obeyed(page: html.HtmlElement, text: str) -> None:
    assert "onerror=y>" not in text
    shown = page.text_content()
    assert shown.count("<script>alert('x')</script>") > 20


def test_the_only_script_is_the_one_that_the_policy_names(page: html.HtmlElement) -> None:
    (script,) = page.xpath("//script")
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "'unsafe-inline'" not in policy.partition("script-src")[2]


def test_a_proof_is_marked_in_the_text_of_its_message(page: html.HtmlElement) -> None:
    marks = page.xpath("//div[@class='messages']/details[@class='isproof']/pre/mark")
    assert marks
    assert {mark.text for mark in marks} == {"Messages-Waiting: yes", "Voice-Message: 1/0 (0/0)"}
    assert not page.xpath("//div[@class='messages']/details[not(@class)]/pre/mark")


def test_the_german_page_says_everything_in_german(
    record: RunRecord, text: str, tmp_path: Path
) -> None:
    write_html(record, tmp_path / "de.html", lang="de", others={"en": "report.html"})
    german = html.document_fromstring((tmp_path / "de.html").read_text(encoding="utf-8"))
    english = html.document_fromstring(text)
    assert german.get("lang") == "de"
    assert german.xpath("//header//a[@href='report.html']/text()") == ["English"]
    of_english, of_german = (
        [e.text_content() for e in tree.xpath("//h3 | //th")] for tree in (english, german)
    )
    assert len(of_english) == len(of_german)
    same = {a for a, b in zip(of_english, of_german, strict=True) if a == b}
    assert same <= {"NOTIFY", "Name", "Status", "User-Agent", "Firmware", ""} | set(
        record.environment
    )
    assert "Der Prüfstand konnte seine Arbeit nicht tun" in german.text_content()


def test_both_languages_have_the_same_words() -> None:
    english, german = words("en"), words("de")
    assert english.texts.keys() == german.texts.keys()
    assert not [key for key, text in german.texts.items() if not text]
    for key, text in english.texts.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", german.texts[key])), key


def test_every_scenario_and_every_word_of_the_program_has_german() -> None:
    german = words("de").phrases
    wanted = {scenario.title for scenario in scenarios().values()}
    wanted |= {component.value for component in Component}
    wanted |= {outcome.value for outcome in Outcome}
    wanted |= {maturity.value for maturity in Maturity}
    assert wanted <= german.keys()


def test_a_verdict_without_a_named_fault_is_said_in_german() -> None:
    german = words("de")
    said = german.verdict(scenario("undecided"))
    assert said.startswith("zu wenig Belege: lamp_on_latency_s[anna.message] fehlt (")
    broken = dataclasses.replace(scenario("passing"), sentence="no rule names this fault: x = 1")
    assert german.verdict(broken) == "keine Regel benennt diesen Fehler: x = 1"
    named = german.verdict(scenario("failing"))
    assert named != words("en").verdict(scenario("failing"))
    assert "(Plattform)" in named


def test_an_unknown_language_is_refused(record: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected en or de"):
        write_html(record, tmp_path / "x.html", lang="fr")


def test_no_secret_is_in_the_page(text: str) -> None:
    assert "PLANTED" not in text
    assert PIN not in text
    assert 'response="***************"' in html.document_fromstring(text).text_content()


def test_every_id_is_unique_and_every_link_has_its_target(page: html.HtmlElement) -> None:
    ids = [e.get("id") for e in page.xpath("//*[@id]")]
    assert len(ids) == len(set(ids))
    links = {e.get("href")[1:] for e in page.xpath("//a[@href]")}
    assert links
    assert links <= set(ids)


def test_a_linked_message_stands_inside_the_details_that_a_browser_opens(
    page: html.HtmlElement,
) -> None:
    for link in page.xpath("//*[local-name()='svg']//*[local-name()='a']"):
        (target,) = page.xpath(f"//*[@id='{link.get('href')[1:]}']")
        assert target.tag == "pre"
        assert target.getparent().tag == "details"
        assert target.getprevious().tag == "summary"


def test_verdicts_and_outcomes_are_in_the_table(page: html.HtmlElement) -> None:
    rows = page.xpath("(//table)[1]//tr[td]")
    assert [row.xpath("string(td[2])").strip() for row in rows] == [
        "pass",
        "fail",
        "error",
        "inconclusive",
        "skipped",
    ]
    assert rows[0].xpath("string(td[4])") == "10.0 ms"
    assert "1 passed, 1 failed, 1 errors, 1 inconclusive, 1 skipped" in page.text_content()


def test_a_passing_scenario_after_the_first_is_closed_and_a_failing_one_open(
    page: html.HtmlElement,
) -> None:
    assert [d.get("open") is not None for d in page.xpath("//section[@id]/details")] == [
        True,
        True,
        True,
        True,
        False,
    ]


def svg_of(record: ScenarioRecord, proofs: frozenset[int] = frozenset()) -> etree._Element:
    return etree.fromstring(draw(record, proofs=proofs))


def test_the_ladder_has_one_arrow_for_each_message_in_order() -> None:
    one = scenario("passing")
    svg = svg_of(one)
    links = svg.findall("a")
    messages = [e for e in one.events if e["kind"] in {"sip", "bad_sip"}]
    assert len(links) == len(messages) == 9
    assert [a.get("href") for a in links] == [f"#passing-{e['number']}" for e in messages]
    heights = [_shaft_y(a) for a in links]
    assert heights == sorted(heights)
    assert len(set(heights)) == 9
    for link in links:
        assert len(link.findall("g/path[@class='shaft']")) == 1
        assert len(link.findall("g/title")) == 1


def _shaft_y(link: etree._Element) -> float:
    path = link.find("g/path")
    assert path is not None
    return float((path.get("d") or "").split(",")[1].split()[0])


def test_arrows_point_from_sender_to_receiver() -> None:
    one = scenario("passing")
    lanes = lay_out(one).lanes
    assert list(lanes) == ["emil", "anna", "platform", "mailbox", "provisioning"]
    first, second = (a.find("g/path") for a in svg_of(one).findall("a")[:2])
    assert first is not None
    assert second is not None
    starts = [float(re.match(r"M([0-9.]+),", p.get("d") or "").group(1))  # type: ignore[union-attr]  # the platform is up: the part is there
              for p in (first, second)]  # fmt: skip
    assert starts == [lanes["emil"], lanes["platform"]]


def test_lamp_rects_change_at_the_height_of_their_edges() -> None:
    one = scenario("passing")
    layout, svg = lay_out(one), svg_of(one)
    rects = svg.findall("rect")
    columns = {
        name: [r for r in rects if (r.findtext("title") or "").startswith(f"anna {name}:")]
        for name in ("message", "account:1")
    }
    assert [r.get("class") for r in columns["message"]] == ["lamp dark", "lamp lit", "lamp dark"]
    assert [r.get("class") for r in columns["account:1"]] == ["lamp unknown", "lamp lit"]
    edges = {r.event["at"]: r.y for r in layout.rows if r.event["kind"] == "lamp"}
    tops = [float(r.get("y") or "") for r in columns["message"]]
    assert tops[1:] == pytest.approx([edges[START + 5.01], edges[START + 6.01]], abs=0.1)
    for column in columns.values():
        for above, below in itertools.pairwise(column):
            end = float(above.get("y") or "") + float(above.get("height") or "")
            assert end == pytest.approx(float(below.get("y") or ""), abs=0.2)
    notify = next(r.y for r in layout.rows if r.event.get("detail") == "MWI yes 1/0")
    assert (
        notify < tops[1] < next(r.y for r in layout.rows if r.event.get("detail") == "MWI no 0/1")
    )


def test_rows_never_overlap_and_time_never_runs_back() -> None:
    layout = lay_out(scenario("passing"))
    heights = [row.y for row in layout.rows]
    assert all(b - a >= 19 for a, b in itertools.pairwise(heights))
    instants = [row.event["at"] for row in layout.rows]
    assert instants == sorted(instants)
    assert [layout.y(at) for at in instants] == heights
    assert layout.y(START + 2.2) == pytest.approx(heights[instants.index(START + 2.0)], abs=60)
    assert layout.y(START + 99) <= layout.bottom


def test_a_long_silence_is_drawn_short_and_labelled() -> None:
    told = Story()
    told.send(0.0, CALLER, PLATFORM, sip("OPTIONS sip:a@b SIP/2.0", 1))
    told.send(600.0, CALLER, PLATFORM, sip("OPTIONS sip:a@b SIP/2.0", 2))
    one = scenario_record("quiet", "t", (), told.evidence(700), VERDICTS["passing"], NAMES)
    layout = lay_out(one)
    assert layout.rows[1].y - layout.rows[0].y < 200
    assert [s.duration_s for s in layout.silences] == [600.0]
    assert "600.0 s pass" in draw(one)
    assert "600,0 s vergehen" in draw(one, lang="de")


def test_the_ladder_is_drawn_in_german_too() -> None:
    for name in ("passing", "failing"):
        english, german = draw(scenario(name)), draw(scenario(name), lang="de")
        assert english.count("<") == german.count("<")
        words_of = {text for text in etree.fromstring(german).itertext() if text.strip()}
        assert {"Plattform", "Netz"} & words_of
        for word in ("lamps of", "packet ", " pass<", ">platform<", "octets", "audio", " lost"):
            assert word not in german


def test_proofs_sent_again_lost_and_bad_are_marked() -> None:
    svg = svg_of(scenario("failing"), frozenset({6}))
    kinds = [a.find("g").get("class") for a in svg.findall("a")]  # type: ignore[union-attr]  # the platform is up: the part is there
    assert kinds == [
        "request", "request", "refusal", "request", "bad", "request proof", "response", "request",
        "request again",
    ]  # fmt: skip
    assert len(svg.findall("rect[@class='proofrow']")) == 1


def test_a_lost_message_ends_in_a_cross_where_it_was_lost() -> None:
    told = Story()
    told.send(1, PLATFORM, RELAY, notify(1), taps=((Tap.PLATFORM, True),))
    told.send(2, PLATFORM, PHONE, notify(2), taps=((Tap.PLATFORM, True), (Tap.HANDSET, False)))
    told.send(3, PLATFORM, PHONE, notify(3), taps=((Tap.PLATFORM, True),))
    told.send(4, PLATFORM, CALLER, notify(4), taps=((Tap.PLATFORM, True),))
    svg = svg_of(scenario("passing", told))
    crosses = [len(a.findall("g/path[@class='cross']")) for a in svg.findall("a")]
    assert crosses == [1, 0, 1, 0]  # nobody listens at the caller: nothing can be said of it


def test_several_messages_of_one_packet_have_links_of_their_own() -> None:
    events = [
        {"kind": "sip", "number": 7},
        {"kind": "lamp"},
        {"kind": "sip", "number": 7},
        {"kind": "bad_sip", "number": 7},
        {"kind": "sip", "number": 8},
    ]
    assert message_anchors(events) == ["7", "", "7.2", "7.3", "8"]


def test_long_labels_are_cut_and_stand_in_full_in_the_title() -> None:
    told = Story()
    reason = (
        "A reason phrase that nobody can fit between two lanes of a ladder, however wide it is "
        * 2
    )
    told.send(0.5, CALLER, PLATFORM, sip(f"SIP/2.0 500 {reason.strip()}", 1, method="INVITE"))
    svg = svg_of(scenario("passing", told))
    label = svg.findtext("a/g/text") or ""
    assert label.startswith("1 500 A reason")
    assert label.endswith("…")
    assert len(label) < 60
    assert reason.strip() in (svg.findtext("a/g/title") or "")


def test_a_message_to_oneself_is_drawn_as_a_hook() -> None:
    told = Story()
    told.send(0.5, PLATFORM, PLATFORM, sip("OPTIONS sip:a@b SIP/2.0", 1))
    (link,) = svg_of(scenario("passing", told)).findall("a")
    assert " h44" in (link.find("g/path").get("d") or "")  # type: ignore[union-attr]  # the platform is up: the part is there


def test_a_lamp_of_a_handset_without_messages_still_has_its_column() -> None:
    told = Story()
    told.events.append(
        LampSeen(at=START + 1, handset="lena", lamp="message", state=LampState.FAST)
    )
    svg = svg_of(scenario("passing", told))
    titles = [r.findtext("title") for r in svg.findall("rect")]
    assert "lena message: fast" in titles


def test_a_scenario_without_events_has_no_ladder(page: html.HtmlElement) -> None:
    (skipped,) = page.xpath("//section[@id='skipped']")
    assert not skipped.xpath(".//*[local-name()='svg']")
    assert len(page.xpath("//*[local-name()='svg']")) == 4


def test_all_reports_are_written_into_a_new_folder(record: RunRecord, tmp_path: Path) -> None:
    paths = write_reports(record, tmp_path / "new" / "folder")
    assert {kind: path.name for kind, path in paths.items()} == {
        "html": "report.html",
        "html_de": "report.de.html",
        "json": "record.json",
        "junit": "junit.xml",
    }
    assert all(path.stat().st_size > 1000 for path in paths.values())


def test_an_empty_run_has_a_page_too(tmp_path: Path) -> None:
    empty = RunRecord("Run", "site", "tap", START, 0.0, "1")
    write_html(empty, tmp_path / "report.html")
    assert "Nothing was measured." in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_proofs_and_the_rigs_own_faults_are_in_german_on_the_german_page(
    record: RunRecord, tmp_path: Path
) -> None:
    write_html(record, tmp_path / "de.html", lang="de")
    german = html.document_fromstring((tmp_path / "de.html").read_text(encoding="utf-8"))
    wheres = german.xpath("//div[@class='finding']//li//a/text()")
    assert wheres
    assert all(where.startswith("Paket ") for where in wheres)
    (blind,) = german.xpath("//div[@class='finding rig']")
    row = next(row for s in record.scenarios for row in s.rig_faults)
    assert row["de"]["sentence"] in blind.text_content()
    assert row["sentence"] not in german.text_content()
    older = {key: value for key, value in row.items() if key != "de"}
    assert words("de").sentence(older) == row["sentence"]

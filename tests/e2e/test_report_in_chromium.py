"""The page in a real browser: it renders, links open their message, nothing runs off the edge."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from lxml import html
from peers import require_peer

from rig.report.html_report import write_html

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "report"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "oracles"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "capture"))
from report_kit import run_record
from talk import Talk
from test_capture_page import fetching
from test_capture_page import page as page_of

SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_html(run_record(), path)
    return path


def browse(profile: Path, *switches: str) -> str:
    done = subprocess.run(
        [require_peer("chromium", "chromium-browser"), *SWITCHES, f"--user-data-dir={profile}",
         *switches],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )  # fmt: skip
    return done.stdout


def pixels(path: Path) -> tuple[int, int, list[bytes]]:
    """Width, height and rows of a PNG of 8 bits a channel; rows as RGB or RGBA."""
    data = path.read_bytes()
    width, height, _, colour = struct.unpack(">IIBB", data[16:26])
    size = {2: 3, 6: 4}[colour]
    packed, at = b"", 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += 12 + length
    raw, stride = zlib.decompress(packed), width * size
    rows, above = [], bytearray(stride)
    for y in range(height):
        start = y * (stride + 1)
        row = bytearray(raw[start + 1 : start + 1 + stride])
        unfilter(raw[start], row, above, size)
        rows.append(bytes(row))
        above = row
    return width, size, rows


def unfilter(kind: int, row: bytearray, above: bytearray, size: int) -> None:
    for x in range(len(row)):
        left = row[x - size] if x >= size else 0
        up, corner = above[x], above[x - size] if x >= size else 0
        if kind == 1:
            row[x] = (row[x] + left) & 255
        elif kind == 2:
            row[x] = (row[x] + up) & 255
        elif kind == 3:
            row[x] = (row[x] + (left + up) // 2) & 255
        elif kind == 4:
            guess = left + up - corner
            best = min((abs(guess - left), 0, left), (abs(guess - up), 1, up),
                       (abs(guess - corner), 2, corner))  # fmt: skip
            row[x] = (row[x] + best[2]) & 255


@pytest.mark.parametrize(("scheme", "paper"), [(1, (0xF6, 0xF6, 0xF3)), (0, (0x12, 0x16, 0x1A))])
def test_the_page_is_painted_by_day_and_by_night(
    report: Path, tmp_path: Path, scheme: int, paper: tuple[int, int, int]
) -> None:
    shot = tmp_path / "shot.png"
    browse(
        tmp_path / "profile",
        f"--blink-settings=preferredColorScheme={scheme}",
        "--window-size=1280,1900",
        f"--screenshot={shot}",
        report.as_uri(),
    )
    width, size, rows = pixels(shot)
    assert width == 1280
    assert tuple(rows[2][:3]) == paper
    colours = {row[x : x + 3] for row in rows[::3] for x in range(0, len(row), size)}
    assert len(colours) > 40
    lit = {1: b"\xff\xb0\x00", 0: b"\xff\xc5\x3d"}[scheme]
    assert lit in colours  # the lamp is lit


def opened(dom: str) -> list[str]:
    """Packet numbers of the messages that stand open."""
    page = html.document_fromstring(dom)
    found = page.xpath("//div[@class='messages']/details[@open]/summary")
    return [re.match(r"\S+", summary.text_content())[0] for summary in found]  # type: ignore[index]  # the value is a mapping here


def test_a_link_of_the_ladder_opens_its_message(report: Path, tmp_path: Path) -> None:
    page = html.document_fromstring(report.read_text(encoding="utf-8"))
    (link,) = page.xpath(
        "//*[local-name()='a'][contains(., '6 NOTIFY')][starts-with(@href, '#passing')]"
    )
    dom = browse(tmp_path / "one", "--dump-dom", report.as_uri() + link.get("href"))
    assert opened(dom) == ["6"]
    assert opened(browse(tmp_path / "two", "--dump-dom", report.as_uri())) == []


def test_a_link_into_a_closed_scenario_opens_both(report: Path, tmp_path: Path) -> None:
    text = report.read_text(encoding="utf-8")
    closed = tmp_path / "closed.html"
    closed.write_text(text.replace("<details open>", "<details>"), encoding="utf-8")
    dom = browse(tmp_path / "profile", "--dump-dom", closed.as_uri() + "#failing-6")
    page = html.document_fromstring(dom)
    assert [s.get("id") for s in page.xpath("//section[details/@open]")] == ["failing"]
    assert opened(dom) == ["6"]


def any_script(text: str) -> str:
    """The page with a policy that lets a script of the test run too."""
    ours = r"script-src &#39;sha256-[^&]+&#39;"
    allowed, count = re.subn(ours, "script-src 'unsafe-inline'", text)
    assert count == 1
    return allowed


ZOOM = """
<script>
const bars = document.querySelectorAll('.zoombar');
const first = document.querySelector('.zoomable svg');
const before = first.getBoundingClientRect().width;
const [smaller, bigger, fit, full] = bars[0].querySelectorAll('button');
bigger.click(); bigger.click();
const grown = first.getBoundingClientRect().width / before;
full.click();
const find = bars[0].querySelector('input');
find.value = 'NOTIFY'; find.dispatchEvent(new Event('input'));
const left = [...first.querySelectorAll('a:not(.faded)')].map(a => a.textContent.trim());
document.body.dataset.bars = bars.length;
document.body.dataset.grown = grown.toFixed(2);
document.body.dataset.back = (first.getBoundingClientRect().width / before).toFixed(2);
document.body.dataset.left = JSON.stringify(left);
</script>
"""


def test_a_ladder_is_zoomed_and_searched(report: Path, tmp_path: Path) -> None:
    probe = tmp_path / "probe.html"
    text = report.read_text(encoding="utf-8")
    probe.write_text(any_script(text).replace("</body>", ZOOM + "</body>"), encoding="utf-8")
    body = html.document_fromstring(browse(tmp_path / "p", "--dump-dom", probe.as_uri())).body
    assert int(body.get("data-bars")) == len(body.xpath("//*[local-name()='svg']")) > 2
    assert (body.get("data-grown"), body.get("data-back")) == ("1.56", "1.00")
    left = json.loads(body.get("data-left"))
    assert left
    assert all("NOTIFY" in label for label in left)


def test_a_script_that_slipped_in_does_not_run(report: Path, tmp_path: Path) -> None:
    text = report.read_text(encoding="utf-8")
    hostile = "<script>document.body.dataset.hostile = 'ran'</script></body>"
    for name, page in (("policy", text), ("none", any_script(text))):
        (tmp_path / f"{name}.html").write_text(page.replace("</body>", hostile), encoding="utf-8")
    stopped, ran = (
        html.document_fromstring(
            browse(tmp_path / name, "--dump-dom", (tmp_path / f"{name}.html").as_uri())
        ).body
        for name in ("policy", "none")
    )
    assert stopped.get("data-hostile") is None
    assert stopped.xpath("//*[@class='zoombar']")
    assert ran.get("data-hostile") == "ran"


MEASURE = """
<script>
const overlaps = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 &&
  a.top < b.bottom - 2 && b.top < a.bottom - 2;
const found = [];
let measured = 0;
for (const svg of document.querySelectorAll('svg.ladder')) {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')];
  const boxes = texts.map(t => t.getBoundingClientRect());
  boxes.forEach((box, i) => {
    measured += box.width > 3;
    if (box.left < frame.left || box.right > frame.right || box.bottom > frame.bottom)
      found.push('outside: ' + texts[i].textContent);
    for (let j = 0; j < i; j++)
      if (overlaps(box, boxes[j]))
        found.push(texts[i].textContent + ' over ' + texts[j].textContent);
  });
}
document.body.dataset.found = JSON.stringify(found);
document.body.dataset.measured = measured;
document.body.dataset.wide = document.documentElement.scrollWidth - window.innerWidth;
</script>
"""


@pytest.mark.parametrize("width", [500, 1280, 1900])
def test_no_label_covers_another_and_the_page_never_scrolls_sideways(
    report: Path, tmp_path: Path, width: int
) -> None:
    probe = tmp_path / "probe.html"
    text = report.read_text(encoding="utf-8").replace("<details", "<details open")
    probe.write_text(any_script(text).replace("</body>", MEASURE + "</body>"), encoding="utf-8")
    dom = browse(tmp_path / "profile", f"--window-size={width},1000", "--dump-dom", probe.as_uri())
    body = html.document_fromstring(dom).body
    assert int(body.get("data-measured") or "0") > 150
    assert body.get("data-found") == "[]"
    assert int(body.get("data-wide") or "1") <= 0


OF_CAPTURE = """
<script>
const cells = [...document.querySelectorAll('.stack td')].filter(c => c.textContent.trim());
document.body.dataset.cells = cells.length;
document.body.dataset.away = cells.filter(
  c => c.getBoundingClientRect().right > window.innerWidth + 1).length;
document.body.dataset.broken = [...document.querySelectorAll('td.host')].filter(
  c => c.getClientRects()[0].height > 60).length;
</script>
"""


@pytest.mark.parametrize("width", [500, 1280])
def test_the_page_of_a_capture_can_be_read_without_scrolling_sideways(
    tmp_path: Path, width: int
) -> None:
    talk = Talk().register().subscribe().notify(body=b"Messages-Waiting: no")
    page_of(fetching(talk), tmp_path, "de")
    text = (tmp_path / "c.html").read_text(encoding="utf-8")
    probe = tmp_path / "probe.html"
    scripts = f"{MEASURE}{OF_CAPTURE}</body>"
    allowed = text.replace("default-src &#39;none&#39;;", "script-src 'unsafe-inline';")
    assert allowed != text
    probe.write_text(allowed.replace("</body>", scripts), encoding="utf-8")
    dom = browse(tmp_path / "profile", f"--window-size={width},1000", "--dump-dom", probe.as_uri())
    body = html.document_fromstring(dom).body
    assert int(body.get("data-cells") or "0") > 20
    assert body.get("data-away") == "0"
    assert body.get("data-broken") == "0"
    assert body.get("data-found") == "[]"
    assert int(body.get("data-wide") or "1") <= 0

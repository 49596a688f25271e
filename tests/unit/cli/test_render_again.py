"""``phonerig render`` on a site where nothing has changed: no template is run, nothing written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from jinja2 import Template

from provisioning.device_profile import shipped_profiles
from rig.commands.render import render

MODELS = ("T46U", "D785", "GRP2614", "VVX450", "CP-8841", "6869i", "KX-HDV230", "T46U")
SITE = """\
site:
  name: Again
  demo: true
  domain: again.example
  registrar: {host: sip.again.example, port: 5060}
  voice_portal_number: +49 30 23125 9000
  provisioning: {url: "http://prov.again.example"}
  admin_password: demo:Kirschbaum-27-Leiter
users:
"""


def site_text(password="demo:quitte-1-secret"):
    users = [
        f"  - {{name: User {n}, number: +49 30 23125 {100 + n}, extension: {100 + n}, "
        f"sip: {{user: user{n}, password: '{password}'}}, mailbox: {{pin: 'demo:748159'}}}}\n"
        for n in range(len(MODELS))
    ]
    handsets = [
        f"  - {{name: h{n}, model: {model}, mac: '{oui(model)}{n:06x}', accounts: [{100 + n}]}}\n"
        for n, model in enumerate(MODELS)
    ]
    return "".join([SITE, *users, "handsets:\n", *handsets])


def oui(model):
    return shipped_profiles()[model].identify.mac_oui[0].replace(":", "")


def run(site, folder, **more):
    """Exit code of the command, called as the program calls it."""
    options = {"diff": False, "check": False, "strict": False, "as_json": False}
    options |= {"handset": "", "everything": False, "prune": False}
    with pytest.raises(typer.Exit) as left:
        render(str(site), folder, **options | more)
    return left.value.exit_code


def state_of(place):
    """Everything below a folder and it itself: node, and when it was last changed."""
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (place, *place.rglob("*"))
    }


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A site that was rendered, in ``site.yaml`` and ``out``."""
    (tmp_path / "site.yaml").write_text(site_text(), encoding="utf-8")
    assert run(tmp_path / "site.yaml", tmp_path / "out") == 0
    return tmp_path


@pytest.fixture
def no_template(monkeypatch):
    """Any template that is run is an error."""

    def refuse(_self, *_values, **_more):
        raise AssertionError("a template was run")

    monkeypatch.setattr(Template, "render", refuse)


@pytest.mark.parametrize("how", ["diff", "check", "as_json"])
def test_nothing_is_rendered_and_nothing_written(written, no_template, capsys, how):
    capsys.readouterr()
    before = state_of(written)
    options = {"diff": how == "as_json"} | {how: True}
    assert run(written / "site.yaml", written / "out", **options) == 0
    assert state_of(written) == before
    told = capsys.readouterr().out
    if how == "as_json":
        data = json.loads(told)
        assert (data["written"], {file["state"] for file in data["files"]}) == (False, {"same"})
        assert len(data["files"]) >= len(MODELS)
    else:
        assert "0 new, 0 changed" in told
        assert "nothing was written" in told


def test_what_changed_is_rendered_and_still_nothing_written(written, no_template):
    (written / "site.yaml").write_text(site_text("demo:other-1-secret"), encoding="utf-8")
    before = state_of(written)
    with pytest.raises(AssertionError, match="a template was run"):
        run(written / "site.yaml", written / "out", diff=True)
    assert state_of(written) == before


def test_a_difference_is_shown_and_not_written(written, capsys):
    (written / "site.yaml").write_text(
        site_text().replace("name: User 0", "name: Ursula"), encoding="utf-8"
    )
    capsys.readouterr()
    before = state_of(written)
    assert run(written / "site.yaml", written / "out", diff=True, check=True) == 1
    assert state_of(written) == before
    assert "Ursula" in capsys.readouterr().out


def exchange(place):
    """The Snom of ``h1`` is replaced by a Yealink; its files, with passwords, stay behind."""
    text = site_text().replace(
        f"name: h1, model: D785, mac: '{oui('D785')}",
        f"name: h1, model: T46U, mac: '{oui('T46U')}",
    )
    old = {path.name for path in (place / "out").iterdir() if "000413000001" in path.name.lower()}
    assert len(old) == 2
    (place / "site.yaml").write_text(text, encoding="utf-8")
    return old


def stale_of(done):
    return set(json.loads(done)["stale"])


@pytest.mark.parametrize("times", [1, 2])
def test_files_of_a_handset_that_is_gone_are_told_until_they_are_removed(written, capsys, times):
    old = exchange(written)
    for _ in range(times):
        assert run(written / "site.yaml", written / "out") == 0
        said = capsys.readouterr().out
        assert all(f"no longer needed, removed by --prune: {name}\n" in said for name in old)
    assert run(written / "site.yaml", written / "out", check=True) == 0
    assert run(written / "site.yaml", written / "out", check=True, prune=True) == 1
    capsys.readouterr()
    assert run(written / "site.yaml", written / "out", prune=True, as_json=True) == 0
    assert stale_of(capsys.readouterr().out) == old
    assert not old & {path.name for path in (written / "out").iterdir()}
    assert run(written / "site.yaml", written / "out", prune=True, as_json=True) == 0
    assert stale_of(capsys.readouterr().out) == set()


def test_a_stale_file_that_somebody_changed_is_not_ours_to_remove(written, capsys):
    old = sorted(exchange(written))
    (written / "out" / old[0]).write_text("kept by hand")
    assert run(written / "site.yaml", written / "out", prune=True) == 0
    said = capsys.readouterr().out
    assert f"removed: {old[1]}" in said
    assert old[0] not in said
    assert (written / "out" / old[0]).read_text() == "kept by hand"


def test_what_shared_files_other_handsets_need_is_never_stale(written, capsys):
    text = site_text()
    row = next(line for line in text.splitlines(keepends=True) if "name: h7, model: T46U" in line)
    (written / "site.yaml").write_text(text.replace(row, ""), encoding="utf-8")
    assert run(written / "site.yaml", written / "out", as_json=True) == 0
    assert stale_of(capsys.readouterr().out) == {f"{oui('T46U')}000007.cfg"}


def test_one_handset_alone_prunes_nothing(written, capsys):
    exchange(written)
    assert run(written / "site.yaml", written / "out", handset="h1", prune=True) == 2
    assert "--prune goes by the whole site" in capsys.readouterr().err

"""What models cannot express is told once for all handsets that are alike."""

from __future__ import annotations

from typer.testing import CliRunner

from rig.cli import app

SITE = """\
site:
  name: T
  demo: true
  domain: t.example
  provisioning: {url: http://t.example/}
  admin_password: demo:Kirsch-2
users:
"""


def test_a_loss_of_many_handsets_is_one_line_with_their_names(tmp_path):
    users = "".join(
        f"  - {{name: U{number}, number: +49 30 23125 {number}, "
        f"sip: {{user: u{number}, password: demo:q}}}}\n"
        for number in range(101, 108)
    )
    handsets = "handsets:\n" + "".join(
        f"  - {{name: h{number}, model: VVX450, mac: 64167f000{number}, "
        f'accounts: ["+4930 23125 {number}"]}}\n'
        for number in range(101, 108)
    )
    site = tmp_path / "site.yaml"
    site.write_text(SITE + users + handsets)
    done = CliRunner().invoke(app, ["render", str(site), "-o", str(tmp_path / "out")])
    assert done.exit_code == 0
    (line,) = [line for line in done.stderr.splitlines() if "locale.tone_country" in line]
    assert line.startswith("loss: h101, h102, h103, h104, h105 and 2 more: ")

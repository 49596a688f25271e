"""What serve makes of an inventory, again and again: nowhere does a secret leave in the clear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cli_runner import write_site

from provisioning.identifier import never_seen
from provisioning.transport.content import ContentSource
from rig.commands.serve_editions import Editions, Listeners
from rig.commands.serve_pnp import PnpAnswers
from rig.commands.service import EventLines

SECRETS = {
    "admin": "Kirschbaum-27-Leiter",
    "anna": "quitte-4711-anna",
    "bert": "birne-0815-bert",
    "pin": "748159",
}
OWN = "/805ec01a2b01.cfg"


def real_site(folder: Path) -> Path:
    """The demo site as a real one: its secrets are in files."""
    site = write_site(folder)
    text = site.read_text("utf-8").replace("  demo: true\n", "")
    for name, secret in SECRETS.items():
        (folder / name).write_text(secret, encoding="utf-8")
        assert f"demo:{secret}" in text
        text = text.replace(f"demo:{secret}", f"file:{name}")
    site.write_text(text, encoding="utf-8")
    return site


def served(source: ContentSource) -> bytes:
    answer = source.find(OWN, ("192.0.2.1", 1), "")
    return answer.content if answer else b""


def test_every_edition_has_its_secrets_for_https_alone(tmp_path: Path) -> None:
    told: list[Sequence[str]] = []
    lines = EventLines(as_json=False)
    pnp = PnpAnswers("127.0.0.1", None, never_seen, lines, lambda _alarm: None)
    site = str(real_site(tmp_path))
    editions = Editions(
        site, Listeners(), never_seen, lambda _alarm: None, told.append, pnp, several_servers=False
    )
    first = editions.make()
    (tmp_path / "anna").write_text("pflaume-0002-anna", encoding="utf-8")
    second = editions.make()
    for edition, word, other in (
        (first, b"quitte-4711-anna", b"pflaume-0002-anna"),
        (second, b"pflaume-0002-anna", b"quitte-4711-anna"),
    ):
        whole, clear = served(edition.source), served(edition.readable)
        assert word in whole
        assert other not in whole
        assert b"probe.example" in clear
        assert not [each for each in (word, other, b"Kirschbaum-27-Leiter") if each in clear]
    assert len(told) == 2

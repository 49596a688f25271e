"""One digest of all that a site was read from: any change is seen, and no secret is told."""

from __future__ import annotations

import pytest

from provisioning.input_notes import InputNotes, InputSeal, inputs_noted, note_file, seal_inputs
from provisioning.inventory import load_site
from provisioning.secret import Secret, new_seal_key, seal

SITE = """\
site:
  name: Probe GmbH
  domain: probe.example
  registrar: {{host: 127.0.0.1}}
  voice_portal_number: +49 30 23125 900
  provisioning: {{url: "http://127.0.0.1"}}
  admin_password: file:admin.txt
users:
  - name: Anna
    number: +49 30 23125 101
    extension: 101
    sip: {{user: anna, password: env:PROBE_SIP}}
    mailbox: {{pin: "{sealed}"}}
import: {{users: users.csv}}
"""
TABLE = """\
name,number,extension,sip.user,sip.password
Bert,+49 30 23125 102,102,bert,env:PROBE_BERT
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site with a secret of every kind and a table."""
    key = new_seal_key()
    (tmp_path / "key").write_text(key.reveal())
    monkeypatch.setenv("PHONERIG_SEAL_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("PHONERIG_SEAL_KEY", raising=False)
    monkeypatch.setenv("PROBE_SIP", "quitte-4711-anna")
    monkeypatch.setenv("PROBE_BERT", "birne-0815-bert")
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(sealed=seal(Secret("748159"), key)))
    (tmp_path / "users.csv").write_text(TABLE)
    (tmp_path / "admin.txt").write_text("Kirschbaum-27-Leiter\n")
    return path


def read(path, rest="program 1"):
    with inputs_noted() as notes:
        load_site(path)
    return seal_inputs(notes, rest)


def test_everything_that_a_site_is_read_from_is_noted(site):
    found = read(site)
    names = {"site.yaml", "users.csv", "admin.txt", "key"}
    assert {name.rpartition("/")[2] for name in found.files} == names
    assert set(found.variables) == {
        "PHONERIG_SEAL_KEY",
        "PHONERIG_SEAL_KEY_FILE",
        "PROBE_SIP",
        "PROBE_BERT",
    }
    assert found.is_whole("program 1")
    assert not found.is_whole("program 2")


@pytest.mark.parametrize("name", ["site.yaml", "users.csv", "admin.txt", "key"])
@pytest.mark.parametrize("harm", ["changed", "gone", "a folder"])
def test_a_file_that_is_other_than_it_was_is_noticed(site, name, harm):
    found, path = read(site), site.parent / name
    if harm == "changed":
        path.write_bytes(path.read_bytes() + b" ")
    else:
        path.unlink()
        if harm == "a folder":
            path.mkdir()
    assert not found.is_whole("program 1")


@pytest.mark.parametrize("name", ["PROBE_SIP", "PROBE_BERT", "PHONERIG_SEAL_KEY_FILE"])
def test_a_variable_that_is_other_than_it_was_is_noticed(site, monkeypatch, name):
    found = read(site)
    monkeypatch.setenv(name, "other")
    assert not found.is_whole("program 1")
    monkeypatch.delenv(name)
    assert not found.is_whole("program 1")


def test_a_variable_that_was_not_set_is_noticed_when_it_is(site, monkeypatch):
    """PHONERIG_SEAL_KEY wins over the file, so its coming changes what secrets open with."""
    found = read(site)
    monkeypatch.setenv("PHONERIG_SEAL_KEY", "")
    assert not found.is_whole("program 1")


def test_a_file_that_comes_back_as_it_was_is_the_same(site):
    found, path = read(site), site.parent / "users.csv"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert found.is_whole("program 1")


def test_no_secret_and_no_digest_of_one_alone_is_kept(site):
    one, two = read(site), read(site)
    for word in ("quitte", "birne", "748159", "Kirschbaum"):
        assert word not in repr(one)
    # A salt of its own each time: equal secrets cannot be told by equal digests.
    assert one.salt != two.salt
    assert one.digest != two.digest
    assert set(InputSeal.__slots__) == {"files", "variables", "salt", "digest"}


def test_contents_cannot_change_places(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"1")
    b.write_bytes(b"2")
    with inputs_noted() as notes:
        note_file(a, b"1")
        note_file(b, b"2")
    found = seal_inputs(notes, "")
    assert found.is_whole("")
    a.write_bytes(b"2")
    b.write_bytes(b"1")
    assert not found.is_whole("")


def test_nothing_is_noted_outside(site):
    with inputs_noted() as notes:
        pass
    load_site(site)
    assert notes == InputNotes()

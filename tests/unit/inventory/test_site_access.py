"""Who may fetch: from the inventory to what each handset is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.access_model import PnpSettings, ProofKind, steady_token
from provisioning.errors import InputErrors
from provisioning.inventory import ModelLimits, parse_site
from provisioning.inventory_site import Site
from provisioning.site_gate import first_urls

SITE = """\
site:
  name: T
  demo: true
  domain: t.example
  provisioning:
    url: https://t.example/phones
{provisioning}
  admin_password: demo:aa
users:
  - name: Anna
    number: +49 30 23125 101
    extension: 101
    sip: {{user: anna, password: demo:q1}}
handsets:
  - name: a
    model: T46U
    mac: 805ec01a2b01
    accounts: [101]
{handset}
"""
ALL = """\
    secrets_in_clear: yes
    https: {certificate: c.pem, key: k.pem, client_roots: [{file: y.pem, vendor: yealink}]}
    access:
      proofs: [certificate, Digest, token]
      key: demo:a-key
      digest_algorithms: [md5, SHA-256]
      revoked: revoked.txt
      state: dead.txt
      walk_limit: 50
    pnp: {interface: 192.0.2.10, strangers_url: "https://welcome.example/", first_token: yes}
"""


def site(provisioning: str = "", handset: str = "") -> Site:
    text = SITE.format(provisioning=provisioning, handset=handset)
    limits = {"T46U": ModelLimits(16, 27, 3, 60)}
    return parse_site(text.encode(), Path("/sites/t/site.yaml"), models=limits)


def test_a_site_that_says_nothing_is_open_and_leaves_secrets_out():
    found = site()
    assert found.access.proofs == ()
    assert not found.secrets_in_clear
    assert found.https is None
    assert found.intent("a").provisioning.user == ""
    assert first_urls(found) == {}
    assert found.pnp == PnpSettings()


def test_everything_that_can_be_said():
    found = site(ALL)
    access = found.access
    assert access.proofs == (ProofKind.CERTIFICATE, ProofKind.DIGEST, ProofKind.TOKEN)
    assert access.digest_algorithms == ("MD5", "SHA-256")
    assert access.revoked_file == Path("/sites/t/revoked.txt")
    assert access.state_file == Path("/sites/t/dead.txt")
    assert access.walk_limit == 50
    assert found.secrets_in_clear
    assert found.https is not None
    assert found.https.certificate == Path("/sites/t/c.pem")
    assert [(root.file.name, root.vendor) for root in found.https.client_roots] == [
        ("y.pem", "yealink")
    ]
    assert found.pnp == PnpSettings("192.0.2.10", "https://welcome.example", first_token=True)


def test_each_handset_is_told_its_own_url_name_and_password():
    found = site(ALL)
    (handset,) = found.handsets
    told = found.intent("a").provisioning
    token = steady_token(found.access.key, handset.mac).reveal()
    assert told.url == f"https://t.example/phones/{token}"
    assert told.user == "805ec01a2b01"
    assert len(told.password.reveal()) == 26
    first = first_urls(found)["a"]
    assert str(first) == "***"
    assert first.reveal().startswith("https://t.example/phones/")
    assert token not in first.reveal()
    elsewhere = found.with_endpoints(provisioning_url="http://127.0.0.1:1/")
    assert elsewhere.intent("a").provisioning.url == "http://127.0.0.1:1"
    assert elsewhere.intent("a").provisioning.user == ""


def test_a_handset_may_have_credentials_of_its_own_and_be_revoked():
    own = "    provisioning: {user: anton, password: demo:eigenes, revoked: yes}"
    found = site(ALL, own)
    told = found.intent("a").provisioning
    assert (told.user, told.password.reveal()) == ("anton", "eigenes")
    assert found.handsets[0].revoked


@pytest.mark.parametrize(
    ("provisioning", "handset", "complaint"),
    [
        ("    access: {proofs: [digest]}", "", "no 'key'"),
        ("    access: {proofs: [token], key: demo:k}", "", "no 'state'"),
        ("    access: {proofs: [certificate]}", "", "nobody vouches for one"),
        ("    access: {proofs: [fingerprint]}", "", "one of certificate, digest, basic, token"),
        ("    access: {digest_algorithms: [SHA-1]}", "", "SHA-256-sess"),
        ("    access: {proof: [digest]}", "", "Did you mean 'proofs'"),
        ("    access: {walk_limit: 0}", "", "from 1 to 10000"),
        ("    https: {certificate: c.pem}", "", "no 'key'"),
        ("    https: {certificate: c, key: k, client_roots: [{vendor: x}]}", "", "no 'file'"),
        ("    secrets_in_clear: maybe", "", "true or false"),
        ("    pnp: {interface: eth0}", "", "a numeric IPv4 address of this machine"),
        ("    pnp: {interface: 0.0.0.0}", "", "a numeric IPv4 address of this machine"),
        ("    pnp: {interface: 224.0.1.75}", "", "a numeric IPv4 address of this machine"),
        ("    pnp: {strangers_url: ftp://x}", "", "http://host/path"),
        ("    pnp: {first_token: yes}", "", "no token is accepted as a proof"),
        ("    pnp: {stranger_url: http://x}", "", "Did you mean 'strangers_url'"),
        ("", "    provisioning: {password: demo:x}", "no 'user'"),
        ("", "    provisioning: {user: 'a:b', password: demo:x}", "no colon"),
        ("", "    provisioning: {user: a}", "no 'password'"),
        ("", "    provisioning: {url: x}", "unknown"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(provisioning, handset, complaint):
    with pytest.raises(InputErrors) as caught:
        site(provisioning, handset)
    assert complaint in str(caught.value)
    assert "site.yaml:" in str(caught.value)
    assert "demo:" not in str(caught.value)


def test_two_handsets_with_one_login_are_a_fault():
    two = """\
    provisioning: {user: anton, password: demo:x1}
  - name: b
    model: T46U
    mac: 805ec01a2b02
    accounts: []
    provisioning: {user: anton, password: demo:x2}
"""
    with pytest.raises(InputErrors, match="two handsets have the provisioning user anton"):
        site(ALL, two)


@pytest.mark.parametrize(("characters", "warned"), [(1, True), (15, True), (16, False)])
def test_a_key_that_can_be_guessed_is_warned_of(characters: int, *, warned: bool):
    key = "Q" * characters
    found = site(f"    access: {{proofs: [digest], key: 'demo:{key}'}}\n")
    assert [warning.got for warning in found.warnings] == [f"{characters} characters"] * warned
    assert "Q" not in "".join(map(str, found.warnings))

"""How a real handset is driven, as the inventory says."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.errors import InputErrors
from provisioning.inventory import ModelLimits, parse_site
from rig.errors import UsageError
from rig.handset.drivers import HandsetPlace, make_handset
from rig.handset.vendor.place import place_of

SITE = """\
site:
  name: T
  demo: true
  domain: t.example
  provisioning: {{url: "https://t.example/phones"}}
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
{control}
"""
WHOLE = """\
    control:
      driver: yealink
      address: https://10.0.0.21:8443
      user: root
      password: demo:geheim-4711
      ca: vendor.pem
      certificate_name: 805ec01a2b01
      pin: "{pin}"
      old_tls: yes
"""


def site(control=""):
    limits = {"T46U": ModelLimits(16, 27, 3, 60)}
    return parse_site(
        SITE.format(control=control).encode(), Path("/sites/t/site.yaml"), models=limits
    )  # fmt: skip


def test_everything_that_can_be_said():
    found = site(WHOLE.format(pin="ab:" * 31 + "ab"))
    control = found.handset("a").control
    assert (control.driver, control.address) == ("yealink", "https://10.0.0.21:8443")
    assert control.ca == Path("/sites/t/vendor.pem")
    place = place_of(control)
    assert place.login.password.reveal() == "geheim-4711"
    assert (place.tls.pin, place.tls.old) == (b"\xab" * 32, True)
    assert "geheim-4711" not in repr(found.handset("a"))
    assert "geheim-4711" not in repr(place)
    assert site().handset("a").control is None


@pytest.mark.parametrize(
    ("control", "complaint"),
    [
        ("    control: {driver: yealink}", "no 'address'"),
        ("    control: {address: 10.0.0.1}", "no 'driver'"),
        ("    control: {driver: yealink, address: 'http://admin:geheim@h'}", "without user"),
        ("    control: {driver: yealink, address: 10.0.0.1, password: geheim}", "written out"),
        ("    control: {driver: yealink, address: 10.0.0.1, pin: ab}", "SHA-256"),
        ("    control: {driver: yealink, adress: 10.0.0.1}", "Did you mean 'address'"),
        ("    control: yealink", "control part"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(control, complaint):
    with pytest.raises(InputErrors) as caught:
        site(control)
    said = str(caught.value)
    assert complaint in said
    assert "site.yaml:17" in said
    assert "geheim" not in said


def test_a_bench_that_does_not_know_where_the_phone_is_says_so():
    found = site()
    place = HandsetPlace(name="a", profile=None, intent=found.intent("a"), host="127.0.0.1")
    with pytest.raises(UsageError, match=r"a: the inventory does not say where this phone is"):
        make_handset("yealink", place)

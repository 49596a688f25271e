"""Addresses of phones, and which certificates are believed."""

from __future__ import annotations

import pytest

from rig.errors import UsageError
from rig.handset.vendor.address import PhoneAddress, TlsPolicy


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("10.0.0.21", "https://10.0.0.21"),
        ("10.0.0.21:8443", "https://10.0.0.21:8443"),
        ("http://phone.example:80/", "http://phone.example"),
        ("http://[2001:db8::1]:8080", "http://[2001:db8::1]:8080"),
    ],
)
def test_addresses(text, base):
    assert PhoneAddress.parse(text).base == base


@pytest.mark.parametrize(
    "text",
    ["", "ftp://10.0.0.1", "http://", "http://10.0.0.1/servlet", "http://h:0", "http://h:99999",
     "http://h?key=OK", "http://[::1"],
)  # fmt: skip
def test_what_is_no_address(text):
    with pytest.raises(UsageError, match="--address"):
        PhoneAddress.parse(text)


def test_a_password_in_the_address_is_refused_and_not_shown():
    with pytest.raises(UsageError, match="holds a user or a password") as caught:
        PhoneAddress.parse("http://admin:geheim@10.0.0.1")
    assert "geheim" not in str(caught.value)


def test_pins(tmp_path):
    assert TlsPolicy.parse_pin("SHA256:" + ":".join(["ab"] * 32)) == b"\xab" * 32
    assert TlsPolicy.parse_pin("AB" * 32) == b"\xab" * 32
    for text in ("", "ab", "ab" * 31, "zz" * 32):
        with pytest.raises(UsageError, match="fingerprint"):
            TlsPolicy.parse_pin(text)
    with pytest.raises(UsageError, match="cannot be used as certificates"):
        TlsPolicy(ca=tmp_path / "none.pem").context()

"""By which names a browser may call us, and which forms it may send."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.mailbox_platform.embedded.web.browser_rules import from_own_page, host_allowed

LABEL = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
NAME = st.builds(".".join, st.lists(LABEL, min_size=1, max_size=4))


@given(NAME, st.sampled_from(["", ":80", ":65535"]))
def test_no_name_of_a_stranger_is_ours(name: str, port: str) -> None:
    assert host_allowed(name + port, ()) is (name == "localhost")
    assert host_allowed(name + port, (name,))
    assert not host_allowed(f"{name}.evil.example{port}", (name,))


@given(st.ip_addresses(), st.sampled_from(["", ":80"]))
def test_every_numeric_address_is_ours(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: str
) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    assert host_allowed(host + port, ())


@given(st.text(max_size=40))
def test_any_text_is_judged(text: str) -> None:
    allowed = host_allowed(text, ())
    assert not (allowed and any(sign in text for sign in "/@?#\\ \r\n"))


@pytest.mark.parametrize(
    "host", ["", ":80", "127.0.0.1:", "127.0.0.1:x", "[::1", "[1.2]", "1.2.3"]
)
def test_what_is_no_address_is_not_ours(host: str) -> None:
    assert not host_allowed(host, ())


@given(NAME, st.sampled_from(["http", "https"]))
def test_the_origin_must_be_the_host(name: str, scheme: str) -> None:
    assert from_own_page(name, f"{scheme}://{name}", None)
    assert not from_own_page(name, f"{scheme}://{name}.evil.example", None)
    assert not from_own_page(name, f"{scheme}://{name}:81", None)
    assert not from_own_page(name, f"ftp://{name}", None)
    assert not from_own_page(name, f"{scheme}://{name}", "cross-site")


@given(st.text(max_size=60))
def test_any_origin_is_judged(origin: str) -> None:
    assert from_own_page("127.0.0.1:80", origin, None) == (
        origin.lower() in {"http://127.0.0.1:80", "https://127.0.0.1:80"}
        or (origin.lower().startswith(("http://127.0.0.1:80/", "https://127.0.0.1:80/")))
    )


def test_without_a_word_of_the_browser_the_token_decides() -> None:
    assert from_own_page("127.0.0.1", None, None)
    assert from_own_page("127.0.0.1", None, "none")

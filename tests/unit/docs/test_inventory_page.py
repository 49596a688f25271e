"""The page of the inventory names every key that an inventory may hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provisioning.errors import InputErrors
from provisioning.inventory import parse_site

ROOT = Path(__file__).parents[3]
WRONG_EVERYWHERE = b"""\
x: 1
site:
  x: 1
  registrar: {x: 1, outbound_proxy: {x: 1}}
  numbering: {x: 1}
  locale: {x: 1}
  provisioning: {x: 1, https: {x: 1}, access: {x: 1}, pnp: {x: 1}, encryption: {x: 1}}
  lamp: {x: 1}
  media: {x: 1}
  calls: {x: 1}
  vlan: {x: 1}
hunt_groups: [{x: 1}]
users:
  - x: 1
    sip: {x: 1}
    mailbox: {x: 1, email: {x: 1}, distribution_lists: [{x: 1}]}
    forwarding: {x: 1, no_answer: {x: 1}}
handsets:
  - x: 1
    accounts: [{x: 1}]
    line_keys: [{x: 1}]
    provisioning: {x: 1}
    control: {x: 1}
import: {x: 1}
"""


def keys_of_the_reader() -> set[str]:
    with pytest.raises(InputErrors) as caught:
        parse_site(WRONG_EVERYWHERE, Path("site.yaml"), models=None)
    unknown = [fault for fault in caught.value.faults if fault.what.startswith("unknown key")]
    # Each part says what it may hold instead.
    assert len(unknown) == WRONG_EVERYWHERE.count(b"x: 1"), [str(fault) for fault in unknown]
    expected = [fault.expected.removeprefix("one of ") for fault in unknown]
    return {key for text in expected for key in text.split(", ")}


def test_every_key_of_an_inventory_stands_on_its_page() -> None:
    pages = [ROOT / "docs/reference/inventory.md", ROOT / "docs/reference/calls.md"]
    text = "\n".join(page.read_text() for page in pages)
    told = set(re.findall("[a-z0-9_]+", text))
    missing = keys_of_the_reader() - told
    assert not missing

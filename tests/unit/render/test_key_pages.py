"""Keys that files count page by page: every key has a place, and the pages hold all keys."""

from __future__ import annotations

import pytest

from provisioning.errors import UsageError
from provisioning.key_pages import key_places


def test_keys_are_laid_out_page_by_page():
    quirks = {"key_pages": "side[1]: 2, inner[1]: 1, inner[2]: 1"}
    assert key_places(quirks, 4) == (
        ("side[1]", 1, False),
        ("side[1]", 2, True),
        ("inner[1]", 1, True),
        ("inner[2]", 1, True),
    )
    assert key_places({}, 4) == ()


@pytest.mark.parametrize(
    ("text", "keys", "said"),
    [
        ("side: 2", 3, "hold 2 keys, limits.line_keys says 3"),
        ("side", 1, "'side' is not a page and its number of keys"),
        ("side: two", 2, "'side: two' is not a page"),
        (": 2", 2, "': 2' is not a page"),
    ],
)
def test_pages_that_do_not_fit_the_model_are_named(text, keys, said):
    with pytest.raises(UsageError, match=said):
        key_places({"key_pages": text}, keys)

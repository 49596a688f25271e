"""Turns what the platform refuses into the failure that a test can expect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from provisioning.distribution_list import ListRuleError
from rig.assertion import ProductFailure
from rig.errors import UsageError
from rig.mailbox_platform.owner_client import OwnerRefusedError

REFUSED = "refused: "


@contextmanager
def refusals() -> Iterator[None]:
    """Let a change that the platform does not take fail with ``refused: ...``.

    Raises:
        ProductFailure: it was not taken.
    """
    try:
        yield
    except (OwnerRefusedError, ListRuleError, UsageError) as error:
        raise ProductFailure(f"{REFUSED}{error}") from error

"""Secrets that options name: the one way from ``--password env:NAME`` to the password."""

from __future__ import annotations

from pathlib import Path

from provisioning.errors import UsageError
from provisioning.secret import Secret, SecretReferenceError, SecretResolver
from rig.commands.common import complain

_FORMS = ("env:", "file:", "sealed:", "demo:")


def read_secret(reference: str, option: str) -> Secret:
    """Fetch the secret that an option names; paths are relative to the current folder.

    Args:
        reference: ``env:NAME``, ``file:path`` or ``sealed:token``, never the secret itself.
        option: its name, for the error.

    Raises:
        UsageError: it is no reference, or there is nothing behind it.
    """
    if not reference.startswith(_FORMS):
        raise UsageError(
            f"{option} names where the secret is: env:NAME or file:PATH; written out it would "
            "stand in the list of processes"
        )
    resolver = SecretResolver(Path.cwd())
    try:
        secret = resolver.resolve(reference)
    except SecretReferenceError as error:
        raise UsageError(f"{option}: {error}") from error
    for warning in resolver.warnings:
        complain(f"warning: {option}: {warning}", style="yellow")
    return secret

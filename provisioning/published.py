"""What of a site is published: its rendered files, encrypted where the site wants it.

A file that its phone could not decrypt is never published: such a phone would keep its old
settings, or boot for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from provisioning.config_encryption import decrypt, encrypt
from provisioning.errors import InputErrors, InputFault, PhonerigError, Position
from provisioning.profile_model import Profile
from provisioning.render import RenderedFile
from provisioning.secret import Secret


@dataclass(frozen=True, slots=True)
class FileEncryption:
    """How a site wants its files encrypted.

    Attributes:
        key: as it was put on the phones.
        phones_have_key: the site says that every phone has it.
        position: where the inventory says so.
    """

    key: Secret
    phones_have_key: bool
    position: Position


class HandsetOfModel(Protocol):
    """The part of a handset that publishing needs."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def model(self) -> str:
        """Its model."""
        ...

    @property
    def position(self) -> Position:
        """Where the inventory has it."""
        ...


def encrypted(
    files: Iterable[RenderedFile],
    handsets: Iterable[HandsetOfModel],
    profiles: Mapping[str, Profile],
    wish: FileEncryption,
) -> tuple[RenderedFile, ...]:
    """Encrypt every file with secrets; files without stay as they are.

    An encrypted file counts as one without secrets: it may travel where everybody reads. Each one
    is decrypted again and compared before it is given out.

    Args:
        files: as rendered.
        handsets: of the site.
        profiles: by model.
        wish: what the site wants.

    Raises:
        InputErrors: a phone could not decrypt its files: its model knows no encryption or would
            lose the key, the key is none for it, or nobody says that the phones have it.
    """
    if not wish.phones_have_key:
        raise InputErrors(
            [
                InputFault(
                    wish.position,
                    "nothing says that the phones have the encryption key",
                    expected="phones_have_key: true",
                    fix="A phone without it cannot read its files. Put the key on every phone "
                    "first, over HTTPS or on its own web page, then say so.",
                )
            ]
        )
    by_name = {handset.name: handset for handset in handsets}
    faults: dict[str, InputFault] = {}
    done: list[RenderedFile] = []
    for file in files:
        if not file.secret:
            done.append(file)
            continue
        handset = by_name[file.handset]
        try:
            done.append(_sealed(file, profiles[handset.model], wish.key))
        except PhonerigError as error:
            faults[handset.name] = InputFault(
                handset.position,
                f"handset {handset.name}: {error}",
                fix="Choose a model that can, or leave `encryption` out and serve by HTTPS.",
            )
    if faults:
        raise InputErrors(list(faults.values()))
    return tuple(done)


def _sealed(file: RenderedFile, profile: Profile, key: Secret) -> RenderedFile:
    """One file encrypted, and proven to come back."""
    how = profile.encryption
    if how is None:
        raise PhonerigError(f"{profile.model} cannot decrypt its files, or nobody knows how")
    if how.lost_by:
        raise PhonerigError(
            f"{profile.model} would lose the key: {how.lost_by} in its file has no place for it"
        )
    content = encrypt(file.content, key, how)
    opened = decrypt(content, key, how)
    if opened[: len(file.content)] != file.content or opened[len(file.content) :].strip():
        raise PhonerigError(f"{file.path} does not come back from its encryption")
    return replace(file, content=content, media_type="application/octet-stream", secret=False)


def opened(content: bytes | None, profile: Profile, key: Secret) -> bytes | None:
    """What lies at a target, in clear; as it is where it is not encrypted with this key.

    Args:
        content: octets; None for no file.
        profile: of the model.
        key: of the site.
    """
    if content is None or profile.encryption is None:
        return content
    try:
        return decrypt(content, key, profile.encryption)
    except PhonerigError:
        return content

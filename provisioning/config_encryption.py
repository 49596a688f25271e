"""Encrypts rendered files as a vendor's phones decrypt them.

Which cipher, how the key is made of what the administrator types, and how the last block is filled
stand in the profile; see :class:`provisioning.profile_files.Encryption`.

**None of these schemes protects integrity.** Whoever can change a file on its way or on the server
can damage or alter what a phone reads, block by block; ECB shows equal blocks as well. Only HTTPS
does more. So nothing here is a reason to leave HTTPS out.

The salt is made from key and content, so that an unchanged file stays the same octets and is not
delivered again.

Source: OpenSSL enc(1) and EVP_BytesToKey(3); NIST SP 800-38A (ECB, CBC); RFC 5652 section 6.3
(padding).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from provisioning.errors import RigError, UsageError
from provisioning.profile_files import Encryption
from provisioning.secret import Secret

_BLOCK = 16
_SALTED = b"Salted__"
_SALT_BYTES = 8
_LINE_END = b"\n"


class EncryptionError(UsageError):
    """A file cannot be encrypted so that its phone could decrypt it; never shows a key."""


def check_key(key: Secret, how: Encryption) -> None:
    """See that the phone takes a key.

    Args:
        key: as the administrator types it into the phone.
        how: the vendor's scheme.

    Raises:
        EncryptionError: it does not.
    """
    if not re.fullmatch(how.key_pattern, key.reveal()):
        raise EncryptionError(
            f"the encryption key is none that these phones take; expected {how.key_form}"
        )


def encrypt(content: bytes, key: Secret, how: Encryption) -> bytes:
    """Encrypt one file.

    Args:
        content: octets as rendered.
        key: as the administrator types it into the phone.
        how: the vendor's scheme.

    Raises:
        EncryptionError: the phone takes no such key.
    """
    check_key(key, how)
    salt = b""
    if how.salted:
        told = b"phonerig salt\0" + content
        salt = hmac.new(key.reveal().encode(), told, hashlib.sha256).digest()[:_SALT_BYTES]
    encryptor = _cipher(key, salt, how).encryptor()
    sealed = encryptor.update(_filled(content, how)) + encryptor.finalize()
    if how.salted:
        sealed = _SALTED + salt + sealed
    return base64.encodebytes(sealed) if how.base64 else sealed


def decrypt(sealed: bytes, key: Secret, how: Encryption) -> bytes:
    """Decrypt one file as its phone does.

    Args:
        sealed: octets as fetched.
        key: the phone's.
        how: the vendor's scheme.

    Returns:
        The content; where the last block is filled with line ends, with them.

    Raises:
        RigError: this key does not open it, or it is no encrypted file.
    """
    fault = RigError("the file does not decrypt with this key")
    if how.base64:
        try:
            sealed = base64.b64decode(b"".join(sealed.split()), validate=True)
        except ValueError:
            raise fault from None
    salt = b""
    if how.salted:
        if not sealed.startswith(_SALTED):
            raise fault
        salt, sealed = sealed[len(_SALTED) : _BLOCK], sealed[_BLOCK:]
    if not sealed or len(sealed) % _BLOCK:
        raise fault
    decryptor = _cipher(key, salt, how).decryptor()
    content = decryptor.update(sealed) + decryptor.finalize()
    if how.padding == "lines":
        return content
    unpadder = PKCS7(8 * _BLOCK).unpadder()
    try:
        return unpadder.update(content) + unpadder.finalize()
    except ValueError:
        raise fault from None


def _filled(content: bytes, how: Encryption) -> bytes:
    """Fill the last block."""
    if how.padding == "lines":
        return content + _LINE_END * (-len(content) % _BLOCK)
    padder = PKCS7(8 * _BLOCK).padder()
    return padder.update(content) + padder.finalize()


def _cipher(key: Secret, salt: bytes, how: Encryption) -> Cipher[modes.CBC] | Cipher[modes.ECB]:
    octets = key.reveal().encode()
    iv = b""
    size = how.key_bits // 8
    if how.key_from == "openssl_md5":
        octets, iv = _openssl_key(octets, salt, size)
    aes = algorithms.AES(octets)
    if how.mode == "ecb":
        return Cipher(aes, modes.ECB())  # noqa: S305 - the phones know no other
    return Cipher(aes, modes.CBC(iv))


def _openssl_key(password: bytes, salt: bytes, size: int) -> tuple[bytes, bytes]:
    """Key and initial vector of a password, as OpenSSL made them until version 1.1.

    Source: EVP_BytesToKey(3), digest MD5, one round.
    """
    made = digest = b""
    while len(made) < size + _BLOCK:
        digest = hashlib.md5(digest + password + salt, usedforsecurity=False).digest()
        made += digest
    return made[:size], made[size : size + _BLOCK]

"""Encrypted files against the OpenSSL command line, called as the vendors' guides call it."""

from __future__ import annotations

import subprocess

import pytest
from handset_lab import profiles
from peers import require_peer

from provisioning.config_encryption import EncryptionError, decrypt, encrypt
from provisioning.errors import RigError
from provisioning.secret import Secret

pytestmark = pytest.mark.interop("openssl")

RAW = "Ab3#$%*+,-.:=?@~"
COMMANDS = {
    "yealink": (RAW, ("-aes-128-ecb", "-nopad", "-K", RAW.encode().hex())),
    "grandstream": ("Quitte4711", ("-aes-256-cbc", "-md", "md5", "-k", "Quitte4711")),
    "cisco": ("SecretPhrase1234", ("-aes-256-cbc", "-md", "md5", "-k", "SecretPhrase1234")),
    "panasonic": (
        "12341234abcdabcd12341234abcdabcd",
        ("-aes-128-cbc", "-md", "md5", "-a", "-salt", "-pass",
         "pass:12341234abcdabcd12341234abcdabcd"),
    ),
    "vtech": (
        "passphrase123456",
        ("-aes-256-cbc", "-md", "md5", "-nosalt", "-pass", "pass:passphrase123456"),
    ),
}  # fmt: skip


def scheme(vendor: str):
    models = [model for model in profiles().values() if model.vendor == vendor]
    return next(model.encryption for model in models if model.encryption is not None)


def openssl(arguments: tuple[str, ...], content: bytes, *, open_it: bool = False) -> bytes:
    command = [require_peer("openssl"), "enc", *(["-d"] if open_it else []), *arguments]
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


@pytest.mark.parametrize("vendor", COMMANDS)
@pytest.mark.parametrize("octets", [0, 1, 15, 16, 17, 4096])
def test_openssl_opens_what_we_seal_and_we_what_it_seals(vendor: str, octets: int) -> None:
    key, arguments = COMMANDS[vendor]
    content = (b"account.1.password = x\n" * 200)[:octets]
    how = scheme(vendor)
    sealed = encrypt(content, Secret(key), how)
    if octets or how.padding == "pkcs7":
        opened = openssl(arguments, sealed, open_it=True)
        assert opened.startswith(content)
        assert opened[octets:].strip(b"\n") == b""
        assert len(opened) - octets < 16
    theirs = content + b"\n" * (-octets % 16) if how.padding == "lines" else content
    if theirs or how.padding == "pkcs7":
        assert decrypt(openssl(arguments, theirs), Secret(key), how) == theirs
    assert encrypt(content, Secret(key), how) == sealed  # an unchanged file is not pushed again
    if how.salted:
        assert encrypt(content + b"\n", Secret(key), how)[:20] != sealed[:20]


@pytest.mark.parametrize("vendor", COMMANDS)
def test_a_key_that_the_phones_do_not_take_is_refused_and_not_shown(vendor: str) -> None:
    for key in ("PLANTED with blanks", "", "PLÄNTED", "x" * 33):
        with pytest.raises(EncryptionError, match="expected") as caught:
            encrypt(b"x", Secret(key), scheme(vendor))
        assert not key or key not in str(caught.value)


@pytest.mark.parametrize("vendor", ["grandstream", "cisco", "panasonic"])
def test_what_is_no_encrypted_file_does_not_open(vendor: str) -> None:
    key = Secret(COMMANDS[vendor][0])
    sealed = encrypt(b"x" * 100, key, scheme(vendor))
    for wrong in (
        b"",
        b"account.1.enable = 1\n",
        sealed[:-2],
        sealed[:30],
        b"Salted__" + b"x" * 24,
    ):
        with pytest.raises(RigError, match="does not decrypt"):
            decrypt(wrong, key, scheme(vendor))

"""Secret references: every scheme, every failure, and never the value in a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.secret import (
    Secret,
    SecretReferenceError,
    SecretResolver,
    new_seal_key,
    seal,
    seal_key,
    unseal,
)


def resolver(base: Path, *, demo: bool = False, **environ: str) -> SecretResolver:
    return SecretResolver(base, environ=environ, allow_demo=demo)


def test_from_the_environment(tmp_path: Path) -> None:
    assert resolver(tmp_path, PW="hunter2").resolve("env:PW") == Secret("hunter2")


def test_from_a_file_beside_the_site(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_bytes(b"hunter2\r\n")
    file.chmod(0o600)
    source = resolver(tmp_path)
    assert source.resolve("file:pw") == Secret("hunter2")
    assert source.warnings == []


def test_a_file_that_everyone_can_read_is_warned_about(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_text("hunter2")
    file.chmod(0o644)
    source = resolver(tmp_path)
    assert source.resolve("file:pw").reveal() == "hunter2"
    assert len(source.warnings) == 1
    assert source.warnings[0].got == "pw"
    assert source.warnings[0].fix == f"Run chmod o-rwx {tmp_path / 'pw'}"
    assert "hunter2" not in str(source.warnings[0])


def test_sealed(tmp_path: Path) -> None:
    key = new_seal_key()
    reference = seal(Secret("hunter2"), key)
    assert "hunter2" not in reference
    source = resolver(tmp_path, PHONERIG_SEAL_KEY=key.reveal())
    assert source.resolve(reference) == Secret("hunter2")


def test_the_seal_key_may_be_in_a_file(tmp_path: Path) -> None:
    key = new_seal_key()
    file = tmp_path / "key"
    file.write_text(key.reveal() + "\n")
    assert seal_key({"PHONERIG_SEAL_KEY_FILE": str(file)}) == key
    with pytest.raises(SecretReferenceError, match="seal key's file: the file cannot be read"):
        seal_key({"PHONERIG_SEAL_KEY_FILE": str(tmp_path / "none")})


def test_a_sealed_secret_opens_with_its_own_key_only(tmp_path: Path) -> None:
    reference = seal(Secret("hunter2"), new_seal_key())
    with pytest.raises(SecretReferenceError, match="does not open"):
        unseal(reference, new_seal_key())


def test_a_changed_token_does_not_open() -> None:
    key = new_seal_key()
    reference = seal(Secret("hunter2"), key)
    for place in (8, 20, 40, len(reference) - 8):
        other = "A" if reference[place] != "A" else "B"
        with pytest.raises(SecretReferenceError, match="does not open"):
            unseal(reference[:place] + other + reference[place + 1 :], key)
    with pytest.raises(SecretReferenceError, match="does not open"):
        unseal("sealed:\u00e4\u0663", key)


@pytest.mark.parametrize("key", ["", "short", "\u00e4" * 44, "*" * 44])
def test_a_wrong_key_is_told_so(key: str) -> None:
    with pytest.raises(SecretReferenceError, match="seal key is none"):
        seal(Secret("x"), Secret(key))
    with pytest.raises(SecretReferenceError, match="seal key is none"):
        unseal("sealed:x", Secret(key))


def test_a_demo_value_needs_a_demo_site(tmp_path: Path) -> None:
    assert resolver(tmp_path, demo=True).resolve("demo:0815") == Secret("0815")
    with pytest.raises(SecretReferenceError, match="no demo"):
        resolver(tmp_path).resolve("demo:0815")


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("hunter2", "written out"),
        ("hunter2:x", "written out"),
        ("ENV:PW", "written out"),
        ("env", "written out"),
        ("env:", "not followed by a variable"),
        ("env:a b", "not followed by a variable"),
        ("env:UNSET", "UNSET is not set"),
        ("env:EMPTY", "is empty"),
        ("env:BREAK", "line break"),
        ("file:", "names no file"),
        ("file:none", "cannot be read"),
        ("file:.", "not a file"),
        ("file:latin", "not UTF-8"),
        ("file:two", "line break"),
        ("file:long", "too large"),
        ("file:empty", "is empty"),
        ("sealed:xyz", "no key"),
        ("demo:x", "no demo"),
    ],
)
def test_a_bad_reference_is_explained(tmp_path: Path, reference: str, reason: str) -> None:
    (tmp_path / "latin").write_bytes("hünter2".encode("latin-1"))
    (tmp_path / "two").write_text("hunter2\nhunter2\n")
    (tmp_path / "long").write_text("hunter2" * 1000)
    (tmp_path / "empty").write_text("\n")
    source = resolver(tmp_path, EMPTY="", BREAK="hunter2\nadmin=1")
    with pytest.raises(SecretReferenceError, match=reason) as caught:
        source.resolve(reference)
    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_code == 2

"""Secrets that do not leak: ``***`` wherever text is made, the value only by asking.

In a file a secret is written as a reference, never as itself:

==================  =============================================================
``env:NAME``        environment variable ``NAME``
``file:path``       first line of a file, relative to the file that names it
``sealed:token``    encrypted in place (Fernet); the key is in the environment variable
                    ``PHONERIG_SEAL_KEY``, or in a file that ``PHONERIG_SEAL_KEY_FILE`` names
``demo:value``      the value itself, for a demo site only, where nothing is secret
==================  =============================================================
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from provisioning.errors import InputErrors, UsageError
from provisioning.input_notes import variable
from provisioning.text_source import read_input_file

SEAL_KEY_VARIABLE = "PHONERIG_SEAL_KEY"
SEAL_KEY_FILE_VARIABLE = "PHONERIG_SEAL_KEY_FILE"
MAX_SECRET_BYTES = 4096

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_READ_BY_ALL = "everyone on this computer can read a file of a secret"
_REFERENCE_FORMS = "env:NAME, file:path or sealed:token"


class Secret:
    """A secret value that prints as ``***``.

    Comparison is by value, so that a rendered file can be compared with its intent.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Hand out the value: only at the border where it must be written or hashed."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled; pass the reference instead")


class SecretReferenceError(UsageError):
    """A reference that yields no secret; never shows a value.

    Attributes:
        what: what is wrong.
        expected: what would have been right.
        fix: what to do.
    """

    def __init__(self, what: str, *, expected: str = "", fix: str = "") -> None:
        super().__init__(f"{what}; expected {expected}. {fix}" if expected else f"{what}. {fix}")
        self.what = what
        self.expected = expected
        self.fix = fix


class SecretWarning(NamedTuple):
    """What is accepted but unwise about a reference.

    Attributes:
        what: in one clause, the same for all references of which it is true.
        got: which file it is.
        fix: what to do.
    """

    what: str
    got: str
    fix: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.what}; got {self.got}. {self.fix}"


class SecretResolver:
    """Turns the references of one file into secrets.

    Args:
        base_dir: folder that ``file:`` paths are relative to.
        environ: environment; None for the process's own.
        allow_demo: accept ``demo:`` values.

    Attributes:
        warnings: what is accepted but unwise, such as a secret that everyone can read.
    """

    def __init__(
        self,
        base_dir: Path,
        *,
        environ: Mapping[str, str] | None = None,
        allow_demo: bool = False,
    ) -> None:
        self._base_dir = base_dir
        self._environ = os.environ if environ is None else environ
        self._allow_demo = allow_demo
        self.warnings: list[SecretWarning] = []

    @property
    def folder(self) -> Path:
        """The folder that paths of the same file are relative to."""
        return self._base_dir

    def resolve(self, reference: str) -> Secret:
        """Fetch the secret that a reference names.

        Args:
            reference: ``env:``, ``file:``, ``sealed:`` or, on a demo site, ``demo:``.

        Raises:
            SecretReferenceError: it is no reference, or there is nothing behind it.
        """
        scheme, colon, rest = reference.partition(":")
        if scheme == "env" and colon:
            value = self._from_environment(rest)
        elif scheme == "file" and colon:
            value = self._from_file(rest)
        elif scheme == "sealed" and colon:
            value = unseal(reference, seal_key(self._environ)).reveal()
        elif scheme == "demo" and colon:
            if not self._allow_demo:
                raise SecretReferenceError(
                    "a demo: secret stands in a site that is no demo",
                    expected=_REFERENCE_FORMS,
                    fix="Use a reference, or say `demo: true` in the site part.",
                )
            value = rest
        else:
            raise SecretReferenceError(
                "a secret is written out in the file",
                expected=_REFERENCE_FORMS,
                fix="Move the value out of the file and name where it is.",
            )
        return Secret(_checked(value, scheme))

    def _from_environment(self, name: str) -> str:
        if not _VARIABLE.fullmatch(name):
            raise SecretReferenceError(
                "env: is not followed by a variable's name",
                expected="letters, digits and _",
                fix="Write the name only, as in env:SIP_PASSWORD_ANNA.",
            )
        value = variable(name, self._environ)
        if value is None:
            raise SecretReferenceError(
                f"the environment variable {name} is not set",
                expected="a variable that holds the secret",
                fix=f"Set {name} before you start phonerig.",
            )
        return value

    def _from_file(self, name: str) -> str:
        if not name or "\0" in name:
            raise SecretReferenceError("file: names no file", expected="file:path")
        path = self._base_dir / name
        mode = 0
        try:
            data = read_input_file(path, max_bytes=MAX_SECRET_BYTES)
        except InputErrors as error:
            fault = error.faults[0]
            raise SecretReferenceError(
                f"the secret's file {name}: {fault.what}",
                expected=fault.expected,
                fix=fault.fix,
            ) from None
        with contextlib.suppress(OSError):
            mode = path.stat().st_mode
        if mode & (stat.S_IROTH | stat.S_IWOTH):
            self.warnings.append(
                SecretWarning(_READ_BY_ALL, name, f"Run chmod o-rwx {shlex.quote(str(path))}")
            )
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise SecretReferenceError(
                f"the secret's file {name} is not UTF-8", expected="text", fix="Save it as UTF-8."
            ) from None
        return text.removesuffix("\n").removesuffix("\r")


def new_seal_key() -> Secret:
    """Make a key for :func:`seal`; keep it outside the site's folder."""
    from cryptography.fernet import Fernet  # noqa: PLC0415 - heavy, and most sites seal nothing

    return Secret(Fernet.generate_key().decode("ascii"))


def seal_key(environ: Mapping[str, str]) -> Secret:
    """Find the key that seals and unseals.

    Args:
        environ: environment variables; ``PHONERIG_SEAL_KEY`` wins over the file that
            ``PHONERIG_SEAL_KEY_FILE`` names.

    Raises:
        SecretReferenceError: neither gives a key.
    """
    key = variable(SEAL_KEY_VARIABLE, environ)
    if key is not None:
        return Secret(key.strip())
    name = variable(SEAL_KEY_FILE_VARIABLE, environ)
    if name is None:
        raise SecretReferenceError(
            "there is no key to open sealed: secrets",
            expected=f"a key in {SEAL_KEY_VARIABLE} or a file named by {SEAL_KEY_FILE_VARIABLE}",
            fix="Set one of the two; 'phonerig inventory seal --new-key' makes a new key.",
        )
    try:
        data = read_input_file(Path(name), max_bytes=MAX_SECRET_BYTES)
    except InputErrors as error:
        fault = error.faults[0]
        raise SecretReferenceError(
            f"the seal key's file: {fault.what}", expected=fault.expected, fix=fault.fix
        ) from None
    return Secret(data.decode("ascii", "replace").strip())


def seal(value: Secret, key: Secret) -> str:
    """Encrypt a secret so that it can stand in a file.

    Args:
        value: the secret.
        key: from :func:`new_seal_key`.

    Returns:
        A ``sealed:...`` reference; authenticated, so a changed one does not open.

    Raises:
        SecretReferenceError: the key is none.
    """
    from cryptography.fernet import Fernet  # noqa: PLC0415 - heavy, and most sites seal nothing

    try:
        fernet = Fernet(key.reveal())
    except ValueError:
        raise _bad_key() from None
    return "sealed:" + fernet.encrypt(value.reveal().encode()).decode("ascii")


def unseal(reference: str, key: Secret) -> Secret:
    """Decrypt a ``sealed:...`` reference.

    Args:
        reference: what :func:`seal` returned.
        key: the key it was sealed with.

    Raises:
        SecretReferenceError: wrong key, changed token, or no key.
    """
    from cryptography.fernet import (  # noqa: PLC0415 - heavy, and most sites seal nothing
        Fernet,
        InvalidToken,
    )

    try:
        fernet = Fernet(key.reveal())
    except ValueError:
        raise _bad_key() from None
    try:
        data = fernet.decrypt(reference.removeprefix("sealed:").encode())
        return Secret(data.decode())
    except (InvalidToken, ValueError):
        raise SecretReferenceError(
            "the sealed: secret does not open",
            expected="a token sealed with the key in use",
            fix="Seal the secret again, or give the key it was sealed with.",
        ) from None


def _bad_key() -> SecretReferenceError:
    return SecretReferenceError(
        "the seal key is none",
        expected="32 bytes in URL-safe base64",
        fix="Make a new one and seal the secrets again.",
    )


def _checked(value: str, scheme: str) -> str:
    if not value:
        raise SecretReferenceError(
            f"the secret behind {scheme}: is empty", expected="a value", fix="Give it one."
        )
    if _UNPRINTABLE.search(value):
        # A line break in a secret would add a line to a rendered file.
        raise SecretReferenceError(
            f"the secret behind {scheme}: holds a line break or control character",
            expected="one line of printable text",
            fix="Remove it.",
        )
    return value

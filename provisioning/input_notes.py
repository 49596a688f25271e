"""Notes what a site was read from, so that it need not be read again to know that it is the same.

While a site is read inside :func:`inputs_noted`, every file that
:func:`provisioning.text_source.read_input_file` opens and every environment variable that a
secret comes from is noted. :func:`seal_inputs` makes one digest of all of them. Names are kept,
contents are not: secrets go into the one digest with everything else, a salt and scrypt, so what
is stored does not help to guess a PIN or a password.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

_DIGEST_BYTES = 32
_SALT_BYTES = 16
_SCRYPT_COST = 2**14  # about 40 ms and 16 MB: nothing for a run, much for one who guesses


@dataclass(slots=True)
class InputNotes:
    """What was read.

    Attributes:
        files: digest of the octets of each file, by its absolute path.
        variables: digest of the value of each environment variable, by its name; None where it
            was not set.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputSeal:
    """Names of all inputs and one digest of their contents.

    Attributes:
        files: absolute paths.
        variables: names of environment variables.
        salt: random, hexadecimal.
        digest: of all contents, hexadecimal.
    """

    files: tuple[str, ...]
    variables: tuple[str, ...]
    salt: str
    digest: str

    def is_whole(self, rest: str) -> bool:
        """Whether every input still has the content that it had.

        Args:
            rest: of everything else that counts, as it was given to :func:`seal_inputs`.
        """
        files: dict[str, bytes] = {}
        for name in self.files:
            try:
                files[name] = _digest(Path(name).read_bytes())
            except OSError:
                return False
        variables = {name: _of_variable(os.environ.get(name)) for name in self.variables}
        return _sealed(InputNotes(files, variables), rest, self.salt) == self.digest


_noting: ContextVar[InputNotes | None] = ContextVar("_noting", default=None)


@contextmanager
def inputs_noted() -> Iterator[InputNotes]:
    """Note every input that is read in the body."""
    notes = InputNotes()
    token = _noting.set(notes)
    try:
        yield notes
    finally:
        _noting.reset(token)


def note_file(path: Path, content: bytes) -> None:
    """Say that a file was read.

    Args:
        path: of the file.
        content: its octets.
    """
    notes = _noting.get()
    if notes is not None:
        notes.files[str(path.absolute())] = _digest(content)


def variable(name: str, environ: Mapping[str, str]) -> str | None:
    """Look an environment variable up, and say so.

    Args:
        name: of the variable.
        environ: the environment.
    """
    value = environ.get(name)
    notes = _noting.get()
    if notes is not None:
        notes.variables[name] = _of_variable(value)
    return value


def seal_inputs(notes: InputNotes, rest: str) -> InputSeal:
    """Make the digest of all inputs.

    Args:
        notes: of what was read.
        rest: of everything else that counts: program, profiles, templates, options.
    """
    salt = secrets.token_hex(_SALT_BYTES)
    digest = _sealed(notes, rest, salt)
    return InputSeal(tuple(sorted(notes.files)), tuple(sorted(notes.variables)), salt, digest)


def _sealed(notes: InputNotes, rest: str, salt: str) -> str:
    state = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    parts: list[tuple[str, str, bytes | None]] = [("rest", "", _digest(rest.encode()))]
    parts += [("file", name, digest) for name, digest in sorted(notes.files.items())]
    parts += [("variable", name, digest) for name, digest in sorted(notes.variables.items())]
    for kind, name, digest in parts:
        content = "none" if digest is None else digest.hex()
        state.update(repr((kind, name, content)).encode("utf-8", "surrogatepass"))
    return hashlib.scrypt(
        state.digest(), salt=salt.encode(), n=_SCRYPT_COST, r=8, p=1, dklen=_DIGEST_BYTES
    ).hex()


def _of_variable(value: str | None) -> bytes | None:
    return None if value is None else _digest(value.encode("utf-8", "surrogatepass"))


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()

"""Secret path tokens: for handsets that can do no better than fetch a URL.

Every handset has two. The first one stands in the URL that it is given to begin with; under it
the handset finds a file with a URL of its own, in which the steady one stands. When the steady one
is used the first one dies for good, so a URL that lies about in a DHCP server or a mail is worth
nothing afterwards.

Which first tokens are dead is kept in a file, one name a line; without it they would live again
after a restart.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from provisioning.access_model import first_token, steady_token
from provisioning.address import Mac
from provisioning.errors import RigError
from provisioning.secret import Secret
from provisioning.text_source import Stamp, stamp_of

logger = logging.getLogger(__name__)

_DEPTH = 4
"""In how many leading segments of a path a token is looked for."""


class Step(StrEnum):
    """Which of the two tokens it was."""

    FIRST = "first"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class TokenPath:
    """A path with its token taken out.

    Attributes:
        rest: what is asked for; the whole path when it holds no token of ours.
        handset: whose token it was; empty for nobody's, and for one that is dead.
        step: which one; None for nobody's.
    """

    rest: str
    handset: str = ""
    step: Step | None = None


class DeadTokens:
    """Remembers, beyond a restart, whose first token has died.

    Args:
        path: the file; made when missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._dead: set[str] = set()
        self._stamp: Stamp = None

    def load(self) -> None:
        """Read the file.

        Raises:
            RigError: it can be neither read nor made.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and not self._path.is_file():
                raise FileExistsError(errno.EEXIST, "it is no regular file")
            with self._path.open("a+", encoding="utf-8") as file:
                self._path.chmod(0o600)
                file.seek(0)
                text = file.read()
                if text and not text.endswith("\n"):
                    file.write("\n")  # a line that a crash cut short
        except (OSError, UnicodeDecodeError) as error:
            raise RigError(
                f"{self._path}: which first tokens are dead cannot be kept: {error}. "
                "Name another file as 'state' of the access part."
            ) from error
        self._dead = set(text.split("\n")) - {""}
        self._stamp = stamp_of(self._path)

    def __contains__(self, handset: str) -> bool:
        """Whether a handset's first token is known to be dead."""
        return handset in self._dead

    def is_dead(self, handset: str) -> bool:
        """Whether a handset's first token is dead, by this process or by another one.

        Several servers of a site may share the file: each looks whether it has changed before
        it lets a first token in. A file that cannot be read kills nobody and revives nobody.

        Args:
            handset: its name.
        """
        if handset in self._dead:
            return True
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return False
        try:
            names = self._path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            logger.warning("%s: which first tokens are dead cannot be read: %s", self._path, error)
            return False
        self._stamp = stamp
        self._dead |= set(names) - {""}
        return handset in self._dead

    def bury(self, handset: str) -> None:
        """Let a handset's first token die; it is on the disk when this returns.

        Args:
            handset: its name.

        Raises:
            OSError: it could not be written. The token is dead all the same until a restart.
        """
        self._dead.add(handset)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{handset}\n")
            file.flush()
            os.fsync(file.fileno())


class TokenBook:
    """Knows the tokens of a site.

    Args:
        key: of the site.
        handsets: name and MAC of each.
        dead: whose first token has died.
    """

    def __init__(self, key: Secret, handsets: Iterable[tuple[str, Mac]], dead: DeadTokens) -> None:
        self._dead = dead
        self._owners: dict[bytes, tuple[str, Step]] = {}
        for name, mac in handsets:
            self._owners[_mark(first_token(key, mac).reveal())] = (name, Step.FIRST)
            self._owners[_mark(steady_token(key, mac).reveal())] = (name, Step.STEADY)

    def read(self, path: str) -> TokenPath:
        """Take the token out of a path; the work is the same whether there is one.

        Args:
            path: as requested; folders may stand before the token, they are left away with it.
        """
        bare, mark, query = path.partition("?")
        segments = bare.split("/")
        filled = [number for number, segment in enumerate(segments) if segment][:_DEPTH]
        found: tuple[int, str, Step] | None = None
        for number in filled:
            owner = self._owners.get(_mark(segments[number].lower()))
            if owner is not None and found is None:
                found = (number, *owner)
        if found is None:
            return TokenPath(path)
        number, handset, step = found
        rest = "/" + "/".join(segments[number + 1 :]) + mark + query
        dead = step is Step.FIRST and self._dead.is_dead(handset)
        return TokenPath(rest, "" if dead else handset, step)

    def used(self, said: TokenPath) -> None:
        """Note that a file was handed out for a token.

        Args:
            said: as :meth:`read` gave it.
        """
        if said.step is not Step.STEADY or not said.handset or said.handset in self._dead:
            return
        try:
            self._dead.bury(said.handset)
        except OSError:
            logger.exception("that the first token of %s is dead could not be kept", said.handset)


def _mark(token: str) -> bytes:
    """What a token is looked up by: where a comparison of it ends tells nothing."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()

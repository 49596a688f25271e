"""Who signs in: a user by SIP password, the administrator by the configured one.

A user is named by number, extension or SIP user; the secret is the SIP password of the
inventory, as in the platform's interface for programs. An unknown name, a wrong password and a
locked account get the same answer after the same work.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass

from rig.errors import UsageError
from rig.mailbox_platform.embedded.directory import UserTarget
from rig.mailbox_platform.embedded.web.login_guard import LoginGuard
from rig.mailbox_platform.embedded.web.web_config import WebConfig
from rig.mailbox_platform.embedded.xsi.backend import Backend
from rig.mailbox_platform.embedded.xsi.sign_in import blurred

_MOST_CHARS = 256
_ADMIN = "the administrator"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A login that succeeded.

    Attributes:
        number: whose; empty for the administrator.
    """

    number: str


@dataclass(frozen=True, slots=True)
class NotSignedIn:
    """A login that did not succeed.

    Attributes:
        wait_s: seconds to wait before the next attempt; 0 for a wrong name or password.
    """

    wait_s: float = 0.0


class SignIn:
    """Checks names and passwords.

    Args:
        backend: knows the users.
        config: names the administrator.

    Raises:
        UsageError: a user has the administrator's name.
    """

    def __init__(self, backend: Backend, config: WebConfig) -> None:
        self._backend = backend
        self._config = config
        self._guard = LoginGuard()
        self._nobodys = secrets.token_urlsafe(24)
        users = backend.directory.site.users.values()
        self._by_sip_user = {user.sip_user.casefold(): user for user in users}
        if config.admin_password is not None and self._user(config.admin_name):
            raise UsageError(
                f"settings page: the administrator's name {config.admin_name!r} is a user's; "
                "expected another. Change admin_name."
            )

    def attempt(self, name: str, password: str, client: str) -> SignedIn | NotSignedIn:
        """Try to sign in.

        Args:
            name: as typed.
            password: as typed.
            client: address of the browser.
        """
        now = self._backend.clock()
        name = name.strip().casefold()[:_MOST_CHARS]
        wait_s = self._guard.wait_s(client, name, now)
        if wait_s > 0:
            return NotSignedIn(wait_s)
        account, wanted = self._account(name)
        right = hmac.compare_digest(blurred(wanted), blurred(password[:_MOST_CHARS]))
        known = bool(account)
        account = account or f"nobody {name}"
        if not (right and known) or self._guard.locked(account, now):
            self._guard.note_failure(client, name, account, now)
            return NotSignedIn()
        self._guard.note_success(client, name, account)
        return SignedIn("" if account == _ADMIN else account)

    def _account(self, name: str) -> tuple[str, str]:
        """The account and its password; an empty account for nobody."""
        config = self._config
        if config.admin_password is not None and name == config.admin_name.casefold():
            return _ADMIN, config.admin_password.reveal()
        number = self._user(name)
        user = self._backend.directory.user(number)
        return (number, user.password.reveal()) if user is not None else ("", self._nobodys)

    def _user(self, name: str) -> str:
        """Number of the user that a name means; empty for nobody.

        Every way is tried for every name, so the time tells nothing about who exists.
        """
        target = self._backend.directory.resolve(name)
        ways = (
            self._backend.find_user(name),
            target.user if isinstance(target, UserTarget) else None,
            self._by_sip_user.get(name.casefold()),
        )
        return next((user.number for user in ways if user is not None), "")

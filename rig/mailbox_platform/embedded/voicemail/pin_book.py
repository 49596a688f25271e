"""Keeps the PINs that owners have chosen, and says which PINs they may choose.

A chosen PIN is kept as a salted hash, and so are former ones where the rules ask for them. It
holds until the inventory gives the mailbox another PIN than it had when the owner chose: that
is how an administrator resets a forgotten one.

Checking takes the same work whatever is asked: for the right PIN, a wrong one, and for a
mailbox that does not exist.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import secrets
from dataclasses import dataclass, field

from provisioning.pin import (
    GUIDE_RULES,
    PinFault,
    PinRules,
    generate_pin,
    pin_faults,
    sentence_of,
    spellings_of_own_number,
)
from provisioning.secret import Secret
from rig.clock import Clock, now
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.store.store import MessageStore

_SETTING = "pin"
_ROUNDS = 20_000
_DAY_S = 86_400.0
_PROMPTS = {
    PinFault.TOO_SHORT: "portal.pin_too_short",
    PinFault.TOO_LONG: "portal.pin_too_long",
    PinFault.NOT_DIGITS: "portal.pin_too_short",
    PinFault.ASCENDING: "portal.pin_sequence",
    PinFault.DESCENDING: "portal.pin_sequence",
    PinFault.REPEATED: "portal.pin_repeated",
    PinFault.PATTERN: "portal.pin_pattern",
    PinFault.OWN_NUMBER: "portal.pin_own_number",
    PinFault.OLD: "portal.pin_old",
}
"""What the portal says; only an empty entry is not digits, and that is too short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinPolicy:
    """What the platform demands of PINs, and for how long they hold.

    Attributes:
        rules: for a PIN that somebody chooses.
        expires_days: age at which a chosen PIN must be replaced, days; None for never. An
            assigned PIN does not age: it is replaced at the first login, or not.
        change_at_first_login: every owner must replace the assigned PIN, whatever the
            inventory says of the mailbox.

    Source: the vendor's OCI schema: ``passcodeExpiresDays`` 15 to 180,
    ``useVoicePortalWizard``.
    """

    rules: PinRules = GUIDE_RULES
    expires_days: float | None = None
    change_at_first_login: bool = False


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A PIN that an owner has chosen.

    Attributes:
        salt: of both hashes.
        digest: of the PIN.
        assigned: hash of the assigned PIN at that time.
        at: when it was chosen; 0 for one from a time when that was not noted.
        former: salt and hash of former PINs, newest first.
    """

    salt: str
    digest: str
    assigned: str
    at: float = 0.0
    former: tuple[tuple[str, str], ...] = field(default=())


class PinBook:
    """The PINs of all mailboxes.

    Args:
        directory: the PINs of the inventory.
        store: where chosen ones are kept.
        policy: what the platform demands.
        clock: tells how old a PIN is.

    Attributes:
        rules: what the platform demands of a chosen PIN.
    """

    def __init__(
        self,
        directory: Directory,
        store: MessageStore,
        policy: PinPolicy | None = None,
        clock: Clock = now,
    ) -> None:
        self._directory = directory
        self._store = store
        self._policy = PinPolicy() if policy is None else policy
        self._clock = clock
        self.rules = self._policy.rules

    def check(self, mailbox: str, pin: str) -> bool:
        """Whether it is the mailbox's PIN; as much work for any mailbox, real or not."""
        assigned = self._assigned(mailbox)
        kept = self._kept(mailbox)
        salt = secrets.token_hex(16) if kept is None else kept.salt
        of_assigned, of_pin = _hash(assigned or "", salt), _hash(pin, salt)
        if assigned is None:
            return False
        if kept is None or not hmac.compare_digest(kept.assigned, of_assigned):
            return hmac.compare_digest(of_assigned, of_pin)
        return hmac.compare_digest(kept.digest, of_pin)

    def must_change(self, mailbox: str) -> str:
        """Prompt that says why the owner must choose a PIN now; empty when there is no need."""
        user = self._directory.user(mailbox)
        if user is None or user.mailbox is None:
            return ""
        chosen = self._chosen(mailbox)
        if chosen is None:
            first = user.mailbox.change_pin or self._policy.change_at_first_login
            return "portal.must_change_pin" if first else ""
        days = self._policy.expires_days
        if days is None or self._clock() - chosen.at < days * _DAY_S:
            return ""
        return "portal.pin_expired"

    def faults(self, mailbox: str, pin: str) -> list[PinFault]:
        """Every rule that a PIN breaks which the owner would like to choose.

        The PIN that the mailbox has now always counts as an old one: choosing it would
        change nothing.
        """
        rules = self._policy.rules
        found = pin_faults(pin, rules, self._own_numbers(mailbox))
        if self._is_old(mailbox, pin):
            found.append(PinFault.OLD)
        return found

    def fault(self, mailbox: str, pin: str) -> str:
        """Prompt that says why a PIN cannot be chosen; empty when it can."""
        faults = self.faults(mailbox, pin)
        if faults == [PinFault.OLD] and self.check(mailbox, pin):
            return "portal.pin_same"
        return _PROMPTS[faults[0]] if faults else ""

    def faults_in_words(self, mailbox: str, pin: str) -> list[str]:
        """Every rule that a PIN breaks, for people; without the PIN."""
        return [sentence_of(fault, self._policy.rules) for fault in self.faults(mailbox, pin)]

    def suggest(self, mailbox: str) -> str:
        """A PIN that the owner may choose (R10)."""
        own = self._own_numbers(mailbox)
        pin = generate_pin(random.SystemRandom(), self._policy.rules, own_numbers=own)
        # Among a million PINs a former one comes up by chance alone: once more is enough.
        if self._is_old(mailbox, pin):
            pin = generate_pin(random.SystemRandom(), self._policy.rules, own_numbers=own)
        return pin

    def change(self, mailbox: str, pin: Secret) -> None:
        """Take a new PIN; it holds from now on, and the old one no more."""
        assigned = self._assigned(mailbox)
        if assigned is None:
            return
        salt = secrets.token_hex(16)
        kept = {
            "salt": salt,
            "pin": _hash(pin.reveal(), salt),
            "for": _hash(assigned, salt),
            "at": self._clock(),
            "former": self._former(mailbox, assigned),
        }
        self._store.set_setting(mailbox, _SETTING, json.dumps(kept))

    # -- inside -------------------------------------------------------------------------

    def _is_old(self, mailbox: str, pin: str) -> bool:
        """Whether it is the present PIN, or a former one that may not come back."""
        if self.check(mailbox, pin):
            return True
        rules = self._policy.rules
        candidates = [pin, pin[::-1]] if rules.refuse_reversed_old else [pin]
        if rules.refuse_reversed_old and self.check(mailbox, pin[::-1]):
            return True
        kept = self._kept(mailbox)
        former = () if kept is None else kept.former[: max(0, rules.previous_pins - 1)]
        return any(
            hmac.compare_digest(digest, _hash(candidate, salt))
            for salt, digest in former
            for candidate in candidates
        )

    def _former(self, mailbox: str, assigned: str) -> list[tuple[str, str]]:
        """Salt and hash of the PINs up to the present one, as many as the rules ask for."""
        wanted = max(0, self._policy.rules.previous_pins - 1)
        kept = self._kept(mailbox)
        chosen = self._chosen(mailbox)
        if chosen is not None:
            present = (chosen.salt, chosen.digest)
        else:
            salt = secrets.token_hex(16)
            present = (salt, _hash(assigned, salt))
        older = () if kept is None else kept.former
        return [present, *older][:wanted]

    def _own_numbers(self, mailbox: str) -> tuple[str, ...]:
        user = self._directory.user(mailbox)
        if user is None:
            return ()
        site = self._directory.site
        return spellings_of_own_number(
            user.number, user.extension, site.country_code, site.trunk_prefix
        )

    def _assigned(self, mailbox: str) -> str | None:
        user = self._directory.user(mailbox)
        return None if user is None or user.mailbox is None else user.mailbox.pin.reveal()

    def _kept(self, mailbox: str) -> _Chosen | None:
        """What is kept about a PIN, whether it still holds or not."""
        text = self._store.setting(mailbox, _SETTING)
        if text is None:
            return None
        kept = json.loads(text)
        former = tuple((salt, digest) for salt, digest in kept.get("former", ()))
        return _Chosen(kept["salt"], kept["pin"], kept["for"], kept.get("at", 0.0), former)

    def _chosen(self, mailbox: str) -> _Chosen | None:
        """The PIN that the owner has chosen; None when the assigned PIN holds."""
        kept, assigned = self._kept(mailbox), self._assigned(mailbox)
        if kept is None or assigned is None:
            return None
        same = hmac.compare_digest(kept.assigned, _hash(assigned, kept.salt))
        return kept if same else None


def _hash(pin: str, salt: str) -> str:
    digits = pin.encode("utf-8", "replace")
    return hashlib.pbkdf2_hmac("sha256", digits, salt.encode(), _ROUNDS).hex()

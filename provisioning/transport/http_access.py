"""Decides who gets which file over HTTP: proofs, one answer for all strangers, no walks.

An access rule sees a request and the file that was found for it, and says what leaves. Whether
a handset exists makes no difference to what somebody without a proof is told, nor to the work
that is done for it.

Must not know sockets or the library that reads requests. Source: RFC 7616 (digest),
RFC 7617 (basic).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from provisioning.access_model import AccessSettings, HandsetCredentials, ProofKind
from provisioning.address import Mac
from provisioning.certificate_names import CertificateForms, ClientCertificate
from provisioning.digest_credentials import Credentials, DigestError
from provisioning.digest_judge import DigestJudge
from provisioning.identity import MAX_PATH_CHARS, macs_in
from provisioning.secret import Secret
from provisioning.transport.content import Answer
from provisioning.transport.path_tokens import TokenBook, TokenPath
from provisioning.transport.revocation import Revocations
from provisioning.transport.walk_guard import GuessLimit, WalkGuard

logger = logging.getLogger(__name__)

REALM = "phonerig provisioning"
NONCE_LIFETIME_S = 300.0
_MAX_HEADER_CHARS = 4096
_UNGUESSABLE_CHARS = 20
_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request shows.

    Attributes:
        method: HTTP method.
        target: path and query as requested, percent-encoded, without scheme and host.
        host: numeric address of the client.
        at: instant, seconds.
        authorization: that header; empty without.
        certificate: of the client, verified; None without.
    """

    method: str
    target: str = field(repr=False)  # may hold a token
    host: str
    at: float
    authorization: str = field(default="", repr=False)
    certificate: ClientCertificate | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """What a request has proven.

    Attributes:
        target: what to look up.
        handset: who it is, proven; empty for nobody.
        open_to_all: the site asks for no proof, and the client does not walk.
        stale: it knew the password, but its nonce is old.
        token: what its path said.
    """

    target: str
    handset: str = ""
    open_to_all: bool = False
    stale: bool = False
    token: TokenPath | None = None


@dataclass(frozen=True, slots=True)
class GateHandset:
    """A handset as access sees it.

    Attributes:
        name: in the inventory.
        mac: its address.
        vendor: of its model, as profiles spell it.
        credentials: what it says to be let in; None when the site asks for none.
    """

    name: str
    mac: Mac
    vendor: str
    credentials: HandsetCredentials | None = None


class AccessRule(Protocol):
    """What a server asks about every request; see :class:`Gate`."""

    def admit(self, visit: Visit) -> Admission:
        """Say what a request proves."""
        ...

    def permitted(
        self, visit: Visit, admission: Admission, answer: Answer | None
    ) -> Answer | None:
        """Say what of a file leaves."""
        ...

    def may_put(self, visit: Visit, admission: Admission, owner: str) -> bool:
        """Say whether a handset's file may be put."""
        ...

    def challenges(self, admission: Admission, at: float) -> tuple[str, ...]:
        """Values of WWW-Authenticate for who has proven nothing; none: it is "not found"."""
        ...


class Gate:
    """Access as a site wants it.

    Args:
        settings: of the site.
        handsets: of the site.
        forms: where certificates name their MAC.
        revocations: who gets nothing.
        guard: stops walks; shared by all transports of a site.
        tokens: when the site has path tokens.
        fresh_text: gives unguessable text for nonces.
        nonce_key: what nonces are signed with, where several servers must know each other's;
            None for a key of this process alone.

    Attributes:
        counts: how often what happened; see :data:`provisioning.transport.metrics.REFUSALS`.
    """

    def __init__(
        self,
        settings: AccessSettings,
        handsets: Iterable[GateHandset],
        forms: CertificateForms,
        revocations: Revocations,
        guard: WalkGuard,
        *,
        tokens: TokenBook | None = None,
        fresh_text: Callable[[], str] = lambda: secrets.token_urlsafe(18),
        nonce_key: Secret | None = None,
    ) -> None:
        self._proofs = frozenset(settings.proofs)
        self._forms = forms
        self._revocations = revocations
        self._guard = guard
        self._tokens = tokens
        self._guesses = GuessLimit()
        self._by_name: dict[str, GateHandset] = {}
        self._by_mac: dict[Mac, GateHandset] = {}
        self._by_user: dict[str, GateHandset] = {}
        for handset in handsets:
            self._by_name[handset.name] = self._by_mac[handset.mac] = handset
            if handset.credentials is not None:
                self._by_user[handset.credentials.user] = handset
        self._nobody = Secret(fresh_text())
        self._nonce_key = nonce_key
        begin = [] if nonce_key is None else [nonce_key.reveal()]
        self._judge = DigestJudge(
            REALM,
            self._password_of,
            lambda: begin.pop() if begin else fresh_text(),
            algorithms=settings.digest_algorithms,
            nonce_lifetime_s=NONCE_LIFETIME_S,
        )
        self.counts: Counter[str] = Counter()

    def succeed(self, former: Gate) -> None:
        """Go on where the gate of an earlier edition of the same site stood.

        Walks stay stopped, nonces and their counts stay known, who guessed goes on waiting, and
        nobody who was revoked is free before the file has been read.

        Args:
            former: is not asked any more.
        """
        self._guard.succeed(former._guard)
        if self._nonce_key == former._nonce_key:
            self._judge.succeed(former._judge)
        self._revocations.succeed(former._revocations)
        self._guesses = former._guesses
        self.counts = former.counts

    def _password_of(self, user: str) -> Secret | None:
        found = self._by_user.get(user)
        return found.credentials.password if found and found.credentials else None

    def admit(self, visit: Visit) -> Admission:
        """Say what a request proves.

        Two proofs that name different handsets prove nothing.

        Args:
            visit: what it shows.
        """
        said = self._tokens.read(visit.target) if self._tokens else TokenPath(visit.target)
        by_login, stale = self._login(visit)
        proven = {said.handset, self._certified(visit), by_login} - {""}
        handset = proven.pop() if len(proven) == 1 else ""
        if handset and self._revocations.is_revoked(handset, visit.at):
            self.counts["revoked"] += 1
            logger.warning("%s is revoked and was refused at %s", handset, visit.host)
            handset, stale = "", False
        if handset:
            self._guard.proven(visit.host, self._by_name[handset].mac.plain, visit.at)
            return Admission(said.rest, handset, token=said)
        macs = tuple(mac.plain for mac in macs_in(said.rest[:MAX_PATH_CHARS]))
        calm = self._guard.asked(visit.host, macs, visit.at)
        return Admission(said.rest, "", calm and not self._proofs, stale, said)

    def permitted(
        self, visit: Visit, admission: Admission, answer: Answer | None
    ) -> Answer | None:
        """Say what of a file leaves.

        Args:
            visit: the request.
            admission: what it has proven.
            answer: what was found under its name; None for nothing.

        Returns:
            The file, or None: for what is somebody else's as for what does not exist.
        """
        owner = answer.handset if answer else ""
        own = bool(admission.handset) and owner in {"", admission.handset}
        free = admission.open_to_all and not (
            owner and self._revocations.is_revoked(owner, visit.at)
        )
        if answer is None or not (own or free):
            self.counts["refused"] += 1
            return None
        if own and admission.token is not None and self._tokens is not None:
            self._tokens.used(admission.token)
        if free and owner in self._by_name:
            self._guard.proven(visit.host, self._by_name[owner].mac.plain, visit.at)
        return answer

    def may_put(self, visit: Visit, admission: Admission, owner: str) -> bool:
        """Say whether a handset's file may be put.

        By who has proven to be that handset. Where the site asks for no proof, from an address
        that has fetched its files: that one knows already that there is such a handset, so the
        answer tells nobody anything. Whoever tries names is counted as a walk.

        Args:
            visit: the request.
            admission: what it has proven.
            owner: whose file the name stands for; empty for nobody's.
        """
        handset = self._by_name.get(owner)
        revoked = self._revocations.is_revoked(owner, visit.at)
        fetched = self._guard.has_proven(visit.host, handset.mac.plain if handset else "")
        may = admission.handset == owner or (admission.open_to_all and fetched)
        if handset is not None and may and not revoked:
            return True
        self.counts["refused"] += 1
        return False

    def challenges(self, admission: Admission, at: float) -> tuple[str, ...]:
        """Values of WWW-Authenticate for who has proven nothing.

        Args:
            admission: what was proven.
            at: instant, seconds.

        Returns:
            Best first; none when a login would not help: then it is "not found".
        """
        if admission.handset or not self._proofs:
            return ()
        offered: list[str] = []
        if ProofKind.DIGEST in self._proofs:
            offered += self._judge.challenges(at, stale=admission.stale)
        if ProofKind.BASIC in self._proofs:
            offered.append(f'Basic realm="{REALM}", charset="UTF-8"')
        if offered:
            self.counts["challenged"] += 1
        return tuple(offered)

    def _certified(self, visit: Visit) -> str:
        """The handset that a certificate proves; empty for none."""
        certificate = visit.certificate
        if certificate is None or ProofKind.CERTIFICATE not in self._proofs:
            return ""
        mac = self._forms.mac_of(certificate)
        handset = self._by_mac.get(mac) if mac else None
        if handset is None or certificate.vendor not in {"", handset.vendor}:
            self.counts["foreign certificate"] += 1
            return ""
        return handset.name

    def _login(self, visit: Visit) -> tuple[str, bool]:
        """The handset that credentials prove, or empty, and whether they are only out of date."""
        header = visit.authorization[:_MAX_HEADER_CHARS]
        scheme = header.partition(" ")[0].lower()
        if scheme == "digest" and ProofKind.DIGEST in self._proofs:
            return self._digest(header, visit)
        if scheme == "basic" and ProofKind.BASIC in self._proofs:
            return self._basic(header, visit), False
        return "", False

    def _digest(self, header: str, visit: Visit) -> tuple[str, bool]:
        try:
            credentials = Credentials.parse(header)
        except DigestError:
            self.counts["wrong"] += 1
            return "", False
        if credentials.realm != REALM:
            return "", False
        result = self._judge.verify(
            credentials, visit.method, lambda uri: _bare(uri) == visit.target, visit.at
        )
        if self._guessing(visit, credentials.username):
            return "", False
        if result.ok:
            return self._by_user[result.username].name, False
        self.counts["wrong" if result.outcome == "bad" else result.outcome] += 1
        if result.outcome == "bad":
            self._guesses.was_wrong(visit.host, credentials.username, visit.at)
        return "", result.outcome != "bad"

    def _basic(self, header: str, visit: Visit) -> str:
        try:
            text = base64.b64decode(header.partition(" ")[2].strip(), validate=True)
            user, colon, password = text.decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            self.counts["wrong"] += 1
            return ""
        known = self._password_of(user)
        asked = known if known is not None else self._nobody
        matches = _same(password, asked.reveal())
        if not colon or self._guessing(visit, user):
            return ""
        if not matches or known is None:
            self.counts["wrong"] += 1
            self._guesses.was_wrong(visit.host, user, visit.at)
            return ""
        return self._by_user[user].name

    def _guessing(self, visit: Visit, user: str) -> bool:
        """Whether somebody guesses a password that can be guessed.

        Asked when the work of looking at the password is done, so that it takes no time that
        tells of a name. A made password cannot be guessed, and nobody can lock its handset out
        by trying.
        """
        known = self._password_of(user)
        asked = known if known is not None else self._nobody
        strong = len(asked.reveal()) >= _UNGUESSABLE_CHARS and known is not None
        may_try = self._guesses.may_try(visit.host, user, visit.at)
        if strong or may_try:
            return False
        self.counts["guessing"] += 1
        return True


def _bare(uri: str) -> str:
    """A digest-uri without scheme and host, which some clients put in."""
    return _ABSOLUTE.sub("", uri, count=1)


def _same(one: str, other: str) -> bool:
    """Compare two texts in a time that depends on neither."""
    marks = [hashlib.sha256(text.encode("utf-8")).digest() for text in (one, other)]
    return hmac.compare_digest(*marks)

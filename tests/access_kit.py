"""An access rule with a few handsets on a simulated clock, and what clients send to it."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, field, replace
from functools import cache

from handset_lab import profiles

from provisioning.access_model import (
    AccessSettings,
    HandsetCredentials,
    ProofKind,
    credentials_of,
    first_token,
    steady_token,
)
from provisioning.address import Mac
from provisioning.certificate_names import CertificateForms
from provisioning.digest_credentials import Challenge, make_credentials
from provisioning.secret import Secret
from provisioning.transport.content import Answer
from provisioning.transport.http_access import Admission, Gate, GateHandset, Visit
from provisioning.transport.path_tokens import DeadTokens, TokenBook
from provisioning.transport.revocation import Revocations
from provisioning.transport.walk_guard import WalkGuard, WalkLimits

KEY = Secret("a key that only this test has")
ANNA = Mac("001565aaaa01")
BERT = Mac("000413bbbb02")
UNKNOWN = Mac("001565cccc03")
WEAK = HandsetCredentials("bert", Secret("geheim-1"))
NAMES = {ANNA: "anna", BERT: "bert"}
VENDORS = {ANNA: "yealink", BERT: "snom"}


@dataclass
class AccessLab:
    """A gate, the files behind it, and a clock."""

    gate: Gate
    files: dict[str, Answer]
    guard: WalkGuard
    alarms: list[object]
    now: float = 1000.0
    nonces: dict[str, int] = field(default_factory=dict)

    def visit(self, path: str, host: str = "192.0.2.7", method: str = "GET", **more) -> Visit:
        """A request; its path begins with a slash."""
        return Visit(method, path, host, self.now, **more)

    def ask(self, path: str, host: str = "192.0.2.7", **more) -> tuple[Answer | None, Admission]:
        """What a request gets, and what it proved."""
        visit = self.visit(path, host, **more)
        admission = self.gate.admit(visit)
        found = self.files.get(admission.target)
        return self.gate.permitted(visit, admission, found), admission

    def challenge(self, algorithm: str = "SHA-256") -> Challenge:
        """A challenge as a client without credentials gets it."""
        offered = self.gate.challenges(Admission("/"), self.now)
        read = [Challenge.parse(text) for text in offered if text.startswith("Digest")]
        return next(one for one in read if one.algorithm == algorithm)

    def digest(
        self,
        path: str,
        user: str,
        password: Secret,
        challenge: Challenge,
        *,
        count: int = 1,
        **more,
    ) -> str:
        """Credentials that answer a challenge."""
        said = make_credentials(challenge, user, password, "GET", path, cnonce="c1", nc=count)
        return str(replace(said, **more))


@cache
def certificate_forms() -> CertificateForms:
    """Where three vendors write the MAC."""
    return CertificateForms([profiles()[model] for model in ("T46U", "D785", "CP-8841-3PCC")])


def basic(user: str, password: str) -> str:
    """The value of Authorization for RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def own(mac: Mac, settings: AccessSettings) -> HandsetCredentials:
    """What a handset says to be let in."""
    found = credentials_of(settings, mac, WEAK if mac == BERT else None)
    assert found is not None
    return found


def access_lab(
    *proofs: ProofKind, folder=None, revoked=None, limits=None, nonce_key=None, **settings
) -> AccessLab:
    """Put a gate together.

    Args:
        proofs: accepted; none for an open site.
        folder: for the file of dead tokens, where tokens are accepted.
        revoked: file of revoked handsets.
        limits: of walks.
        nonce_key: that several servers share.
        settings: more of the site's access settings.
    """
    said = AccessSettings(tuple(proofs), KEY, revoked_file=revoked, **settings)
    alarms: list[object] = []
    guard = WalkGuard(limits or WalkLimits(), alarms.append)
    tokens = None
    if ProofKind.TOKEN in proofs:
        dead = DeadTokens(folder / "dead")
        dead.load()
        tokens = TokenBook(KEY, [(name, mac) for mac, name in NAMES.items()], dead)
    numbers = itertools.count(1)
    gate = Gate(
        said,
        [
            GateHandset(
                name, mac, VENDORS[mac], credentials_of(said, mac, WEAK if mac == BERT else None)
            )
            for mac, name in NAMES.items()
        ],
        certificate_forms(),
        Revocations([(name, mac, False) for mac, name in NAMES.items()], revoked),
        guard,
        tokens=tokens,
        fresh_text=lambda: f"fresh-{next(numbers)}",
        nonce_key=nonce_key,
    )
    files = {
        f"/{mac}.cfg".replace(":", ""): Answer(b"<" + name.encode() + b">", "text/plain", name)
        for mac, name in NAMES.items()
    }
    files["/shared.cfg"] = Answer(b"<shared>", "text/plain", "")
    return AccessLab(gate, files, guard, alarms)


def token_path(mac: Mac, name: str, *, first: bool) -> str:
    """A path behind one of a handset's tokens."""
    token = (first_token if first else steady_token)(KEY, mac).reveal()
    return f"/{token}{name}"

"""Damaged targets, digest headers and certificate names for the access rule, with what must hold.

Nothing here opens a socket; ``tools/fuzz_http.py`` runs it by the million, the suite a fraction.
"""

from __future__ import annotations

import base64
import random
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from access_kit import ANNA, BERT, KEY, access_lab, basic, certificate_forms, own, token_path

from provisioning.access_model import AccessSettings, ProofKind, first_token, steady_token
from provisioning.address import Mac
from provisioning.certificate_names import ClientCertificate, certificate_names
from provisioning.digest_credentials import Credentials, DigestError
from provisioning.transport.content import SiteContent, normalise_path
from provisioning.transport.http_rules import loggable_target

PIECES = [
    *("/", "//", "..", ".", "%2e", "%2f", "%5c", "\\", "%00", "%25", "%", "?", "#", ";", "&", "="),
    *("%c0%ae", "%ff", "\u2028", "\x7f", " ", "cfg", "001565aaaa01.cfg", "000413bbbb02", ":", "@"),
    *("http://", "token", "password=", "\udcff", "ä", "a" * 300, "{", "*"),
]
CHARACTERS = "".join(map(chr, range(1, 127))) + "\x80\xff\u2028\udc80"
HEADER_PIECES = [
    *('"', '\\"', ",", "=", " ", "Digest ", "Basic ", "nc=", "uri=", "response=", "username="),
    *("qop=auth-int", "algorithm=MD5-sess", "\\", "\0", "00000000", "ffffffff", "x" * 500, ",,"),
]
NAMES = ["commonName", "DNS", "stateOrProvinceName", "organizationName", "IP Address", ""]


class _File:
    content, media_type, handset = b"<anna>", "text/plain", "anna"


def mutated(text: str, pieces: list[str], rng: random.Random) -> str:
    """A text with a few places changed, doubled, cut out or replaced."""
    for _ in range(rng.randint(1, 4)):
        at, to = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        kind = rng.randrange(5)
        new = rng.choice(pieces) if kind < 3 else rng.choice(CHARACTERS)
        if kind == 0:
            to = at
        elif kind == 4:
            new = text[at:to] * 2
        elif kind == 1:
            to = min(to, at + 3)
        text = text[:at] + new + text[to:]
        text = text[:6000]
    return text


class HttpFuzz:
    """Runs damaged input against what reads it, and says which outcomes there were.

    Args:
        seed: of everything that is drawn.
        folder: for the file of dead tokens.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.lab = access_lab(*ProofKind, folder=folder)
        settings = AccessSettings((ProofKind.DIGEST,), KEY)
        self.anna, self.bert = own(ANNA, settings), own(BERT, settings)
        self._content = SiteContent({"cfg/001565aaaa01.cfg": _File(), "001565aaaa01.cfg": _File()})
        self._tokens = [
            make(KEY, mac).reveal() for make in (first_token, steady_token) for mac in (ANNA, BERT)
        ]
        self._targets = [
            "/001565aaaa01.cfg",
            "/cfg/001565aaaa01.cfg?mac=001565aaaa01",
            "/../../etc/passwd",
            "http://user:pw@host/cfg/001565aaaa01.cfg",
            token_path(ANNA, "/001565aaaa01.cfg", first=True),
            token_path(BERT, "/x", first=False),
        ]
        self.kinds: dict[str, Callable[[], str]] = {
            "targets": self.target,
            "digest headers": self.digest_header,
            "certificate names": self.certificate,
        }

    def run(self, kind: str, executions: int) -> None:
        """Run one kind so many times; an AssertionError or any other exception is a finding."""
        once = self.kinds[kind]
        for _ in range(executions):
            self.outcomes[f"{kind}: {once()}"] += 1

    def target(self) -> str:
        """A target names a served file or nothing, and no token of it is logged."""
        target = mutated(self.rng.choice(self._targets), PIECES, self.rng)
        name = normalise_path(target)
        if name is not None:
            assert ".." not in name.split("/"), ascii(target)
            assert not re.search(r"[\x00-\x1f\\%]", name), ascii(target)
        found = self._content.find(target, ("192.0.2.1", 1), "")
        assert (found is not None) == (name in self._content.names), ascii(target)
        logged = loggable_target(target)
        assert len(logged) <= 2 * 2048
        for token in self._tokens:
            whole = rf"(?:^|/){token}(?![A-Za-z0-9])"
            assert not re.search(whole, logged, re.IGNORECASE), ascii(target)
        answer, admission = self.lab.ask(target, host=f"192.0.2.{self.rng.randrange(250)}")
        assert answer is None or admission.handset == answer.handset or not answer.handset
        if admission.handset:
            assert any(token in unquote(target).lower() for token in self._tokens), ascii(target)
        return "served" if answer else "name" if name else "nothing"

    def digest_header(self) -> str:
        """Only credentials that are right in every part let anybody in."""
        path, who = "/001565aaaa01.cfg", self.anna
        if self.rng.random() < 0.2:
            right = basic(self.bert.user, self.bert.password.reveal())
            path = "/000413bbbb02.cfg"
        else:
            challenge = self.lab.challenge(self.rng.choice(["SHA-256", "MD5"]))
            right = self.lab.digest(path, who.user, who.password, challenge)
        said = mutated(right, HEADER_PIECES, self.rng)
        answer, admission = self.lab.ask(
            path, host=f"198.51.100.{self.rng.randrange(250)}", authorization=said
        )
        self.lab.now += 0.001
        if admission.handset:
            same = said.lower().partition(" ")[0] == right.lower().partition(" ")[0]
            assert same, ascii(said)
            assert self._means(said) == self._means(right), ascii(said)
            assert answer is not None
            return "harmless change"
        assert answer is None
        return "stale" if admission.stale else "refused"

    @staticmethod
    def _means(header: str) -> object:
        """What of credentials enters the judgement."""
        try:
            said = Credentials.parse(header)
        except DigestError:
            return base64.b64decode(header.partition(" ")[2].strip())
        parts = (said.username, said.realm, said.nonce, said.uri, said.response.lower())
        return (*parts, (said.algorithm or "MD5").upper(), said.qop, said.cnonce, said.nc)

    def certificate(self) -> str:
        """A certificate proves a MAC that stands in it, or nothing."""
        seeds = ["001565AAAA01", "00:15:65:aa:aa:01", "001565aaaa01.phones.example", "Room 7"]
        names = [
            (self.rng.choice(NAMES), mutated(self.rng.choice(seeds), PIECES, self.rng))
            for _ in range(self.rng.randint(0, 4))
        ]
        peer = {
            "subject": tuple((pair,) for pair in names[:2]),
            "subjectAltName": tuple(names[2:]),
        }
        read = certificate_names(peer)
        vendor = self.rng.choice(["", "yealink", "snom", "cisco", "x"])
        mac = certificate_forms().mac_of(ClientCertificate(read, vendor))
        if mac is None:
            return "none"
        assert isinstance(mac, Mac)
        digits = [re.sub("[^0-9a-f]", "", value.lower()) for _, value in names]
        assert any(mac.plain in one for one in digits), names
        return "a MAC"

"""Mutated SIP requests by the grammar of a request: seeded, so that each can be made again.

A sound request is a model (method, Request-URI, header rows, SDP lines). One to three mutations
change one element each: overflow, format strings, numbers out of range, broken URIs, nesting,
folding, NUL, bytes that are no UTF-8, missing, doubled, reordered and compact headers, wrong
lengths, a cut. Number ``n`` of seed ``s`` depends on nothing else, so a finding is repeated by
these two numbers.

Source: the idea is that of the PROTOS c07-sip suite, whose messages are not used here; RFC 3261
section 25 for the grammar, RFC 4475 for what has bitten others.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from fuzz.sip_mutations import MUTATIONS, Model, mutate_octets
from fuzz.sip_pieces import OTHER_METHODS, URIS

OTHERS_SHARE = 0.1
AUTHORISED_SHARE = 0.5
RAW_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Mutant:
    """One message to send.

    Attributes:
        number: which one of its seed.
        method: of the sound request it was made of.
        what: the mutations, for a report.
        data: octets on the wire.
        authorised: its sound form carries right credentials.
    """

    number: int
    method: str
    what: str
    data: bytes
    authorised: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sound request is made with.

    Attributes:
        domain: of the platform.
        caller: SIP user that calls.
        callees: user parts that may be called.
        host: our address.
        port: where answers go to.
        authorise: gives an Authorization value for method, Request-URI and body; None leaves
            every request without one.
    """

    domain: str
    caller: str
    callees: tuple[str, ...]
    host: str
    port: int
    authorise: Callable[[str, str, bytes], str] | None = None


def mutant(seed: int, number: int, around: Surroundings) -> Mutant:
    """Make mutant ``number`` of ``seed``.

    The branch, Call-ID and From tag of the sound request are its own.
    """
    rng = random.Random(f"{seed}:{number}")
    method = "INVITE" if rng.random() >= OTHERS_SHARE else rng.choice(OTHER_METHODS)
    authorised = around.authorise is not None and rng.random() < AUTHORISED_SHARE
    ending = rng.random() < RAW_SHARE
    before: list[str] = []
    uri = f"sip:{rng.choice(around.callees)}@{around.domain}"
    if rng.random() < 0.15:  # credentials are made for it, so that it gets past the door
        uri = rng.choice(URIS)
        before.append(f"uri {uri}")
    if method == "REGISTER":
        uri = f"sip:{around.domain}"
    model = _sound(method, uri, f"{seed}-{number}", around, rng, authorised=authorised)
    kinds = [rng.choice(MUTATIONS) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    if ending:
        kinds.append(mutate_octets)
    what = before + [kind(model, rng) for kind in kinds]
    return Mutant(number, method, "; ".join(what), model.to_bytes()[:65000], authorised)


def _sound(
    method: str,
    uri: str,
    name: str,
    around: Surroundings,
    rng: random.Random,
    *,
    authorised: bool,
) -> Model:
    sdp = [
        *("v=0", f"o=fuzz 1 1 IN IP4 {around.host}", "s=-", f"c=IN IP4 {around.host}", "t=0 0"),
        *("m=audio 40000 RTP/AVP 8 0 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000"),
        *("a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv"),
    ]
    if method not in {"INVITE", "UPDATE", "invite"} or rng.random() < 0.05:
        sdp = []
    lines = [line.encode() for line in sdp]
    aor = f"sip:{around.caller}@{around.domain}"
    to = aor if method == "REGISTER" else uri
    rows = [
        ("Via", f"SIP/2.0/UDP {around.host}:{around.port};branch=z9hG4bK-{name};rport"),
        ("Max-Forwards", "70"),
        ("From", f'"Fuzz" <{aor}>;tag=f{name}'),
        ("To", f"<{to}>"),
        ("Call-ID", f"{name}@{around.host}"),
        ("CSeq", f"1 {method}"),
        ("Contact", f"<sip:{around.caller}@{around.host}:{around.port}>;expires=60"),
        ("User-Agent", "Fuzz 1.0"),
        ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY"),
        ("Supported", "100rel, timer, replaces"),
        ("Session-Expires", "1800;refresher=uac"),
    ]
    if rng.random() < 0.3:
        rows += [
            ("Diversion", f"<sip:101@{around.domain}>;reason=user-busy;counter=1"),
            ("History-Info", f"<sip:101@{around.domain}?Reason=SIP%3Bcause%3D302>;index=1.1"),
            ("P-Asserted-Identity", f'"X" <sip:101@{around.domain}>'),
            ("Privacy", "id"),
        ]
    if rng.random() < 0.1:
        rows += [
            ("Record-Route", f"<sip:{around.host}:{around.port};lr>"),
            ("Route", f"<{aor};lr>"),
        ]
    if method in {"SUBSCRIBE", "NOTIFY"}:
        rows += [
            ("Event", "message-summary"),
            ("Accept", "application/simple-message-summary"),
            ("Expires", "600"),
            ("Subscription-State", "active;expires=60"),
        ]
    if method == "REFER":
        rows += [("Refer-To", f"<sip:101@{around.domain}>"), ("Referred-By", f"<{aor}>")]
    if authorised and around.authorise is not None:
        body = b"".join(line + b"\r\n" for line in lines)
        rows.append(("Authorization", around.authorise(method, uri, body)))
    if lines:
        rows.append(("Content-Type", "application/sdp"))
    rows.append(("Content-Length", "@length"))
    encoded = [(name.encode(), value.encode("utf-8", "replace")) for name, value in rows]
    return Model(method.encode(), uri.encode("utf-8", "replace"), b"SIP/2.0", encoded, lines)

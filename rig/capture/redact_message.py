"""Takes people out of SIP messages: numbers, names, domains and secrets become others.

Every replacement has the length of what it replaces, so that each Content-Length holds, and is the
same everywhere, so that dialogs, accounts and diversions still fit together. Addresses of hosts
and what a program calls itself stay: they are what a carrier needs. Must not know packets.

Source: RFC 3261 sections 19.1, 20 and 25.1 (where names stand), RFC 3966 (tel), RFC 8866
section 5 (SDP).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from provisioning.access_model import token_spans
from rig.capture.pseudonyms import Pseudonyms
from rig.redact import redact_text

MAX_WORDS = 200_000
NUMBER_DIGITS = 7
"""Numbers that end in the same so many digits are the same."""

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_URI = re.compile(
    rf"\b(?:sips?|im|pres|h323|xmpp|mailto):(?:(?P<user>[^\s<>\"@;,:?/]+)(?:;[^\s<>\"@]*)?(?::[^\s<>\"@]*)?@)?(?P<host>{_HOST})?",
    re.IGNORECASE,
)
_TEL = re.compile(r"\btel:(?P<user>[0-9A-Fa-f*#+().-]+)", re.IGNORECASE)
# Where a value may begin: the quote that ends a parameter begins no name.
_QUOTED_NAME = re.compile(r'(?<![^\s:,])"(?P<name>(?:[^"\\\r\n]|\\.)*)"\s*<')
_BARE_NAME = re.compile(
    r"^[A-Za-z-]+[ \t]*:[ \t]*(?P<name>[^\s\"<>:;,=@][^\"<>:;,=@\r\n]*?)[ \t]*<", re.MULTILINE
)
_DIGEST = re.compile(
    r'\b(?:username|realm|domain|opaque)\s*=\s*"(?P<name>[^"\r\n]*)"', re.IGNORECASE
)
_ANSWER = re.compile(
    r'\b(?:response|rspauth|cnonce)\s*=\s*"?(?P<hex>[0-9A-Za-z+/=]+)', re.IGNORECASE
)
_VIA = re.compile(
    rf"^(?:Via|v)[ \t]*:[^\r\n]*?/[A-Z]+\s+(?P<host>{_HOST})"
    rf"|[;?](?:received|maddr)=(?P<other>{_HOST})",
    re.MULTILINE | re.IGNORECASE,
)
_CALL_ID = re.compile(
    rf"^(?:Call-ID|i)[ \t]*:[^\r\n@]*@(?P<host>{_HOST})", re.MULTILINE | re.IGNORECASE
)
_KIND = re.compile(r"^(?:Content-Type|c)[ \t]*:[ \t]*([^\s;]+)", re.MULTILINE | re.IGNORECASE)
_SDP_OWNER = re.compile(rf"^o=(?P<user>\S+) \S+ \S+ IN IP[46] (?P<host>{_HOST})", re.MULTILINE)
_SDP_HOST = re.compile(rf"^c=IN IP[46] (?P<host>{_HOST})", re.MULTILINE)
_SDP_TEXT = re.compile(r"^[siuep]=(?P<text>[^\r\n]*)", re.MULTILINE)
_MAC = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{12}|(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2})(?![0-9A-Za-z])"
)
_UUID = re.compile(r"(?i)\burn:uuid:(?P<hex>[0-9a-f-]{36})")
_WORD = re.compile(
    r"[A-Za-z0-9_+*#\x80-\xff](?:[A-Za-z0-9_+*#.\x80-\xff-]*[A-Za-z0-9_\x80-\xff])?"
)
_PART = re.compile(r"[0-9]{5,}|[A-Za-z\x80-\xff]{4,}")
_ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_HEADER = re.compile(
    r"^(?P<name>[^\s:]+)[ \t]*:(?P<value>[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.MULTILINE
)
_XML_TEXT = re.compile(r">(?P<text>[^<>]+)<")
_SUMMARY_LINE = re.compile(
    r"^(?!(?:messages-waiting|message-account|[a-z]+-message)\s*:)[^:\r\n]*:(?P<text>[^\r\n]*)",
    re.MULTILINE | re.IGNORECASE,
)

_KEPT_USERS = {"anonymous", "unavailable", "unknown", "restricted", "invalid"}
_KEPT_HOSTS = {"localhost", "invalid", "anonymous.invalid"}
_COMMON = {
    "sip", "sips", "tel", "phone", "user", "udp", "tcp", "tls", "transport", "tag", "branch",
    "voicemail", "mailbox", "digest", "message", "messages", "summary", "active", "terminated",
    "application", "invite", "ack", "bye", "cancel", "options", "register", "notify", "subscribe",
    "info", "update", "refer", "prack", "publish", "reason", "expires", "event", "auth", "true",
    "false", "none", "yes", "unknown", "busy", "trying", "ringing", "accepted", "forbidden",
}  # fmt: skip
"""Words of SIP that are replaced only where a name stands, should somebody be called so."""

_PLAIN_HEADERS = {
    "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards",
    "event", "o", "expires", "subscription-state", "content-type", "c", "content-length", "l",
    "content-encoding", "e", "content-disposition", "content-id", "content-language",
    "mime-version",
    "allow", "allow-events", "u", "supported", "k", "require", "proxy-require", "unsupported",
    "user-agent", "server", "accept", "accept-encoding", "accept-language", "accept-contact", "a",
    "route", "record-route", "path", "service-route", "diversion", "history-info",
    "hi-target-param",
    "p-asserted-identity", "p-preferred-identity", "p-associated-uri", "p-called-party-id",
    "remote-party-id", "authorization", "proxy-authorization", "www-authenticate",
    "proxy-authenticate", "authentication-info", "min-expires", "retry-after", "session-expires",
    "x", "min-se", "rseq", "rack", "reason", "date", "timestamp", "privacy", "refer-to", "r",
    "referred-by", "b", "replaces", "join", "sip-etag", "sip-if-match", "priority", "warning",
    "in-reply-to", "refer-sub", "p-early-media", "security-client", "security-server",
    "security-verify", "request-disposition", "d", "reject-contact", "j", "flow-timer",
}  # fmt: skip
"""Headers in which names stand only at known places; of others every word is replaced."""

Span = tuple[int, int, str]
"""From, to, what stands there instead."""


class MessageRedactor:
    """Redacts messages; learns from all of them first, so that names are found anywhere.

    Args:
        names: gives the pseudonyms.
    """

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._words: set[str] = set()
        self._numbers: set[str] = set()
        self._domains: set[str] = set()

    def learn(self, raw: bytes) -> None:
        """Note the names in a message, to find them where nobody expects them."""
        for start, end, _ in self._spans(raw.decode("latin-1"), known=False):
            self._note(raw[start:end].decode("latin-1").lower())

    def redact(self, raw: bytes) -> bytes:
        """A message without people, as long as before."""
        return self._applied(raw, self._spans(raw.decode("latin-1"), known=True))

    def scramble(self, raw: bytes) -> bytes:
        """Text of which nothing is known: every word is replaced."""
        text = raw.decode("latin-1")
        return self._applied(raw, self._all_words(text, 0))

    def path(self, raw: bytes) -> bytes:
        """A file's name: path tokens, hardware addresses and known names are replaced."""
        text = raw.decode("latin-1")
        tokens = [(begin, end, "*" * (end - begin)) for begin, end in token_spans(text)]
        return self._applied(raw, [*tokens, *self._hardware(text), *self._known_words(text)])

    def _applied(self, raw: bytes, spans: list[Span]) -> bytes:
        """Put the replacements in, the first of overlapping ones, then blank what is left."""
        taken = bytearray(len(raw))
        text = bytearray(raw)
        for start, end, new in spans:
            if end > start and not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                text[start:end] = new.encode("latin-1", "replace")
        shown = bytes(text).decode("latin-1")
        blanked = redact_text(shown).encode("latin-1")
        # What has a pseudonym needs no stars: an answer to a challenge stays an answer.
        return bytes(
            old if mark else new for old, new, mark in zip(text, blanked, taken, strict=True)
        )

    def _spans(self, text: str, *, known: bool) -> list[Span]:
        head_end = text.find("\r\n\r\n")
        head_end = len(text) if head_end < 0 else head_end
        spans = [*self._answers(text), *self._places(text), *self._bodies(text, head_end)]
        if known:
            spans += self._odd_headers(text, head_end)
            spans += self._hardware(text)
            spans += self._known_words(text)
        return spans

    def _places(self, text: str) -> Iterator[Span]:
        for pattern in (_URI, _TEL, _VIA, _CALL_ID, _SDP_OWNER, _SDP_HOST):
            for found in pattern.finditer(text):
                for group, value in found.groupdict().items():
                    if value and self._is_private(value, host=group != "user"):
                        yield found.start(group), found.end(group), self._names.of(value)
        for pattern in (_QUOTED_NAME, _BARE_NAME, _DIGEST):
            for found in pattern.finditer(text):
                for word in _WORD.finditer(found["name"]):
                    if self._is_private(word[0], host="." in word[0]):
                        start = found.start("name") + word.start()
                        yield start, start + len(word[0]), self._names.of(word[0])

    @staticmethod
    def _is_private(value: str, *, host: bool) -> bool:
        lowered = value.lower()
        if host:
            return lowered not in _KEPT_HOSTS and not _ADDRESS.fullmatch(lowered)
        return lowered not in _KEPT_USERS and value != "-"

    def _answers(self, text: str) -> Iterator[Span]:
        for found in _ANSWER.finditer(text):
            yield found.start("hex"), found.end("hex"), self._names.of_hex(found["hex"])

    def _hardware(self, text: str) -> Iterator[Span]:
        for found in _MAC.finditer(text):
            # The same address with and without separators stays the same.
            digits = iter(self._names.of_hex(re.sub("[:-]", "", found[0])))
            new = "".join(mark if mark in ":-" else next(digits) for mark in found[0])
            yield found.start(), found.end(), new
        for found in _UUID.finditer(text):
            yield found.start("hex"), found.end("hex"), self._names.of_hex(found["hex"])

    def _bodies(self, text: str, head_end: int) -> Iterator[Span]:
        start = head_end + 4
        body = text[start:]
        if not body.strip():
            return
        kind = re.search(
            r"^(?:Content-Type|c)[ \t]*:[ \t]*([^\s;]+)",
            text[:head_end],
            re.MULTILINE | re.IGNORECASE,
        )
        name = kind[1].lower() if kind else ""
        if name == "application/sdp":
            pattern = _SDP_TEXT
        elif name == "application/simple-message-summary":
            pattern = _SUMMARY_LINE
        elif name.endswith("xml"):
            pattern = _XML_TEXT
        elif name.startswith("multipart/") or name == "message/sipfrag":
            return
        else:
            yield from self._all_words(body, start)
            return
        for found in pattern.finditer(body):
            yield from self._all_words(found["text"], start + found.start("text"))

    def _odd_headers(self, text: str, head_end: int) -> Iterator[Span]:
        for found in _HEADER.finditer(text, text.find("\n") + 1, head_end):
            if found["name"].lower() not in _PLAIN_HEADERS:
                yield from self._all_words(found["value"], found.start("value"))

    def _all_words(self, text: str, offset: int) -> list[Span]:
        return [
            (offset + word.start(), offset + word.end(), self._names.of(word[0]))
            for word in _WORD.finditer(text)
            if not _ADDRESS.fullmatch(word[0])
        ]

    def _known_words(self, text: str) -> Iterator[Span]:
        for word in _WORD.finditer(text):
            if self._is_known(word[0].lower()):
                yield word.start(), word.end(), self._names.of(word[0])
                continue
            for part in _PART.finditer(word[0]):
                if self._is_known(part[0].lower()):
                    start = word.start() + part.start()
                    yield start, start + len(part[0]), self._names.of(part[0])

    def _is_known(self, word: str) -> bool:
        if word in self._words:
            return True
        if word[-NUMBER_DIGITS:] in self._numbers and word.lstrip("+").isdigit():
            return True
        if "." in word:
            labels = word.split(".")
            return any(".".join(labels[i:]) in self._domains for i in range(len(labels) - 1))
        return False

    def _note(self, word: str) -> None:
        if len(self._words) >= MAX_WORDS or word in _COMMON:
            return
        digits = sum(map(str.isdigit, word))
        if "." in word and digits != len(word) - word.count("."):
            self._domains.add(word)
        if digits >= NUMBER_DIGITS and word.lstrip("+").isdigit():
            self._numbers.add(word[-NUMBER_DIGITS:])
        if (digits == len(word) and digits >= 5) or (digits < len(word) and len(word) >= 4):
            self._words.add(word)

"""Writes the mails of a mailbox, so that no caller can write into them.

A mail is a function of what is known about the message: every attempt to deliver it has the
same octets, the same Message-ID and the same Date, so a repeated one is recognised as such.

A caller's name is the caller's choice. Controls, line breaks, direction marks and anything
else without a shape of its own become a space; what looks like an encoded word is broken up;
and it is cut short, before it meets a header.

Source: RFC 5322 section 3.6; RFC 2047; RFC 2045 to 2049; RFC 3834 section 5
(``Auto-Submitted``); RFC 4021 section 2.1.54 (``Importance``).
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from provisioning.inventory_site import Site
from rig.mailbox_platform.embedded.mail.mail_rules import MailPurpose
from rig.mailbox_platform.embedded.mail.mail_text import MailText, text_for
from rig.media.wav import to_wav

LONGEST_NAME = 64
_LINE_CHARS = 76
_SHAPELESS = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}


@dataclass(frozen=True, slots=True)
class LeftMessage:
    """What is known about a message that somebody left.

    Attributes:
        message_id: unique in the store.
        mailbox: number of the mailbox.
        caller: number of the caller; empty when withheld.
        caller_name: as signalled; may be anything.
        at: when it was left, seconds of :mod:`rig.clock`.
        duration_s: length of the audio.
        urgent: marked urgent by the caller.
        redirected: it is not in the mailbox (R35).
    """

    message_id: str
    mailbox: str
    caller: str
    caller_name: str
    at: float
    duration_s: float
    urgent: bool = False
    redirected: bool = False


class MailComposer:
    """Writes mails in the language and the time of one site.

    Args:
        site: its language, time zone, domain, portal and users' names.
        sender: address in ``From``.
    """

    def __init__(self, site: Site, sender: str) -> None:
        self._site = site
        self._sender = sender
        self._text = text_for(site.locale.language)
        self._zone = time_zone(site.locale.time_zone)

    def compose(
        self, left: LeftMessage, purpose: MailPurpose, address: str, pcm: bytes | None
    ) -> bytes:
        """Write one mail.

        Args:
            left: the message.
            purpose: why it is sent.
            address: to whom.
            pcm: audio, 8 kHz mono 16 bit; needed when the purpose attaches it.

        Returns:
            The whole mail, lines ended by CRLF, ASCII only.
        """
        text = self._text
        when = datetime.fromtimestamp(left.at, self._zone)
        caller = _caller(left, text)
        mail = EmailMessage(policy=SMTP)
        urgent = text.urgent if left.urgent else ""
        subject = urgent + text.subject.format(caller=caller)
        if purpose is MailPurpose.LOCKED:
            subject = text.locked_subject
        mail["From"] = Address(text.sender, addr_spec=self._sender)
        mail["To"] = Address(addr_spec=address)
        mail["Date"] = format_datetime(when)
        mail["Message-ID"] = message_id(left.message_id, purpose, self._site.domain)
        mail["Auto-Submitted"] = "auto-generated"
        if left.urgent:
            mail["Importance"] = "high"
        body = self._body(left, purpose, caller, when)
        mail.set_content(body, charset="utf-8", cte="quoted-printable")
        if purpose.attaches_audio and pcm is not None:
            _attach(mail, to_wav(pcm), file_name(when))
            mail.set_boundary(_boundary(left.message_id, purpose))
        return _subject_row(subject) + mail.as_bytes()

    def _body(self, left: LeftMessage, purpose: MailPurpose, caller: str, when: datetime) -> str:
        text, site = self._text, self._site
        user = site.users.get(left.mailbox)
        owner = shape_name(user.name) if user is not None else left.mailbox
        zone = when.tzname() or "UTC"
        values = (
            caller,
            f"{when.strftime(text.time)} ({zone})",
            length_text(left.duration_s),
            f"{owner}, {left.mailbox}",
        )
        rows = [f"{label}: {value}" for label, value in zip(text.rows, values, strict=True)]
        portal = f" ({site.voice_portal_number})" if site.voice_portal_number else ""
        closing = text.closing[purpose].format(portal=portal)
        if purpose is MailPurpose.LOCKED:
            opening = text.locked_opening.format(owner=owner)
            return "\n".join([opening, "", rows[1], rows[3], "", closing, ""])
        if purpose is MailPurpose.NOTICE and left.redirected:
            closing = text.closing_redirected
        return "\n".join([text.opening.format(owner=owner), "", *rows, "", closing, ""])


def message_id(message: str, purpose: MailPurpose, domain: str) -> str:
    """The Message-ID of a mail: the same for every attempt to send it.

    Args:
        message: identifier of the message in the store.
        purpose: why the mail is sent.
        domain: of the site; what does not fit an identifier is left out.
    """
    right = re.sub(r"[^A-Za-z0-9.-]", "", domain).strip(".-") or "localhost"
    return f"<{message}.{purpose.value}@{right}>"


def shape_name(name: str) -> str:
    """Make a name that somebody else chose fit to be shown on one line.

    Args:
        name: anything.

    Returns:
        At most :data:`LONGEST_NAME` characters, each of which can be seen; may be empty.
    """
    seen = (
        " " if unicodedata.category(character) in _SHAPELESS else character
        for character in name[: 16 * LONGEST_NAME]
    )
    broken = re.sub(r"=(?=\?)|\?(?==)", r"\g<0> ", "".join(seen))
    return " ".join(broken.split())[:LONGEST_NAME].rstrip()


def length_text(duration_s: float) -> str:
    """A length of audio for people, minutes and seconds, at least one second."""
    seconds = max(1, round(duration_s))
    return f"{seconds // 60}:{seconds % 60:02d} min"


def file_name(when: datetime) -> str:
    """Name the attachment: letters, digits and hyphens only, the same in every language."""
    return f"mailbox-{when:%Y%m%d-%H%M%S}.wav"


def time_zone(name: str) -> tzinfo:
    """The time zone of a site; UTC on a machine that does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _caller(left: LeftMessage, text: MailText) -> str:
    number, name = shape_name(left.caller), shape_name(left.caller_name)
    if not number:
        return name or text.withheld
    return f"{name} ({number})" if name and name != number else number


def _subject_row(subject: str) -> bytes:
    """Write the subject, all of it or nothing of it as encoded words.

    The message class encodes word by word, and some versions of it then lose a space between
    two encoded words, because such a space is no part of the text (RFC 2047 section 6.2).
    """
    charset = "us-ascii" if subject.isascii() else "utf-8"
    header = Header(subject, charset, maxlinelen=_LINE_CHARS, header_name="Subject")
    return f"Subject: {header.encode(linesep=SMTP.linesep)}{SMTP.linesep}".encode("ascii")


def _attach(mail: EmailMessage, content: bytes, name: str) -> None:
    mail.add_attachment(content, "audio", "wav", filename=name)


def _boundary(message: str, purpose: MailPurpose) -> str:
    """A boundary that is the same every time; none of its lines can be in base64 or text."""
    return "=_" + hashlib.sha256(f"{message}.{purpose.value}".encode()).hexdigest()[:32]

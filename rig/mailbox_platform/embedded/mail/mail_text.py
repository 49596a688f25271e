"""What the platform's mails say, by language: wording is data, not code."""

from __future__ import annotations

from dataclasses import dataclass

from rig.mailbox_platform.embedded.mail.mail_rules import MailPurpose


@dataclass(frozen=True, slots=True)
class MailText:
    """The words of one language; braces are filled in by :mod:`.mail_message`.

    Attributes:
        subject: with ``caller``.
        withheld: for a caller without number.
        time: form of an instant, for :meth:`datetime.datetime.strftime`.
        urgent: put before the subject of an urgent message.
        rows: labels of caller, time, length and mailbox, in this order.
        opening: first line, with ``owner``.
        closing: last line, by purpose, with ``portal``.
        closing_redirected: last line of a notice when the message itself goes by mail.
        locked_subject: of the mail that says that a mailbox is locked.
        locked_opening: its first line, with ``owner``.
        sender: display name of the sender.
    """

    subject: str
    withheld: str
    time: str
    urgent: str
    rows: tuple[str, str, str, str]
    opening: str
    closing: dict[MailPurpose, str]
    closing_redirected: str
    locked_subject: str
    locked_opening: str
    sender: str


GERMAN = MailText(
    subject="Neue Sprachnachricht von {caller}",
    withheld="unbekannt",
    time="%d.%m.%Y, %H:%M Uhr",
    urgent="Dringend: ",
    rows=("Anrufer", "Zeit", "Länge", "Mailbox"),
    opening="Für {owner} wurde eine Nachricht hinterlassen.",
    closing={
        MailPurpose.NOTICE: "Zum Abhören rufen Sie die Mailbox an{portal}.",
        MailPurpose.COPY: "Die Nachricht hängt an. Sie liegt auch in der Mailbox{portal}.",
        MailPurpose.REDIRECT: "Die Nachricht hängt an. In der Mailbox liegt sie nicht.",
        MailPurpose.LOCKED: "Waren Sie das nicht, so ändern Sie bitte Ihr Kennwort{portal}.",
    },
    closing_redirected="Die Nachricht selbst geht per E-Mail an die eingestellte Adresse.",
    locked_subject="Ihre Mailbox ist gesperrt",
    locked_opening="Die Mailbox von {owner} ist nach zu vielen falschen Kennwörtern gesperrt.",
    sender="Mailbox",
)
ENGLISH = MailText(
    subject="New voice message from {caller}",
    withheld="unknown",
    time="%Y-%m-%d %H:%M",
    urgent="Urgent: ",
    rows=("Caller", "Time", "Length", "Mailbox"),
    opening="A message was left for {owner}.",
    closing={
        MailPurpose.NOTICE: "Call the mailbox to hear it{portal}.",
        MailPurpose.COPY: "The message is attached. It is in the mailbox as well{portal}.",
        MailPurpose.REDIRECT: "The message is attached. It is not in the mailbox.",
        MailPurpose.LOCKED: "If that was not you, please change your PIN{portal}.",
    },
    closing_redirected="The message itself goes to the chosen address by mail.",
    locked_subject="Your mailbox is locked",
    locked_opening="The mailbox of {owner} is locked after too many wrong PINs.",
    sender="Mailbox",
)


def text_for(language: str) -> MailText:
    """Choose the words for a language.

    Args:
        language: BCP 47, in any case; ``de`` in any variant is German, all else English.
    """
    return GERMAN if language.lower().replace("_", "-").split("-")[0] == "de" else ENGLISH

"""The part of a profile that is about requests and files: who asks, for what, in which syntax."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")


class FileScope(StrEnum):
    """Who shares a rendered file."""

    HANDSET = "handset"
    MODEL = "model"


class FileKind(StrEnum):
    """What a file holds."""

    SETTINGS = "settings"
    LIST = "list"


@dataclass(frozen=True, slots=True, config=_STRICT)
class VendorClass:
    """How models show themselves to DHCP.

    Attributes:
        pattern: regular expression of option 60, with groups ``model`` and ``firmware`` where the
            class names them; empty when it is not known.
        samples: vendor classes that must match.
    """

    pattern: str = ""
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, config=_STRICT)
class CertificateForm:
    """Where a model's own client certificate names its MAC.

    Attributes:
        fields: which parts of the certificate count, as OpenSSL spells them in full
            (``commonName``), and ``DNS`` for a subject alternative name.
        pattern: regular expression that a whole such part must match, with a group ``mac``.
        samples: parts that must match.
    """

    fields: tuple[str, ...] = ("commonName", "DNS")
    pattern: str = r"(?P<mac>[0-9A-Fa-f]{12}|[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5})(?:\..*)?"
    samples: tuple[str, ...] = ("001565ABCDEF",)


@dataclass(frozen=True, slots=True, config=_STRICT)
class Identify:
    """How a request tells the model.

    Attributes:
        user_agent: regular expression with the groups ``model``, ``firmware`` and, if the
            vendor sends it, ``mac``.
        mac_oui: vendor parts of MAC addresses.
        samples: User-Agents that must match.
        vendor_class: what it sends to DHCP as option 60.
        certificate: where its client certificate names its MAC.
    """

    user_agent: str
    mac_oui: tuple[str, ...]
    samples: tuple[str, ...]
    vendor_class: VendorClass = VendorClass()
    certificate: CertificateForm = CertificateForm()


@dataclass(frozen=True, slots=True, config=_STRICT)
class BootRequest:
    """One file that the booting model asks for, in order.

    Attributes:
        path: name below the provisioning URL, with placeholders.
        required: the handset does not come up without it.
        group: requests of one group are alternatives: once one is found, the rest of the
            group is not asked for.
        unless_group: not asked for once this group was served.
        expects: settings, or a list of further files.
    """

    path: str
    required: bool = False
    group: str = ""
    unless_group: str = ""
    expects: FileKind = FileKind.SETTINGS


@dataclass(frozen=True, slots=True, config=_STRICT)
class ListForm:
    """How a file of this vendor names further ones.

    Attributes:
        pattern: regular expression with a group ``name``, found once for each place of names.
        marker: regular expression that a file must hold for its names to count; empty for any.
        separator: between several names in one place; empty for one name.
        mac: what stands for the handset's own address in a name; empty for nothing.
        markup: whether it is XML, so that comments do not count and entities are resolved.
    """

    pattern: str
    marker: str = ""
    separator: str = ""
    mac: str = ""
    markup: bool = False


@dataclass(frozen=True, slots=True, config=_STRICT)
class PnpForm:
    """How the model asks the network by SIP PnP where its files are.

    Attributes:
        user: user part of its URIs, with placeholders; empty for none.
        vendor: what it calls its vendor in the Event; empty for no such parameter.
        model: what it calls itself there, with placeholders.
        profile_type: parameter of the Event.
        patience_s: how long it waits for an answer, seconds.
    """

    vendor: str
    user: str = "MAC%3a{mac}"
    model: str = "{hardware_name}"
    profile_type: Literal["device", "application"] = "device"
    patience_s: float = 5.0


@dataclass(frozen=True, slots=True, config=_STRICT)
class Boot:
    """The boot sequence.

    Attributes:
        transports: what it can fetch by.
        user_agent: how it names itself over HTTP, with placeholders.
        requests: in order.
        precedence: which of two files wins when both hold a key: the ``last`` or the
            ``first`` one read.
        listing: how a file that a request expects to be a list names further ones.
        uploads: names of files that the model puts on its server, with placeholders; each
            holds the handset's MAC.
        pnp: how it asks by SIP PnP; None if it does not, or nobody knows.
    """

    transports: tuple[Literal["tftp", "http", "https"], ...]
    user_agent: str
    requests: tuple[BootRequest, ...]
    precedence: Literal["last", "first"]
    listing: ListForm | None = None
    uploads: tuple[str, ...] = ()
    pnp: PnpForm | None = None


@dataclass(frozen=True, slots=True, config=_STRICT)
class RenderFile:
    """One file that is rendered for a handset.

    Attributes:
        path: name with placeholders.
        template: below the templates folder.
        scope: who shares it.
        kind: settings, or a list of further files.
        secret: holds passwords.
        media_type: for the HTTP ``Content-Type``.
    """

    path: str
    template: str
    scope: FileScope
    media_type: str
    kind: FileKind = FileKind.SETTINGS
    secret: bool = False


@dataclass(frozen=True, slots=True, config=_STRICT)
class Render:
    """How the model's files are written.

    Attributes:
        format: syntax, a module of :mod:`provisioning.formats`.
        dialect: folder below the templates folder with templates, tables and the read-back map.
        files: what is rendered.
    """

    format: str
    dialect: str
    files: tuple[RenderFile, ...]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Encryption:
    """How the handset decrypts the files that it fetches. None of it protects integrity.

    Attributes:
        mode: of AES.
        key_bits: of AES, 128 or 256.
        key_from: ``raw``: the characters of the key are the key; ``openssl_md5``: key and initial
            vector are made of them as OpenSSL did before version 1.1.
        padding: ``pkcs7``, or ``lines``: the content ends with line ends up to a whole block.
        key_pattern: regular expression of the keys that it takes.
        key_form: the same in words.
        key_setting: where the phone keeps the key, in the vendor's words.
        salted: the file begins with ``Salted__`` and eight octets of salt.
        base64: the file is text in base 64.
        lost_by: a setting in our files that takes the key away; empty for none.
    """

    mode: Literal["ecb", "cbc"]
    key_bits: int
    key_from: Literal["raw", "openssl_md5"]
    padding: Literal["pkcs7", "lines"]
    key_pattern: str
    key_form: str
    key_setting: str
    salted: bool = False
    base64: bool = False
    lost_by: str = ""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Resync:
    """How to make the handset fetch again.

    Attributes:
        method: ``sip_notify``.
        event: value of the ``Event`` header that makes it re-read its files.
        reboot_event: the one that reboots it.
        other_events: what further public sources send instead, where they disagree; nobody has
            measured which one is right.
        body: of the NOTIFY with ``event``; empty for none.
        reboot_body: of the one with ``reboot_event``.
        media_type: of the body.
        trust: whom it obeys: ``anyone``, or who knows its account's password, which it asks for
            by a challenge.
    """

    method: Literal["sip_notify"]
    event: str
    reboot_event: str
    other_events: tuple[str, ...] = ()
    body: str = ""
    reboot_body: str = ""
    media_type: str = "text/plain"
    trust: Literal["anyone", "challenge"] = "anyone"

    @property
    def events(self) -> tuple[str, ...]:
        """Every event that it may follow."""
        return (self.event, self.reboot_event, *self.other_events)

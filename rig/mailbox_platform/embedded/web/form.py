"""Reads what a browser sends with a form: bounded, and nothing but text and one file.

Source: WHATWG URL (application/x-www-form-urlencoded), RFC 7578 (multipart/form-data).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from urllib.parse import parse_qsl

from aiohttp import web

from rig.mailbox_platform.embedded.web.refusal import Refusal

MAX_FORM_OCTETS = 64 * 1024
MAX_UPLOAD_OCTETS = 2_000_000
"""Two minutes of 16 bit audio at 8 kHz, and its header."""
MAX_FIELDS = 100
_PIECE_OCTETS = 64 * 1024
_MOST_DROPPED_OCTETS = 20_000_000
"""So much of a file that is too large is still read, to say so on the page."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form.

    Attributes:
        fields: value by name; of a name that comes twice, the last.
        upload: content of the file; None when none was sent.
        too_large: a file was sent, and it is above the limit.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    upload: bytes | None = None
    too_large: bool = False

    def text(self, name: str) -> str:
        """The value of a field without blanks around it; empty when it is not there."""
        return self.fields.get(name, "").strip()

    def raw(self, name: str) -> str:
        """The value of a field as it was sent, for secrets."""
        return self.fields.get(name, "")

    def checked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self.fields

    def on(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.fields.get(name) == "on"


async def read_form(request: web.BaseRequest) -> Form:
    """Read the form in the body of a request.

    Raises:
        Refusal: 413 for too much, 415 for another kind of body, 400 for what cannot be read.
    """
    kind = request.content_type.lower()
    if kind == "multipart/form-data":
        return await _read_multipart(request)
    if kind != "application/x-www-form-urlencoded":
        raise Refusal(415, "form")
    body, whole = await _read_body(request, MAX_FORM_OCTETS, MAX_FORM_OCTETS)
    if not whole:
        raise Refusal(413, "too_large")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MAX_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise Refusal(400, "form") from None
    return Form(dict(pairs))


async def _read_body(request: web.BaseRequest, kept: int, most: int) -> tuple[bytes, bool]:
    """Read a body; gives its first octets, and whether they are all.

    Raises:
        Refusal: 413 for more than ``most``.
    """
    content = bytearray()
    size = 0
    async for piece in request.content.iter_chunked(_PIECE_OCTETS):
        size += len(piece)
        if size > most:
            raise Refusal(413, "too_large")
        content += piece[: max(0, kept - len(content))]
    return bytes(content), size <= kept


async def _read_multipart(request: web.BaseRequest) -> Form:
    body, whole = await _read_body(
        request, MAX_UPLOAD_OCTETS + MAX_FORM_OCTETS, _MOST_DROPPED_OCTETS
    )
    return parse_multipart(request.headers["Content-Type"], body, whole=whole)


def parse_multipart(content_type: str, body: bytes, *, whole: bool = True) -> Form:
    """Take a multipart body apart.

    Args:
        content_type: the header, which names the boundary.
        body: its first octets.
        whole: whether they are all; otherwise the file at the end was too large.

    Raises:
        Refusal: 400 for what cannot be read, 413 for a field that is too large.
    """
    boundary = _header({"content-type": content_type}).get_boundary("")
    _, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("latin-1", "replace"))
    if not boundary or not parts or len(parts) > MAX_FIELDS:
        raise Refusal(400, "form")
    last = parts.pop()
    if whole and not last.startswith(b"--"):
        raise Refusal(400, "form")
    fields: dict[str, str] = {}
    upload: bytes | None = None
    for part in parts:
        name, is_file, content = _part(part)
        if is_file:
            upload = content or None
        else:
            fields[name] = _text(content)
    if whole:
        too_large = upload is not None and len(upload) > MAX_UPLOAD_OCTETS
        return Form(fields, None if too_large else upload, too_large)
    _, is_file, _ = _part(last)
    if not is_file:
        raise Refusal(413, "too_large")
    return Form(fields, None, too_large=True)


def _part(part: bytes) -> tuple[str, bool, bytes]:
    """Name of a part, whether it is a file, and its content.

    What the sender calls a file is the sender's affair and goes nowhere.
    """
    head, blank, content = part.partition(b"\r\n\r\n")
    rows = head.decode("utf-8", "replace").split("\r\n")[1:]
    pairs = (row.partition(":") for row in rows)
    header = _header({name.strip().lower(): value.strip() for name, _, value in pairs})
    name = header.get_param("name", None, "content-disposition")
    if not blank or not isinstance(name, str):
        raise Refusal(400, "form")
    return name, header.get_param("filename", None, "content-disposition") is not None, content


def _text(content: bytes) -> str:
    if len(content) > MAX_FORM_OCTETS:
        raise Refusal(413, "too_large")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Refusal(400, "form") from None


def _header(rows: Mapping[str, str]) -> Message:
    header = Message()
    for name, value in rows.items():
        header[name] = value
    return header

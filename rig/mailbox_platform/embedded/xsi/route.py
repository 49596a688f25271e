"""Paths of the API: a table of templates, matched without regard to case.

The templates are those of the OpenAPI description.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from aiohttp import web

from provisioning.inventory_model import User
from rig.mailbox_platform.embedded.xsi.backend import Backend
from rig.mailbox_platform.embedded.xsi.faults import ApiFault
from rig.mailbox_platform.xsi_document import (
    MAX_OCTETS,
    DocumentError,
    Element,
    from_json,
    from_xml,
    to_json,
    to_xml,
)

ACTIONS = "/com.broadsoft.xsi-actions/v2.0/user/{userId}"
EVENTS = "/com.broadsoft.xsi-events/v2.0"
ASYNC_EVENTS = "/com.broadsoft.async/com.broadsoft.xsi-events/v2.0"
MANAGEMENT = "/phonerig/v1/users/{number}"
_XML = "application/xml"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, from a user who has proven who it is.

    Attributes:
        request: as the HTTP server gives it.
        user: who asks.
        params: values of the template's variables.
        backend: the platform.
    """

    request: web.BaseRequest
    user: User
    params: dict[str, str]
    backend: Backend

    @property
    def wants_json(self) -> bool:
        """Whether the client asks for JSON."""
        return self.request.query.get("format", "").lower() == "json"

    def reply(self, document: Element, status: int = 200) -> web.Response:
        """Answer with a document, as XML or as JSON."""
        return document_response(document, status, as_json=self.wants_json)

    async def document(self, root: str) -> Element:
        """Read the body.

        Args:
            root: name that the root element must have, in any case.

        Raises:
            ApiFault: 400 for what cannot be read, 415 for another media type.
        """
        content = await read_body(self.request)
        kind = self.request.content_type.lower()
        as_json = kind.endswith("json") or (self.wants_json and not kind.endswith("xml"))
        if not as_json and not _may_be_xml(kind):
            raise ApiFault(415, f"Content-Type {kind} is not taken; send {_XML} or {_JSON}.")
        try:
            found = from_json(content) if as_json else from_xml(content)
        except DocumentError as error:
            raise ApiFault(400, str(error)) from error
        if found.name.lower() != root.lower():
            raise ApiFault(400, f"The root element is {found.name}; expected {root}.")
        return found


def _may_be_xml(kind: str) -> bool:
    # curl and old clients say they send a form, or nothing at all.
    return kind.endswith("xml") or kind in {
        "text/plain",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
    }


async def read_body(request: web.BaseRequest) -> bytes:
    """The whole body.

    Raises:
        ApiFault: 413 when it is larger than any document of this API.
    """
    try:
        content = await request.read()
    except web.HTTPRequestEntityTooLarge:
        content = b"x" * (MAX_OCTETS + 1)
    if len(content) > MAX_OCTETS:
        raise ApiFault(413, f"The body is larger than {MAX_OCTETS} octets.")
    return content


def document_response(
    document: Element,
    status: int = 200,
    *,
    as_json: bool = False,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """Make an answer of a document."""
    return web.Response(
        status=status,
        body=to_json(document) if as_json else to_xml(document),
        content_type=_JSON if as_json else _XML,
        charset="UTF-8",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path.

    Attributes:
        method: of HTTP.
        template: path with ``{variables}``.
        handler: answers it.
        owner: variable that names whose data it is; empty when the handler looks itself.
    """

    method: str
    template: str
    handler: Handler
    owner: str = ""
    parts: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.template.strip("/").split("/")))

    def match(self, path: tuple[str, ...]) -> dict[str, str] | None:
        """Values of the variables; None for another path."""
        if len(path) != len(self.parts):
            return None
        params = {}
        for wanted, got in zip(self.parts, path, strict=True):
            if wanted.startswith("{"):
                params[wanted.strip("{}")] = got
            elif wanted.lower() != got.lower():
                return None
        return params


def split_path(raw_path: str) -> tuple[str, ...]:
    """Segments of a path as sent, each decoded by itself."""
    path = raw_path.partition("?")[0].strip("/")
    return tuple(unquote(segment) for segment in path.split("/"))


def find_route(
    routes: Iterable[Route], method: str, path: tuple[str, ...]
) -> tuple[Route, dict[str, str]]:
    """The route of a request.

    Raises:
        ApiFault: 404 for an unknown path, 405 for another method.
    """
    allowed = []
    for route in routes:
        params = route.match(path)
        if params is None:
            continue
        if route.method == method:
            return route, params
        allowed.append(route.method)
    if allowed:
        allow = ", ".join(sorted(allowed))
        raise ApiFault(405, f"This path takes {allow}.", {"Allow": allow})
    raise ApiFault(404, "There is no such resource.")

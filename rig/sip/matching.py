"""Which message belongs to which transaction, and the requests a transaction makes itself.

Covers RFC 3261 8.2.2.2 (merged requests), 9.1 (CANCEL), 17.1.1.3 (ACK of a failure), 17.1.3 and
17.2.3 (matching, with the fallback for RFC 2543 branches), 18.2.1, 18.2.2 and RFC 3581 (where a
response goes).
"""

from __future__ import annotations

from rig.sip.event import Address, ClientKey, Flow, ServerKey
from rig.sip.grammar import split_top_level
from rig.sip.header import Headers, canonical_name
from rig.sip.message import Request, Response
from rig.sip.name_addr import Via
from rig.sip.tokens import MAGIC_COOKIE

DEFAULT_PORT = 5060

AckKey = tuple[str, str, str, int]
"""Call-ID, From tag, To tag and CSeq number: which 2xx an ACK acknowledges."""

MergeKey = tuple[str, str, int, str]
"""From tag, Call-ID, CSeq number and method: the same request by another way."""


def host_port(address: Address) -> str:
    """An address as a Via or URI writes it: IPv6 in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def make_via(flow: Flow, branch: str) -> str:
    """The Via of a request we send; it always asks for ``rport``.

    Source: RFC 3261 8.1.1.7, RFC 3581 3.
    """
    return f"SIP/2.0/{flow.transport} {host_port(flow.local)};branch={branch};rport"


def sent_by(via: Via) -> str:
    """Host and port of a Via in one comparable form."""
    return f"{via.host.lower().strip('[]')}:{via.port or DEFAULT_PORT}"


def own_sent_by(flow: Flow) -> str:
    """What :func:`sent_by` gives for our own Via on this flow."""
    return f"{flow.local[0].lower()}:{flow.local[1]}"


def server_key(request: Request) -> ServerKey:
    """Name the server transaction a request belongs to; an ACK belongs to its INVITE's.

    Raises:
        MessageError: Via, From, Call-ID or CSeq is missing or malformed.

    Source: RFC 3261 17.2.3.
    """
    via = request.via
    method = "INVITE" if request.method == "ACK" else request.method
    branch = via.branch or ""
    if not branch.startswith(MAGIC_COOKIE) or len(branch) == len(MAGIC_COOKIE):
        branch = "|".join(
            (
                request.uri,
                request.from_.tag or "",
                request.call_id,
                str(request.cseq.number),
                str(via),
            )
        )
    return branch, sent_by(via), method


def cancelled_key(cancel: Request) -> ServerKey:
    """Name the INVITE transaction a CANCEL asks to end. Source: RFC 3261 9.2."""
    branch, sender, _ = server_key(cancel)
    return branch, sender, "INVITE"


def client_key(response: Response) -> ClientKey:
    """Name the client transaction a response belongs to. Source: RFC 3261 17.1.3."""
    return response.via.branch or "", response.cseq.method


def merge_key(request: Request) -> MergeKey:
    """Name a request independent of the way it came. Source: RFC 3261 8.2.2.2."""
    cseq = request.cseq
    return request.from_.tag or "", request.call_id, cseq.number, cseq.method


def ack_key(request: Request, to_tag: str) -> AckKey:
    """Name the 2xx that an ACK acknowledges, from the INVITE or from the ACK."""
    return request.call_id, request.from_.tag or "", to_tag, request.cseq.number


def marked_via(via: Via, remote: Address) -> str | None:
    """The sender's Via with ``received`` and ``rport`` filled in.

    Args:
        via: topmost Via of a request.
        remote: where the request really came from.

    Returns:
        The Via to send back, or None when it needs no mark.

    Source: RFC 3261 18.2.1, RFC 3581 4.
    """
    wants_rport = via.param("rport") is not None
    if not wants_rport and via.host.strip("[]") == remote[0]:
        return None
    params = [p for p in via.params if p[0].lower() not in {"rport", "received"}]
    params.append(("received", remote[0]))
    if wants_rport:
        params.append(("rport", str(remote[1])))
    return str(Via(via.transport, via.host, via.port, tuple(params), via.protocol))


def response_flow(via: Via, flow: Flow) -> Flow:
    """Where the responses to a request go.

    Over a connection they go back on it. Over UDP they go to the source host, and to the source
    port if the client asked for that with ``rport``, else to the port its Via names. ``maddr``
    is ignored: it would let a stranger aim our responses at others.

    Source: RFC 3261 18.2.2, RFC 3581 4.
    """
    if flow.reliable or via.param("rport") is not None:
        return flow
    port = via.port or DEFAULT_PORT
    if port == flow.remote[1]:
        return flow
    return Flow(flow.transport, flow.local, (flow.remote[0], port))


def with_top_via(headers: Headers, value: str) -> Headers:
    """A copy of headers with ``value`` in the place of the first Via value."""
    rows = list(headers)
    for place, (name, row) in enumerate(rows):
        if canonical_name(name) == "via":
            rest = split_top_level(row, ",")[1:] if "," in row else []
            rows[place : place + 1] = [(name, value), *((name, other) for other in rest)]
            break
    return Headers.adopt(rows)


def _same_branch(request: Request, method: str, to: str) -> Request:
    rows = [("Via", request.headers.get_list("Via")[0])]
    rows += [("Route", value) for value in request.headers.get_all("Route")]
    rows += [
        ("Max-Forwards", "70"),
        ("From", request.headers.get("From") or ""),
        ("To", to),
        ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq.number} {method}"),
    ]
    return Request(method, request.uri, Headers(rows), b"")


def make_failure_ack(request: Request, response: Response) -> Request:
    """The ACK that ends an INVITE answered 300 to 699. Source: RFC 3261 17.1.1.3."""
    return _same_branch(request, "ACK", response.headers.get("To") or "")


def make_cancel(request: Request) -> Request:
    """The CANCEL of an INVITE. Source: RFC 3261 9.1."""
    return _same_branch(request, "CANCEL", request.headers.get("To") or "")

"""One request with digest authentication, from the first try to the answer that counts."""

from __future__ import annotations

from provisioning.secret import Secret
from rig.sip.digest_client import DigestClient
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip_transport.stack import SipStack


async def request_with_auth(
    stack: SipStack,
    request: Request,
    flow: Flow,
    *,
    username: str,
    password: Secret,
    timeout_s: float | None = None,
) -> Response:
    """Send a request and answer its challenges: MD5 and SHA-256, a stale nonce once.

    Args:
        stack: sends and receives.
        request: what to send.
        flow: where to.
        username: authentication user name.
        password: its password.
        timeout_s: for each round, seconds; None leaves it to the transaction.

    Returns:
        The final response; 401 or 407 only when the credentials are refused.

    Raises:
        RequestTimedOut: no final response.
        TransportFailed: the request could not be carried.

    Source: RFC 3261 22.2, 22.3.
    """
    client = DigestClient(username, password, stack.tokens)
    while True:
        outgoing = stack.request(request, flow)
        response = await outgoing.final(timeout_s)
        again = client.answer(outgoing.request, response)
        if again is None:
            return response
        request = again

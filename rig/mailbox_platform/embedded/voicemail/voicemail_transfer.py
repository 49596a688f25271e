"""Sends a caller of the mailbox to another number: REFER to the platform, and its reports.

The platform places the new call and reports by NOTIFY how it goes; the mailbox keeps the
caller until somebody has answered, so that a caller whom nobody takes can still leave a
message.

Source: RFC 3515 sections 2.4 (REFER and its NOTIFYs); RFC 3892 (Referred-By); RFC 3420
(message/sipfrag).
"""

from __future__ import annotations

import asyncio
import re

from rig.errors import RigError
from rig.sip_transport.call import Call
from rig.sip_transport.stack import IncomingRequest

TRANSFER_TIMEOUT_S = 180.0
"""Longer than any ringing: the platform reports an end by itself."""

_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})(?: |\r|\n|$)")


def sipfrag_status(body: bytes) -> int | None:
    """Status of the response that a ``message/sipfrag`` body holds; None when it holds none."""
    found = _STATUS.match(body)
    return None if found is None else int(found.group(1))


class CallTransfer:
    """The transfer of one call.

    Args:
        call: established, with the platform.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._result: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def to(self, number: str, mailbox: str) -> bool:
        """Ask for it and wait for its end.

        Args:
            number: in normal form, or an extension.
            mailbox: on whose behalf.

        Returns:
            Whether somebody has answered; the call then belongs to the platform.
        """
        host = self._call.request.to.uri.host
        rows = [
            ("Refer-To", f"<sip:{number}@{host}>"),
            ("Referred-By", f"<sip:{mailbox}@{host}>"),
        ]
        self._result = asyncio.get_running_loop().create_future()
        try:
            response = await self._call.send_request("REFER", headers=rows).final(10)
            if not response.is_success:
                return False
            return await asyncio.wait_for(self._result, TRANSFER_TIMEOUT_S)
        except (RigError, TimeoutError):
            return False

    def notified(self, incoming: IncomingRequest) -> None:
        """Take a NOTIFY of the call's dialog."""
        request = incoming.request
        event = request.event
        status = sipfrag_status(request.body)
        if event is None or event[0].lower() != "refer" or status is None:
            incoming.respond(489 if status is not None else 400)
            return
        incoming.respond(200)
        if status >= 200 and not self._result.done():
            self._result.set_result(status < 300)

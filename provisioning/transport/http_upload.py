"""Takes what handsets put over HTTP: logs and override files, into an upload area.

The body is written as it comes, within the area's quota and a deadline; nothing stays of what was
broken off.

Source: RFC 9110 9.3.4 (PUT), 9.3.3 (POST).
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from provisioning.transport.upload_area import Refused, Upload, UploadArea, UploadRefusedError

BODY_S = 60.0
_CHUNK_BYTES = 64 * 1024
_STATUS = {Refused.NAME: 404, Refused.QUOTA: 413, Refused.DISK: 507}


async def take(
    request: web.BaseRequest, area: UploadArea, target: str, host: str, deadline_s: float = BODY_S
) -> tuple[int, int]:
    """Take the body of a request into an upload area.

    Args:
        request: whose sender may put this name.
        area: where it goes.
        target: name as requested, percent-encoded.
        host: numeric address of the sender.
        deadline_s: seconds that the body may take.

    Returns:
        HTTP status and how many octets were kept: 201, 408 when the body did not come in time,
        413 over the quota, 507 when the disk refused.

    Raises:
        ConnectionError: the sender went away; nothing of it stays.
    """
    try:
        upload = area.open(target, host)
    except UploadRefusedError as refused:
        return _STATUS[refused.why], 0
    try:
        async with asyncio.timeout(deadline_s):
            octets = await _write(request, upload)
        upload.commit()
    except UploadRefusedError as refused:
        return _STATUS[refused.why], 0
    except TimeoutError:
        return 408, 0
    finally:
        upload.discard()
    return 201, octets


async def _write(request: web.BaseRequest, upload: Upload) -> int:
    if request.content_length is not None and request.content_length > upload.room:
        raise UploadRefusedError(Refused.QUOTA)
    octets = 0
    async for chunk in request.content.iter_chunked(_CHUNK_BYTES):
        upload.write(chunk)
        octets += len(chunk)
    return octets

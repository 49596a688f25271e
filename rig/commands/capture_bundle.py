"""A bundle of a redacted capture and its report, for a carrier or a vendor."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rig.commands.capture_output import capture_data
from rig.errors import UsageError

if TYPE_CHECKING:
    from rig.capture.analysis import CaptureAnalysis

README = """\
capture.pcapng  the capture without people: numbers, names, domains, hardware addresses and
                secrets are replaced, the same everywhere and each by one as long. Frames keep
                their numbers and instants. Audio is silence. Files that were fetched are zeros.
                Encrypted connections and everything that is no SIP, RTP, TFTP or HTTP is left out
                ({empty} empty frames; a message that came in pieces stands in the last of them).
                Addresses of hosts, tags, branches and Call-IDs are as they were.
report.html     what phonerig finds in capture.pcapng
analysis.json   the same as data
"""


def write_bundle(source: Path, bundle: Path, lang: str) -> list[str]:
    """Write a zip of redacted capture, report and data, all of them made from the redacted one.

    Args:
        source: capture file.
        bundle: zip file to write.
        lang: language of the report.

    Returns:
        In what the redacted capture shows something else than the original; empty when it shows
        the same.

    Raises:
        UsageError: something cannot be read or written.
    """
    from rig.capture.analysis import analyse_capture
    from rig.capture.redact_capture import redact_capture
    from rig.capture.unwrap import FrameUnwrapper
    from rig.report.capture_page import write_capture_page
    from rig.report.record import event_data

    with tempfile.TemporaryDirectory(prefix="phonerig-") as folder, FrameUnwrapper() as unwrap:
        clean = Path(folder) / "capture.pcapng"
        page = Path(folder) / "report.html"
        empty = redact_capture(source, clean, unwrap=unwrap)
        result = analyse_capture(clean)
        result.path = Path(clean.name)
        data = capture_data(result)
        events = [told for event in result.events if (told := event_data(event))]
        write_capture_page(data, events, page, lang=lang)
        try:
            with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as packed:
                packed.write(clean, clean.name)
                packed.write(page, page.name)
                packed.writestr("analysis.json", json.dumps(data, indent=1, default=str))
                packed.writestr("README.txt", README.format(empty=empty))
        except OSError as error:
            raise UsageError(f"cannot write {bundle}: {error.strerror}") from error
        return _differences(analyse_capture(source, unwrap=unwrap), result)


_OF_WHAT_IS_LEFT_OUT = ("unread-", "connection-", "refused-connection")
"""Findings about encrypted connections, and heads of TCP without contents."""


def _differences(before: CaptureAnalysis, after: CaptureAnalysis) -> list[str]:
    pairs = {
        "SIP messages": (before.messages, after.messages),
        "retransmissions": (before.retransmissions, after.retransmissions),
        "methods": (before.methods, after.methods),
        "statuses": (before.statuses, after.statuses),
        "NOTIFYs of message waiting": (_told(before), _told(after)),
        "calls": (len(before.calls), len(after.calls)),
        "fetches": (_fetched(before), _fetched(after)),
        "findings": (_found(before), _found(after)),
    }
    return [
        f"the redacted capture shows other {name}: {old} became {new}"
        for name, (old, new) in pairs.items()
        if old != new
    ]


def _told(result: CaptureAnalysis) -> list[tuple[int, bool | None, str, int | None]]:
    return [(line.packet, line.waiting, line.counts, line.answer) for line in result.mwi]


def _fetched(result: CaptureAnalysis) -> list[tuple[str, int, int]]:
    return [(fetch.transport, fetch.status, fetch.octets) for fetch in result.fetches]


def _found(result: CaptureAnalysis) -> Counter[tuple[str, str, int, int]]:
    return Counter(
        (f.oracle, f.clause, f.packet, f.count)
        for f in result.findings
        if not f.oracle.startswith(_OF_WHAT_IS_LEFT_OUT)
    )

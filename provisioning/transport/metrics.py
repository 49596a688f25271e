"""What a provisioning server counts, for a monitoring system that asks.

Numbers only: no label holds anything that a client has sent, a MAC, or a secret, and the set of
label values is fixed, so that nobody outside can make a monitoring system grow.

Must not know how they are fetched; see :mod:`provisioning.transport.metrics_port`. Source:
Prometheus, "Metric and label naming"; OpenMetrics 1.0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from provisioning.transport.fetch_log import FINISHED, UNFINISHED, FetchRecord
from provisioning.transport.reload import Reload

PROTOCOLS = ("tftp", "http", "https")
OUTCOMES = (
    "sent",
    "not_modified",
    "taken",
    "unfinished",
    "not_found",
    "unauthorised",
    "refused",
    "bad_request",
    "failed",
)
REFUSALS = (
    "challenged",
    "refused",
    "stale",
    "replayed",
    "wrong",
    "guessing",
    "revoked",
    "foreign certificate",
)
"""What :class:`provisioning.transport.http_access.Gate` counts."""
_BY_HTTP_STATUS = {
    200: "sent",
    206: "sent",
    304: "not_modified",
    201: "taken",
    401: "unauthorised",
    403: "unauthorised",
    404: "not_found",
    408: "unfinished",
    413: "refused",
}
_TFTP_NOT_FOUND = -1


def outcome_of(record: FetchRecord) -> str:
    """How a request ended, as one of :data:`OUTCOMES`.

    Args:
        record: of the request.
    """
    status = record.status
    if record.transport == "tftp":
        if status == FINISHED:
            return "sent"
        if status == UNFINISHED:
            return "unfinished"
        return "not_found" if status == _TFTP_NOT_FOUND else "refused"
    if status == UNFINISHED:
        return "unfinished"
    known = _BY_HTTP_STATUS.get(status)
    return known or ("failed" if status >= 500 else "bad_request")


@dataclass(frozen=True, slots=True)
class Readings:
    """What is looked at when somebody asks.

    Attributes:
        transfers: requests that are being answered, by protocol.
        connections: that are open, by protocol.
        refusals: how often the access rule refused, by reason.
        dropped: TFTP requests that met a limit.
        certificate_expires_at: instant, seconds since the epoch; None without HTTPS.
        log_lag_s: since when the oldest record waits for the log's store.
        log_waiting: records that are not there yet.
        log_lost: records that never will be.
        log_failing: the store cannot be used now.
        upload_bytes: octets that handsets have put.
        upload_area_bytes: octets in the upload area.
        files: that are served.
        handsets: of the inventory.
        stopping: nothing new is taken any more.
    """

    transfers: Mapping[str, int]
    connections: Mapping[str, int]
    refusals: Mapping[str, int]
    dropped: int = 0
    certificate_expires_at: float | None = None
    log_lag_s: float = 0.0
    log_waiting: int = 0
    log_lost: int = 0
    log_failing: bool = False
    upload_bytes: int = 0
    upload_area_bytes: int = 0
    files: int = 0
    handsets: int = 0
    stopping: bool = False


class ServeMetrics:
    """Counts what happens, and writes it down when asked.

    Args:
        read: looks at the servers.
    """

    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read
        self._fetches: Counter[tuple[str, str]] = Counter()
        self._octets: Counter[str] = Counter()
        self._reloads: Counter[bool] = Counter()
        self._reloaded_at: dict[bool, float] = {}
        self._last_reload_ok = True
        self._alarms = 0
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(cast("Any", self))
        ProcessCollector(registry=self.registry)

    def fetched(self, record: FetchRecord) -> None:
        """Count a request that has ended."""
        self._fetches[record.transport, outcome_of(record)] += 1
        self._octets[record.transport] += record.octets

    def walked(self) -> None:
        """Count a walk over MACs."""
        self._alarms += 1

    def loaded(self, at: float) -> None:
        """Note when the first edition was made."""
        self._reloaded_at[True] = at

    def reloaded(self, result: Reload) -> None:
        """Count a reload."""
        self._reloads[result.ok] += 1
        self._reloaded_at[result.ok] = result.at
        self._last_reload_ok = result.ok

    def written(self, accept: str) -> tuple[bytes, str]:
        """All metrics as text.

        Args:
            accept: the header of the request: OpenMetrics for who asks for it.

        Returns:
            The text and its media type.
        """
        write, media_type = choose_encoder(accept)
        text: bytes = write(self.registry)
        return text, media_type

    def health(self, now: float) -> tuple[bool, list[str]]:
        """Whether phones are served, and what an administrator should look at.

        Args:
            now: instant, seconds since the epoch.
        """
        seen = self._read()
        expires_at = seen.certificate_expires_at
        problems = {
            "stopping": seen.stopping,
            "the fetch log cannot be written": seen.log_failing,
            "the last reload failed": not self._last_reload_ok,
            "the certificate has expired": expires_at is not None and expires_at <= now,
        }
        return not seen.stopping, [text for text, there in problems.items() if there]

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Give all metrics; called by the registry."""
        yield from self._counted()
        yield from self._seen(self._read())

    def _counted(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        fetches = CounterMetricFamily(
            "phonerig_fetches",
            "Requests that have ended, refused ones too.",
            labels=("protocol", "outcome"),
        )
        sent = CounterMetricFamily(
            "phonerig_fetch_content_bytes",
            "Octets of content sent, acknowledged or taken.",
            labels=("protocol",),
        )
        for protocol in PROTOCOLS:
            for outcome in OUTCOMES:
                fetches.add_metric((protocol, outcome), self._fetches[protocol, outcome])
            sent.add_metric((protocol,), self._octets[protocol])
        yield fetches
        yield sent
        reloads = CounterMetricFamily(
            "phonerig_reloads", "Reloads of the inventory.", labels=("outcome",)
        )
        when = GaugeMetricFamily(
            "phonerig_reload_timestamp_seconds",
            "When the inventory was last read, rightly or not; 0 for never.",
            labels=("outcome",),
        )
        for ok, name in ((True, "ok"), (False, "failed")):
            reloads.add_metric((name,), self._reloads[ok])
            when.add_metric((name,), self._reloaded_at.get(ok, 0.0))
        yield reloads
        yield when
        yield CounterMetricFamily(
            "phonerig_walk_alarms", "Walks over MAC addresses that were stopped.", self._alarms
        )

    def _seen(self, seen: Readings) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        refusals = CounterMetricFamily(
            "phonerig_refusals",
            "What the access rule and the limits refused; one request can count for several.",
            labels=("reason",),
        )
        for reason in REFUSALS:
            refusals.add_metric((reason.replace(" ", "_"),), seen.refusals.get(reason, 0))
        refusals.add_metric(("tftp_limit",), seen.dropped)
        yield refusals
        by_protocol = (
            ("phonerig_transfers_in_flight", "Requests that are being answered.", seen.transfers),
            ("phonerig_connections", "Connections that are open.", seen.connections),
        )
        for name, text, values in by_protocol:
            gauge = GaugeMetricFamily(name, text, labels=("protocol",))
            for protocol, number in values.items():
                gauge.add_metric((protocol,), number)
            yield gauge
        if seen.certificate_expires_at is not None:
            yield GaugeMetricFamily(
                "phonerig_certificate_expiry_timestamp_seconds",
                "When the server's certificate ends.",
                seen.certificate_expires_at,
            )
        lost, put = "phonerig_fetch_log_lost", "phonerig_upload_bytes"
        yield CounterMetricFamily(lost, "Records that were never kept.", seen.log_lost)
        yield CounterMetricFamily(put, "Octets that handsets have put.", seen.upload_bytes)
        for name, text, value in (
            ("fetch_log_lag_seconds", "Age of the oldest record not kept yet.", seen.log_lag_s),
            ("fetch_log_waiting", "Records that are not kept yet.", seen.log_waiting),
            ("fetch_log_failing", "1 while the log cannot be written.", seen.log_failing),
            ("upload_area_bytes", "Octets in the upload area.", seen.upload_area_bytes),
            ("inventory_files", "Files that are served.", seen.files),
            ("inventory_handsets", "Handsets of the inventory.", seen.handsets),
        ):
            yield GaugeMetricFamily(f"phonerig_{name}", text, float(value))

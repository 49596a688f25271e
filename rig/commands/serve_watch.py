"""What ``phonerig serve`` tells a monitoring system: the numbers of one running server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.clock import now

if TYPE_CHECKING:
    from pathlib import Path

    from provisioning.transport.edition import Edition
    from provisioning.transport.fetch_writer import FetchWriter
    from provisioning.transport.metrics import Readings
    from provisioning.transport.reload import Reload
    from provisioning.transport.serve import ProvisioningServer
    from rig.commands.serve_editions import Editions


class Watched:
    """One running server, as a monitoring system sees it.

    Args:
        server: what phones fetch from.
        writer: of the log; None for none.
        editions: of the inventory.
        edition: that is served first.
    """

    def __init__(
        self,
        server: ProvisioningServer,
        writer: FetchWriter | None,
        editions: Editions,
        edition: Edition,
    ) -> None:
        from provisioning.transport.metrics import ServeMetrics

        self._server = server
        self._writer = writer
        self._editions = editions
        self._stopping = False
        self._expires_at: float | None = None
        self.metrics = ServeMetrics(self._readings)
        self.metrics.loaded(now())
        self.publish(edition)

    def publish(self, edition: Edition) -> None:
        """Note what is served from now on."""
        self._files, self._handsets = len(edition.names), edition.handsets
        path = self._editions.certificate
        self._expires_at = None if path is None else certificate_end(path)

    def reloaded(self, result: Reload) -> None:
        """Count a reload."""
        self.metrics.reloaded(result)

    def stop(self) -> None:
        """Tell a balancer to send nobody any more."""
        self._stopping = True

    def _readings(self) -> Readings:
        from provisioning.transport.metrics import Readings

        server, writer, gate = self._server, self._writer, self._editions.gate
        return Readings(
            transfers=server.transfers,
            connections=server.connections,
            refusals=gate.counts if gate else {},
            dropped=server.requests_dropped,
            certificate_expires_at=self._expires_at,
            log_lag_s=writer.lag_s if writer else 0.0,
            log_waiting=writer.waiting if writer else 0,
            log_lost=writer.lost if writer else 0,
            log_failing=writer.failing if writer else False,
            upload_bytes=server.upload_bytes[0],
            upload_area_bytes=server.upload_bytes[1],
            files=self._files,
            handsets=self._handsets,
            stopping=self._stopping,
        )


def certificate_end(path: Path) -> float | None:
    """When the first certificate of a PEM file ends, seconds since the epoch.

    Args:
        path: the file.

    Returns:
        None when it holds none that can be read.
    """
    from cryptography import x509

    try:
        first = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError):
        return None
    return first.not_valid_after_utc.timestamp()

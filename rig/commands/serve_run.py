"""Runs everything of ``phonerig serve`` in one process, and tells what happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.clock import now
from rig.commands.serve_editions import Editions, Listeners
from rig.commands.serve_pnp import PnpAnswers
from rig.commands.serve_watch import Watched
from rig.commands.service import EventLines, forever
from rig.commands.service_manager import ServiceManager

if TYPE_CHECKING:
    from provisioning.transport.dhcp_watch import DhcpWatch
    from provisioning.transport.edition import Edition
    from provisioning.transport.fetch_log import FetchLog, FetchRecord
    from provisioning.transport.fetch_writer import FetchWriter
    from provisioning.transport.reload import Reload
    from provisioning.transport.serve import ProvisioningServer
    from provisioning.transport.walk_guard import WalkAlarm


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line.

    Attributes:
        site: inventory file or folder.
        host: address to listen on.
        http_port: TCP port.
        tftp_port: UDP port.
        listeners: for HTTPS.
        dhcp: address and port at which DHCP is overheard; None for not at all.
        uploads: folder for what handsets put; None refuses it.
        pnp: whether phones are answered that ask by SIP PnP; None leaves it to the site.
        watch_files: a changed inventory is reloaded by itself.
        log: where fetches are kept; empty for nowhere.
        log_days: how long; 0 for ever.
        metrics: address and port for a monitoring system; None for none.
        stop_within_s: what transfers under way have to come to their end, when it stops.
    """

    site: str
    host: str
    http_port: int
    tftp_port: int
    listeners: Listeners
    dhcp: tuple[str, int] | None
    uploads: Path | None
    pnp: bool | None
    watch_files: bool
    log: str
    log_days: float
    metrics: tuple[str, int] | None
    stop_within_s: float


class Running:
    """One provisioning server with everything around it.

    Args:
        wish: what was asked for.
        lines: tells what happens.

    Raises:
        PhonerigError: the inventory or a certificate is not as it must be.
    """

    def __init__(self, wish: Wish, lines: EventLines) -> None:
        from provisioning.identifier import never_seen
        from provisioning.text_source import noting_reads
        from provisioning.transport.dhcp_watch import DhcpWatch
        from provisioning.transport.fetch_place import is_shared

        self._wish = wish
        self._lines = lines
        self._watch: DhcpWatch | None = DhcpWatch(*wish.dhcp) if wish.dhcp else None
        seen = self._watch.seen if self._watch else never_seen
        self._pnp = PnpAnswers(
            wish.host, wish.pnp, seen, lines, partial(self._alarm, where="PnP: ")
        )
        self._editions = Editions(
            wish.site,
            wish.listeners,
            seen,
            self._alarm,
            self._withheld,
            self._pnp,
            several_servers=is_shared(wish.log),
        )
        with noting_reads() as read:
            edition = self._editions.make()
        self._read = read
        self._writer = self._fetch_writer()
        self._log = self._fetch_log()
        self._server = self._made(edition)
        self._editions.publish(edition, self._server)
        self._first = edition
        self._watched = self._watch_over(edition)
        self._introduced = False

    def _made(self, edition: Edition) -> ProvisioningServer:
        from provisioning.transport.serve import ProvisioningServer
        from provisioning.transport.upload_area import UploadArea

        wish = self._wish
        uploads = UploadArea(wish.uploads, edition.upload_names) if wish.uploads else None
        return ProvisioningServer(
            edition.source,
            self._log,
            host=wish.host,
            tftp_port=wish.tftp_port,
            http_port=wish.http_port,
            clear=edition.clear,
            access=edition.access,
            https=self._editions.https(edition),
            uploads=uploads,
        )

    def _watch_over(self, edition: Edition) -> Watched | None:
        if self._wish.metrics is None:
            return None
        watched = Watched(self._server, self._writer, self._editions, edition)
        self._log.listen(watched.metrics.fetched)
        return watched

    def _fetch_log(self) -> FetchLog:
        from provisioning.transport.fetch_log import FetchLog

        log = FetchLog()
        if self._writer is not None:
            log.listen(self._writer.put)
        log.listen(self._fetched)
        return log

    def _fetch_writer(self) -> FetchWriter | None:
        from provisioning.transport.fetch_place import open_fetches
        from provisioning.transport.fetch_writer import FetchWriter, server_name

        if not self._wish.log:
            return None
        store = open_fetches(self._wish.log)
        return FetchWriter(store, server_name(), keep_days=self._wish.log_days)

    async def serve(self) -> None:
        """Serve until cancelled; what is under way then comes to its end first."""
        manager = ServiceManager.of_environment()
        async with AsyncExitStack() as self._after, AsyncExitStack() as stack:
            if self._watch is not None:
                await self._watch.start()
                stack.push_async_callback(self._watch.close)
            stack.callback(self._farewell)
            if self._writer is not None:
                self._writer.start()
                stack.push_async_callback(asyncio.to_thread, self._writer.close)
            await self._server.start()
            stack.push_async_callback(self._server.stop, self._wish.stop_within_s)
            stack.push_async_callback(self._pnp.stop)
            await self._pnp.start()
            await stack.enter_async_context(self._reloading(manager))
            await stack.enter_async_context(self._watching())
            self._introduce()  # whoever hears this may ask for a reload, which would end it before
            manager.tell("READY=1")
            stack.callback(manager.tell, "STOPPING=1")
            await forever()

    def _farewell(self) -> None:
        """Say that it stopped, where it was said that it serves."""
        if self._introduced:
            self._lines.tell(now(), "stopped", event="stopped")

    def _introduce(self) -> None:
        """Say where what is served."""
        self._introduced = True
        server, names = self._server, self._first.names
        http = "http://{}:{}".format(*server.http_address)
        tftp = "tftp://{}:{}".format(*server.tftp_address)
        https = ["https://{}:{}".format(*address) for address in server.https_addresses]
        self._lines.tell(
            now(),
            f"{len(names)} files at {', '.join([http, *https])} and {tftp}; Ctrl-C stops",
            event="serving",
            http=http,
            https=https,
            tftp=tftp,
            files=names,
            log=self._writer.place if self._writer else "",
        )
        if self._writer is not None:
            self._lines.note(f"fetches are kept in {self._writer.place}")
        overheard = "{}:{}".format(*self._watch.address) if self._watch else ""
        if overheard:
            text = f"DHCP overheard at {overheard}"
            self._lines.tell(now(), text, event="dhcp", address=overheard)
        self._pnp.introduce()

    @contextlib.asynccontextmanager
    async def _reloading(self, manager: ServiceManager) -> AsyncIterator[None]:
        """Reload at SIGHUP, and when a file has changed, until the block ends."""
        from provisioning.transport.reload import Reloader

        def load() -> Edition:
            manager.reloading()
            return self._editions.make()

        def told(result: Reload) -> None:
            manager.tell("READY=1")
            self._reloaded(result)

        def publish(edition: Edition) -> None:
            self._editions.publish(edition, self._server)
            if self._watched is not None:
                self._watched.publish(edition)

        reloader = Reloader(
            load,
            publish,
            told,
            watched=self._read if self._wish.watch_files else None,
        )
        task = asyncio.create_task(reloader.run())
        with _on_hangup(lambda: reloader.ask("SIGHUP")):
            try:
                yield
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Answer a monitoring system until the block ends."""
        if self._watched is None or self._wish.metrics is None:
            yield
            return
        from provisioning.transport.metrics_port import MetricsPort

        port = MetricsPort(self._watched.metrics, *self._wish.metrics)
        await port.start()
        url = "http://{}:{}".format(*port.address)
        self._lines.tell(now(), f"metrics at {url}/metrics", event="metrics", url=url)
        try:
            yield
        finally:
            self._watched.stop()
            self._after.push_async_callback(port.close)

    def _reloaded(self, result: Reload) -> None:
        if self._watched is not None:
            self._watched.reloaded(result)
        self._lines.tell(
            result.at,
            str(result),
            event="reload",
            ok=result.ok,
            why=result.why,
            took_s=result.took_s,
            faults=result.error,
        )

    def _alarm(self, noticed: WalkAlarm, where: str = "") -> None:
        if self._watched is not None:
            self._watched.metrics.walked()
        self._lines.tell(now(), f"ALARM: {where}{noticed}", event="alarm", place=noticed.place)

    def _withheld(self, names: Sequence[str]) -> None:
        self._lines.tell(
            now(),
            "files leave by TFTP and HTTP without their secrets; over HTTPS they are whole "
            "(secrets_in_clear: true in the provisioning part serves them all)",
            event="secrets_left_out",
            withheld=names,
        )

    def _fetched(self, record: FetchRecord) -> None:
        """Show whose a fetch was."""
        from provisioning.transport.fetch_data import fetch_data

        self._lines.tell(record.at, record, event="fetch", **fetch_data(record))
        if record.mismatch:
            self._lines.tell(
                record.at,
                f"warning: {record.client[0]} contradicts itself: {record.mismatch}",
                event="mismatch",
                client="{}:{}".format(*record.client),
                path=record.path,
                evidence=record.identity.evidence,
            )


@contextlib.contextmanager
def _on_hangup(act: Callable[[], None]) -> Iterator[None]:
    """Call a function at SIGHUP until the block ends.

    When it comes because the terminal was closed in which the server ran, it means the end.
    """
    loop = asyncio.get_running_loop()
    in_terminal = _has_terminal()

    def hang_up() -> None:
        if in_terminal and not _has_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            act()

    loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def _has_terminal() -> bool:
    """Whether somebody sits before this process; no more when a terminal was closed."""
    try:
        return os.isatty(0)
    except OSError:
        return False

"""The provisioning side of a bench: servers, files, and the event that makes handsets fetch."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from provisioning.device_profile import ProfileSet
from provisioning.intent import AccountIntent
from provisioning.inventory_site import Site
from provisioning.profile_files import Resync
from provisioning.render import SiteFiles, render_site
from provisioning.transport.content import Alter, ServedFile, SiteContent
from provisioning.transport.fetch_log import FetchListener, FetchLog
from provisioning.transport.hook import ServerHook
from provisioning.transport.serve import ProvisioningServer
from rig.errors import RigError
from rig.resync.notify import resync_request
from rig.sip.header import Headers
from rig.sip.matching import host_port
from rig.sip.message import Request
from rig.sip.tokens import TokenSource
from rig.sip.uri import Uri
from rig.sip_transport.authenticate import request_with_auth
from rig.sip_transport.stack import PacketTap, SipStack
from rig.timeline import Address

_SIP_PORT = 5060
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class ExtraFile:
    """A file that nobody renders.

    Attributes:
        content: octets.
        media_type: for the HTTP ``Content-Type``.
        handset: whose it is; empty for nobody's.
    """

    content: bytes
    media_type: str = "text/plain"
    handset: str = ""


@dataclass(frozen=True, slots=True)
class _Wish:
    """How a handset is asked to fetch, and the account that it knows us by."""

    resync: Resync
    account: AccountIntent


class SiteServer:
    """Serves the files of a site over TFTP and HTTP and tells handsets to fetch again.

    Attributes:
        content: what is served.
        files: what was rendered.
    """

    def __init__(  # noqa: PLR0913 - one place with all its sides
        self,
        host: str,
        listener: FetchListener,
        *,
        fetch_by: str = "http",
        folder: str = "",
        hook: ServerHook | None = None,
        alter: Alter | None = None,
        extra_files: Mapping[str, bytes] | None = None,
        tap: PacketTap | None = None,
        tokens: TokenSource | None = None,
    ) -> None:
        """Prepare.

        Args:
            host: numeric address to listen on.
            listener: told of every fetch.
            fetch_by: ``http`` or ``tftp``: what handsets are told.
            folder: in which the files stand, as it is written in a URL.
            hook: makes it misbehave.
            alter: changes content just before it is served.
            extra_files: further files, content by name.
            tap: told of the SIP packets of ``check-sync``.
            tokens: source of branches, tags and Call-IDs; random by default.
        """
        self._host = host
        self._fetch_by = fetch_by
        self._folder = folder.strip("/")
        self._hook = hook or ServerHook()
        self._extra = {name: ExtraFile(octets) for name, octets in (extra_files or {}).items()}
        self.content = SiteContent({}, alter=alter)
        self.files: SiteFiles
        self._known: frozenset[str] = frozenset()
        self._wishes: dict[str, _Wish] = {}
        log = FetchLog()
        log.listen(listener)
        self._server = ProvisioningServer(
            self.content, log, host=host, tftp_port=0, http_port=0, hook=hook
        )
        self._sip = SipStack(product="phonerig", tap=tap, tokens=tokens)

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: a port cannot be had.
        """
        await self._server.start()
        try:
            await self._sip.listen(self._host, 0, tcp=False)
        except BaseException:
            await self._server.stop()
            raise

    async def stop(self) -> None:
        """Stop serving; safe to call twice."""
        await self._server.stop()
        await self._sip.close()

    @property
    def url(self) -> str:
        """What handsets must be told."""
        by_http = self._fetch_by == "http"
        place = host_port(self._server.http_address if by_http else self._server.tftp_address)
        return f"{self._fetch_by}://{place}" + (f"/{self._folder}" if self._folder else "")

    @property
    def sip_address(self) -> Address:
        """Where ``check-sync`` comes from."""
        return self._sip.address

    def publish(self, site: Site, profiles: ProfileSet) -> None:
        """Render the files of a site and serve them from now on."""
        self.files = render_site(site, profiles)
        self._known = frozenset(handset.name for handset in site.handsets)
        intents = {handset.name: site.intent(handset.name) for handset in site.handsets}
        self._wishes = {
            name: _Wish(profiles[intent.model].resync, intent.accounts[0])
            for name, intent in intents.items()
            if intent.accounts
        }
        served: dict[str, ServedFile] = {
            self._stored(path): file for path, file in self.files.items()
        }
        self.content.replace(served | {self._stored(n): f for n, f in self._extra.items()})

    def knows(self, handset: str) -> bool:
        """Whether there are files of a handset."""
        return handset in self._known

    def stored_names(self, handset: str) -> tuple[str, ...]:
        """Names under which the files of one handset are served."""
        own = (self._stored(file.path) for file in self.files.of_handset(handset).files)
        return (*own, *map(self._stored, self._extra))

    def own_names(self, handset: str) -> tuple[str, ...]:
        """Those of them that nobody else shares; all where a model shares every file."""
        files = self.files.of_handset(handset).files
        own = [file for file in files if file.handset] or files
        return tuple(self._stored(file.path) for file in own)

    def path_of(self, name: str) -> str:
        """A name that a handset asks for, as it stands behind the server's address."""
        return f"{self._folder}/{name}" if self._folder else name

    def _stored(self, name: str) -> str:
        return unquote(self.path_of("")) + self._hook.stored_name(name)

    async def ping(self, platform: Address) -> None:
        """Send an OPTIONS to the platform: a capture that does not see it is blind."""
        target = f"sip:{host_port(platform)}"
        headers = Headers([("From", self._from), ("To", f"<{target}>")])
        await self._exchange(Request("OPTIONS", target, headers, b""), platform)

    @property
    def _from(self) -> str:
        host = self._host
        return f"<sip:provisioning@[{host}]>" if ":" in host else f"<sip:provisioning@{host}>"

    async def _exchange(self, request: Request, where: Address) -> None:
        outgoing = self._sip.request(request, self._sip.flow_to(where, "UDP"))
        with contextlib.suppress(RigError, TimeoutError):  # whether it was answered is on the wire
            await outgoing.final(_PATIENCE_S)

    async def check_sync(self, handset: str, contact: str, event: str, cause: str) -> str:
        """Tell a handset to fetch again.

        Args:
            handset: its name.
            contact: URI that it is registered with.
            event: value of the Event header that its model wants.
            cause: ``saved`` or ``reboot``.

        Returns:
            The event that was sent; empty for none.
        """
        said = self._hook.check_sync(handset, event, cause)
        if said is None:
            return ""
        uri = Uri.parse(contact)
        wish = self._wishes[handset]
        reboot = cause == "reboot"
        request = resync_request(contact, said, wish.resync, self._sip.address, reboot=reboot)
        flow = self._sip.flow_to((uri.host, uri.port or _SIP_PORT), "UDP")
        with contextlib.suppress(RigError, TimeoutError):  # whether it was answered is on the wire
            await request_with_auth(
                self._sip,
                request,
                flow,
                username=wish.account.auth_user,
                password=wish.account.password,
                timeout_s=_PATIENCE_S,
            )
        return said


def one_after_the_other(alters: list[Callable[[str, bytes], bytes]]) -> Alter | None:
    """Several changes of files as one; None for none."""
    if not alters:
        return None

    def alter(name: str, content: bytes) -> bytes:
        for step in alters:
            content = step(name, content)
        return content

    return alter

"""What an emulated handset fetches and makes of it: files, understanding, where to ask next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provisioning.address import Mac
from provisioning.device_profile import Profile
from provisioning.intent import HandsetIntent
from provisioning.readback import read_back_places
from provisioning.transport.tftp_client import DatagramTap
from rig.errors import PhonerigError, RigError, UsageError
from rig.handset.emulated.boot_sequence import BootSequence
from rig.handset.emulated.fetcher import Fetcher
from rig.handset.emulated.hook import HandsetHook
from rig.pnp.client import ask_for_url
from rig.timeline import Address

MOST_RESTARTS = 8
"""A handset that restarts by itself again and again is stopped then: it has shown enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchManner:
    """How a handset fetches.

    Attributes:
        tftp_options: it asks for larger blocks; old phones know no options.
        timeout_s: patience for one file.
        tap: told of every TFTP datagram at its port.
        pnp: the group that it asks by SIP PnP where its files are, as long as it was told no URL;
            None for a handset that does not ask.
    """

    tftp_options: bool = True
    timeout_s: float = 10.0
    tap: DatagramTap | None = None
    pnp: Address | None = None


class ProvisioningClient:
    """Fetches the files of one handset, in its model's order, and reads them.

    Attributes:
        url: where it asks; what its files say replaces what it was told first.
        received: content by name of everything that came in the last boot, in order.
        complaint: why the last boot failed, in the handset's words; empty if it did not.
        unfinished: whether a boot has begun and neither succeeded nor failed.
    """

    def __init__(
        self,
        profile: Profile,
        mac: Mac,
        url: str,
        host: str,
        hook: HandsetHook,
        manner: FetchManner,
    ) -> None:
        """Prepare.

        Args:
            profile: of the model.
            mac: of the handset.
            url: what DHCP or a technician told it; empty for nothing yet.
            host: numeric local address to fetch from.
            hook: makes it misbehave.
            manner: how it fetches.
        """
        self._profile = profile
        self._mac = mac
        self._host = host
        self._hook = hook
        self._manner = manner
        self.url = url
        self.received: dict[str, bytes] = {}
        self.complaint = ""
        self.unfinished = False

    @property
    def fetched(self) -> tuple[str, ...]:
        """Names of the files of the last boot, in order."""
        return tuple(self.received)

    async def boot(self) -> HandsetIntent:
        """Fetch every file that the model asks for and understand them.

        Returns:
            What the files say.

        Raises:
            RigError: a required file is missing, the server does not answer, or the files
                cannot be understood; names the file.
        """
        self.complaint = ""
        self.unfinished = True
        try:
            if self._manner.pnp is not None and not self.url:
                self.url = await ask_for_url(
                    self._profile, self._mac, self._host, group=self._manner.pnp
                )
            for _ in range(MOST_RESTARTS):
                self.received = {}
                await self._fetch(self.received)
                if not self._hook.restarts(self.received):
                    break
            intent = self._understand(self.received)
        except (RigError, UsageError) as error:
            self.complaint = str(error)
            self.unfinished = False
            raise RigError(str(error)) from error
        self.unfinished = False
        if "://" in intent.provisioning.url:
            self.url = intent.provisioning.url
        return intent

    async def changed(self) -> bool:
        """Fetch again and say whether anything is other than at the last boot.

        Raises:
            RigError: a file could not be fetched.
        """
        fresh: dict[str, bytes] = {}
        await self._fetch(fresh)
        return fresh != self.received

    async def _fetch(self, into: dict[str, bytes]) -> None:
        profile = self._profile
        sequence = BootSequence(
            profile.boot_requests(self._mac), self._mac, self.url, profile.boot.listing
        )
        user_agent = self._profile.user_agent(self._mac)
        manner = self._manner
        async with Fetcher(
            self.url,
            self._host,
            timeout_s=manner.timeout_s,
            tftp_options=manner.tftp_options,
            tap=manner.tap,
        ) as fetcher:
            while (request := sequence.next_request()) is not None:
                path = self._hook.asks(request.path, tuple(into))
                content = None if path is None else await fetcher.fetch(path, user_agent)
                if content is None:
                    sequence.missing(request)
                else:
                    into[request.path] = content
                    sequence.fetched(request, content)

    def _understand(self, files: Mapping[str, bytes]) -> HandsetIntent:
        if not files:
            raise RigError(
                f"boot: {self.url} serves none of the files that a {self._profile.model} asks for"
            )
        names = ", ".join(files)
        try:
            read = read_back_places(files, self._profile, self._mac)
        except (PhonerigError, ValueError) as error:
            raise RigError(f"boot: cannot read {names}: {error}") from error
        if read.unreadable:
            raise RigError(f"boot: malformed file: {read.unreadable[0]}")
        if not read.intent.accounts:
            raise RigError(f"boot: {names} configure no account")
        return read.intent

"""Asks and tells one SNMP agent: v2c, or v3 with authentication and privacy.

An agent that does not answer, or refuses, is told with what to do; nothing hangs. The library
is loaded when an agent is made, not in the middle of a run, where it would hold up every clock.

Source: RFC 3416 sections 3 and 4.2 (error-status, exceptions), RFC 3414 sections 3.2 and 11.2
(reports, key length), RFC 7860 (HMAC-SHA-2).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from provisioning.secret import Secret
from rig.errors import UsageError
from rig.hardware.power import PowerError

SNMP_PORT = 161
MIN_KEY_CHARS = 8
"""Shorter passwords must not be taken. Source: RFC 3414 section 11.2."""

Oid = tuple[int, ...]


class AuthProtocol(StrEnum):
    """How messages of version 3 are authenticated."""

    MD5 = "md5"
    SHA = "sha"
    SHA224 = "sha224"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class PrivProtocol(StrEnum):
    """How messages of version 3 are encrypted."""

    DES = "des"
    AES = "aes"
    AES192 = "aes192"
    AES256 = "aes256"


@dataclass(frozen=True, slots=True)
class CommunityAccess:
    """Version 2c: the community goes over the wire in clear.

    Attributes:
        community: of somebody who may write, to switch.
    """

    community: Secret


@dataclass(frozen=True, slots=True)
class UserAccess:
    """Version 3 with authentication and privacy; less is not offered.

    Attributes:
        user: security name.
        auth_key: password for authentication.
        priv_key: password for encryption.
        auth: how messages are authenticated.
        priv: how they are encrypted.
    """

    user: str
    auth_key: Secret
    priv_key: Secret
    auth: AuthProtocol = AuthProtocol.SHA256
    priv: PrivProtocol = PrivProtocol.AES


class SnmpAgent:
    """One agent; use it on one event loop and close it.

    Attributes:
        name: of the device, for messages.
    """

    def __init__(
        self,
        name: str,
        host: str,
        access: CommunityAccess | UserAccess,
        *,
        port: int = SNMP_PORT,
        timeout_s: float = 1.0,
        retries: int = 2,
    ) -> None:
        """Describe it; nothing is contacted yet.

        Args:
            name: of the device, for messages.
            host: name or address.
            access: how to be let in.
            port: UDP port of the agent.
            timeout_s: wait for one answer.
            retries: further attempts.

        Raises:
            UsageError: pysnmp is not installed, or a key is too short.
        """
        if isinstance(access, UserAccess):
            for what, key in (("auth", access.auth_key), ("priv", access.priv_key)):
                if len(key.reveal()) < MIN_KEY_CHARS:
                    raise UsageError(
                        f"{name}: the {what} key has fewer than {MIN_KEY_CHARS} characters; SNMP "
                        "refuses such keys (RFC 3414 section 11.2)"
                    )
        self.name = name
        self._host = host
        self._port = port
        self._access = access
        self._timeout_s = timeout_s
        self._retries = retries
        self._api = _library()
        # Made now: it takes a tenth of a second, for which no event loop should stand still.
        self._engine: Any = self._api.SnmpEngine()
        self._target: Any = None

    @property
    def where(self) -> str:
        """Device and address, for messages."""
        return f"{self.name} ({self._host}:{self._port})"

    async def get(self, oids: Sequence[Oid]) -> list[int]:
        """Read integers.

        Args:
            oids: of instances.

        Returns:
            Their values, in the same order.

        Raises:
            PowerError: no answer, refused, or there is no such instance.
        """
        api = self._api
        values = await self._ask(
            api.GetCommandGenerator(), [(api.ObjectName(oid), api.Null("")) for oid in oids]
        )
        found = []
        for oid, (_, value) in zip(oids, values, strict=True):
            if isinstance(value, (api.NoSuchObject, api.NoSuchInstance, api.EndOfMibView)):
                raise PowerError(
                    f"{self.where} has no {_dotted(oid)}: no such port, or the device does not "
                    "know this MIB"
                )
            try:
                found.append(int(value))
            except (TypeError, ValueError):
                raise PowerError(
                    f"{self.where}: {_dotted(oid)} is {value.prettyPrint()!r}, expected a number"
                ) from None
        return found

    async def set(self, oid: Oid, value: int) -> None:
        """Write one integer.

        Args:
            oid: of an instance.
            value: its new value.

        Raises:
            PowerError: no answer, or refused.
        """
        api = self._api
        await self._ask(api.SetCommandGenerator(), [(api.ObjectName(oid), api.Integer32(value))])

    async def close(self) -> None:
        """Close the socket; safe to call twice."""
        engine, self._engine, self._target = self._engine, None, None
        if engine is not None:
            engine.close_dispatcher()
            await asyncio.sleep(0)  # the transport closes in the next turn of the loop

    async def _ask(self, command: Any, what: list[Any]) -> Any:
        api = self._api
        limit_s = self._timeout_s * (self._retries + 1)
        try:
            # The library's own timer ends it; ours is for a library that does not.
            async with asyncio.timeout(limit_s + 2.0):
                if self._engine is None:
                    self._engine = api.SnmpEngine()
                if self._target is None:
                    self._target = await self._open()
                indication, status, index, values = await self._send(command, what)
        except TimeoutError:
            raise PowerError(self._silence(limit_s)) from None
        except (api.PySnmpError, OSError) as error:
            raise PowerError(f"no SNMP with {self.where}: {error}") from None
        if indication:
            raise PowerError(self._why(indication, limit_s))
        if status:
            word = status.prettyPrint() if hasattr(status, "prettyPrint") else str(status)
            at = what[int(index) - 1][0] if 0 < int(index) <= len(what) else ""
            raise PowerError(
                f"{self.where} refuses: {word} {at}; may this user or community write, and is "
                "there such a port?"
            )
        return values

    async def _send(self, command: Any, what: list[Any]) -> Any:
        """One exchange. Names are numbers already: no MIB is looked up, or fetched from afar."""
        answer = asyncio.get_running_loop().create_future()

        def take(
            _engine: Any, _handle: Any, indication: Any, status: Any, index: Any, values: Any,
            _context: Any,
        ) -> None:  # fmt: skip
            if not answer.done():
                answer.set_result((indication, status, index, values))

        name, _ = self._api.Configurator().configure(
            self._engine, self._login(), self._target, b""
        )
        command.send_varbinds(self._engine, name, None, b"", what, take)
        return await answer

    async def _open(self) -> Any:
        kind = self._api.UdpTransportTarget
        with contextlib.suppress(ValueError):
            if ipaddress.ip_address(self._host).version == 6:
                kind = self._api.Udp6TransportTarget
        return await kind.create(
            (self._host, self._port), timeout=self._timeout_s, retries=self._retries
        )

    def _login(self) -> Any:
        access, api = self._access, self._api
        if isinstance(access, CommunityAccess):
            return api.CommunityData(access.community.reveal(), mpModel=1)
        return api.UsmUserData(
            access.user,
            authKey=access.auth_key.reveal(),
            privKey=access.priv_key.reveal(),
            authProtocol=api.auth[access.auth],
            privProtocol=api.priv[access.priv],
        )

    def _why(self, indication: Any, limit_s: float) -> str:
        kind = type(indication).__name__
        if kind == "RequestTimedOut":
            return self._silence(limit_s)
        hints = {
            "UnknownUserName": "the agent does not know this user",
            "WrongDigest": "the auth key or protocol is not the agent's",
            "AuthenticationFailure": "the auth key or protocol is not the agent's",
            "DecryptionError": "the priv key or protocol is not the agent's",
            "UnsupportedSecLevel": "the agent does not offer this user authentication and privacy",
            "NotInTimeWindow": "the agent's clock or boot count jumped; try again",
        }
        hint = hints.get(kind, "look at the agent's settings")
        return f"{self.where} answers {indication}: {hint}"

    def _silence(self, limit_s: float) -> str:
        secret = "community" if isinstance(self._access, CommunityAccess) else "user"
        return (
            f"{self.where} does not answer within {limit_s:g} s: is it up, does it let this "
            f"host ask, and is the {secret} right? An agent is silent to a wrong one"
        )


def _dotted(oid: Oid) -> str:
    return ".".join(map(str, oid))


class _Api:
    """The names of the library that are used here."""

    def __init__(self) -> None:
        # Each is optional, and they take a fifth of a second together.
        from pysnmp.entity.rfc3413 import cmdgen  # noqa: PLC0415 - optional, slow
        from pysnmp.error import PySnmpError  # noqa: PLC0415 - optional, slow
        from pysnmp.hlapi.v3arch import asyncio as hlapi  # noqa: PLC0415 - optional, slow
        from pysnmp.hlapi.v3arch.asyncio.lcd import (  # noqa: PLC0415 - optional, slow
            CommandGeneratorLcdConfigurator,
        )
        from pysnmp.proto import rfc1902, rfc1905  # noqa: PLC0415 - optional, slow

        self.PySnmpError = PySnmpError
        self.ObjectName, self.Integer32 = rfc1902.ObjectName, rfc1902.Integer32
        self.Null = rfc1902.Null
        self.NoSuchObject, self.NoSuchInstance = rfc1905.NoSuchObject, rfc1905.NoSuchInstance
        self.EndOfMibView = rfc1905.EndOfMibView
        self.GetCommandGenerator = cmdgen.GetCommandGenerator
        self.SetCommandGenerator = cmdgen.SetCommandGenerator
        self.Configurator = CommandGeneratorLcdConfigurator
        self.SnmpEngine = hlapi.SnmpEngine
        self.CommunityData, self.UsmUserData = hlapi.CommunityData, hlapi.UsmUserData
        self.UdpTransportTarget = hlapi.UdpTransportTarget
        self.Udp6TransportTarget = hlapi.Udp6TransportTarget
        self.auth = {
            AuthProtocol.MD5: hlapi.usmHMACMD5AuthProtocol,
            AuthProtocol.SHA: hlapi.usmHMACSHAAuthProtocol,
            AuthProtocol.SHA224: hlapi.usmHMAC128SHA224AuthProtocol,
            AuthProtocol.SHA256: hlapi.usmHMAC192SHA256AuthProtocol,
            AuthProtocol.SHA384: hlapi.usmHMAC256SHA384AuthProtocol,
            AuthProtocol.SHA512: hlapi.usmHMAC384SHA512AuthProtocol,
        }
        self.priv = {
            PrivProtocol.DES: hlapi.usmDESPrivProtocol,
            PrivProtocol.AES: hlapi.usmAesCfb128Protocol,
            PrivProtocol.AES192: hlapi.usmAesCfb192Protocol,
            PrivProtocol.AES256: hlapi.usmAesCfb256Protocol,
        }


def _library() -> _Api:
    try:
        with warnings.catch_warnings():
            # pysnmp takes a deprecated name from pysmi, when that is installed too.
            warnings.simplefilter("ignore", DeprecationWarning)
            return _Api()
    except ImportError as error:
        raise UsageError(
            f"SNMP needs a package that is not installed ({error.name}); "
            "pip install 'phonerig[power]'"
        ) from None

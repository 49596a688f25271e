"""Serves the settings page: who asks, from where, for whose page; every fault becomes a page.

Plain HTTP, meant for loopback or a lab network: put a TLS proxy before it elsewhere.

Source: RFC 9110 (status codes), RFC 6265bis (cookies).
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from urllib.parse import unquote, urlsplit

from aiohttp import hdrs, web

from provisioning.errors import UsageError
from provisioning.transport.http_port import HttpPort, PortLimits
from rig.loopback import is_loopback
from rig.mailbox_platform.embedded.store.store import StoreFailure
from rig.mailbox_platform.embedded.web.browser_rules import HEADERS, from_own_page, host_allowed
from rig.mailbox_platform.embedded.web.form import Form, read_form
from rig.mailbox_platform.embedded.web.lamps import Lamps
from rig.mailbox_platform.embedded.web.page_writer import PageWriter, static_file
from rig.mailbox_platform.embedded.web.pages_audio import audio_pages
from rig.mailbox_platform.embedded.web.pages_numbers import number_pages
from rig.mailbox_platform.embedded.web.pages_profile import profile_pages
from rig.mailbox_platform.embedded.web.pages_services import service_pages
from rig.mailbox_platform.embedded.web.refusal import Refusal, SignInFirst
from rig.mailbox_platform.embedded.web.sessions import Session, SessionBook, same
from rig.mailbox_platform.embedded.web.sign_in import SignedIn, SignIn
from rig.mailbox_platform.embedded.web.visit import Route, Visit, see_other
from rig.mailbox_platform.embedded.web.web_config import WebConfig
from rig.mailbox_platform.embedded.web.words import LANGUAGES, Words, choose_language, load_words
from rig.mailbox_platform.embedded.xsi.backend import Backend
from rig.timeline import Address

logger = logging.getLogger(__name__)

_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_LANGUAGE_COOKIE_S = 365 * 86400


class SettingsServer:
    """The settings page of a running platform.

    Args:
        backend: the platform.
        host: address to listen at.
        port: TCP port; 0 for any free one.
        config: who administrates, names, times.
        mail: whether the platform can send mail.
        request_deadline_s: seconds that a new connection may take for its first request.
        body_deadline_s: seconds that the body of a request may take.

    Raises:
        UsageError: texts that cannot be used, or a user with the administrator's name.
    """

    def __init__(
        self,
        backend: Backend,
        host: str,
        port: int,
        *,
        config: WebConfig,
        mail: bool,
        request_deadline_s: float = 10.0,
        body_deadline_s: float = 60.0,
    ) -> None:
        self._backend = backend
        self._host = host
        self._config = config
        self._mail = mail
        self._body_deadline_s = body_deadline_s
        self._words = load_words(config.texts)
        self._sign_in = SignIn(backend, config)
        self._sessions = SessionBook(config.idle_s, config.longest_s)
        self._lamps = Lamps(backend, config.heartbeat_s, self._alive)
        self._writer = PageWriter(backend.directory.site.name)
        self._key = secrets.token_bytes(32)
        self._listener = HttpPort(
            self._handle, host, port, limits=PortLimits.small(request_deadline_s)
        )
        self.routes: tuple[Route, ...] = (
            *service_pages(),
            *number_pages(),
            *audio_pages(),
            *profile_pages(),
        )
        self.internal_errors = 0

    @property
    def address(self) -> Address:
        """Where it listens; the real port after :meth:`start`."""
        return self._listener.address

    async def start(self) -> None:
        """Listen.

        Raises:
            RigError: the port is in use, needs privilege, or the address is not ours.
        """
        await self._listener.start()
        if not is_loopback(self._host) and not self._config.behind_tls:
            logger.warning(
                "the settings page at %s:%d is plain HTTP: passwords can be read on the way. Use "
                "it in a closed laboratory network only, or put a TLS proxy before it.",
                *self.address,
            )

    async def close(self) -> None:
        """End the live lamps, stop listening, close the connections; safe to call twice."""
        self._lamps.close()
        await self._listener.close()

    def settings_changed(self, mailbox: str) -> None:
        """Options of a mailbox that a lamp depends on were changed, by whatever way."""
        self._lamps.changed(mailbox)

    def _alive(self, session: Session) -> bool:
        return self._sessions.alive(session, self._backend.clock())

    # -- requests -----------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        words = self._words[self._language(request)]
        try:
            response = await self._answer(request, words)
        except SignInFirst as first:
            response = see_other("/login?expired=1" if first.expired else "/login")
        except Refusal as refusal:
            response = self._refused(words, refusal.status, refusal.reason)
        except UsageError as error:
            logger.warning("settings page: %s", error)
            response = self._refused(words, 400, "form")
        except StoreFailure as error:
            logger.error("settings page: %s", error)  # noqa: TRY400 - no fault of the code
            response = self._refused(words, 503, "not_kept")
        except ConnectionError:
            raise
        except Exception:
            self.internal_errors += 1
            logger.exception("settings page: %s failed", request.method)
            response = self._refused(words, 500, "failed")
        if not response.prepared:
            response.headers.update(HEADERS)
            if request.can_read_body and not request.content.at_eof():
                response.force_close()  # what is left of a body that is too large
        return response

    async def _answer(self, request: web.BaseRequest, words: Words) -> web.StreamResponse:
        host = request.headers.get(hdrs.HOST, "")
        if not host_allowed(host, self._config.host_names):
            raise Refusal(421, "host")
        if request.method not in {"GET", "HEAD", "POST"}:
            raise Refusal(405, "method")
        path = tuple(unquote(part) for part in urlsplit(request.raw_path).path[1:].split("/"))
        if path[0] == "static" and request.method != "POST":
            return self._static(path)
        if request.method != "POST" and request.query.get("language") in LANGUAGES:
            return self._choose_language(request)
        form = await self._form(request, host) if request.method == "POST" else Form()
        if path == ("login",):
            return self._login(request, words, form)
        session = self._session(request, touch=path != ("lamps",))
        if request.method == "POST" and not same(session.csrf, form.raw("csrf")):
            raise Refusal(403, "csrf")
        if path == ("lamps",) and request.method != "POST":
            return await self._lamps.stream(request, session, words)
        if path == ("logout",) and request.method == "POST":
            return self._logout(session)
        if path in {("",), ("logout",)}:
            return see_other("/users" if session.admin else f"/users/{session.number}")
        return await self._page(request, path, session, words, form)

    async def _form(self, request: web.BaseRequest, host: str) -> Form:
        headers = request.headers
        if not from_own_page(host, headers.get(hdrs.ORIGIN), headers.get("Sec-Fetch-Site")):
            raise Refusal(403, "csrf")
        try:
            async with asyncio.timeout(self._body_deadline_s):
                return await read_form(request)
        except TimeoutError:
            raise Refusal(408, "slow") from None

    async def _page(
        self,
        request: web.BaseRequest,
        path: tuple[str, ...],
        session: Session,
        words: Words,
        form: Form,
    ) -> web.StreamResponse:
        found = ((route, route.match(path)) for route in self.routes)
        route, params = next(((r, p) for r, p in found if p is not None), (None, None))
        if route is None or params is None or (route.admin and not session.admin):
            raise Refusal(404, "unknown")
        subject = None
        if "number" in params:
            subject = self._backend.directory.user(params["number"])
            if subject is None or not session.may_see(subject.number):
                raise Refusal(404, "unknown")
        change = request.method == "POST"
        handler = route.change if change else route.look
        if handler is None:
            raise Refusal(405, "method")
        return await handler(
            Visit(
                session=session,
                subject=subject,
                params=params,
                query=dict(request.query),
                form=form,
                words=words,
                backend=self._backend,
                writer=self._writer,
                mail=self._mail,
                lamp=self._lamps.state,
                path=request.path,
            )
        )

    def _refused(self, words: Words, status: int, reason: str) -> web.Response:
        html = self._writer.write(
            "refused", words, {"t": words.text, "status": status, "reason": reason}
        )
        return web.Response(status=status, text=html, content_type="text/html", charset="utf-8")

    @staticmethod
    def _static(path: tuple[str, ...]) -> web.Response:
        try:
            content = static_file("/".join(path[1:]))
        except KeyError:
            raise Refusal(404, "unknown") from None
        kind = _KINDS[path[-1].rpartition(".")[2]]
        return web.Response(body=content, content_type=kind, charset="utf-8")

    # -- language -----------------------------------------------------------------------

    def _language(self, request: web.BaseRequest) -> str:
        return choose_language(
            request.cookies.get("phonerig_language", ""),
            request.headers.get(hdrs.ACCEPT_LANGUAGE, ""),
            self._backend.directory.site.locale.language.split("-")[0],
        )

    def _choose_language(self, request: web.BaseRequest) -> web.Response:
        # The path of this very request, never one from a value: no way to another server.
        response = see_other("/" + urlsplit(request.raw_path).path.lstrip("/\\"))
        self._set_cookie(
            response, "phonerig_language", request.query["language"], _LANGUAGE_COOKIE_S
        )
        return response

    # -- sessions -----------------------------------------------------------------------

    def _cookie(self, kind: str) -> str:
        """Name of a cookie; browsers do not tell ports apart, so the port is in it."""
        prefix = "__Host-" if self._config.behind_tls else ""
        return f"{prefix}phonerig_{kind}_{self.address[1]}"

    def _set_cookie(
        self, response: web.Response, name: str, value: str, max_age_s: int | None = None
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age_s,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self._config.behind_tls,
        )

    def _session(self, request: web.BaseRequest, *, touch: bool = True) -> Session:
        token = request.cookies.get(self._cookie("session"), "")
        session = self._sessions.find(token, self._backend.clock(), touch=touch)
        if session is None:
            raise SignInFirst(expired=bool(token))
        return session

    def _login_token(self, ticket: str) -> str:
        return hmac.digest(self._key, ticket.encode("utf-8", "replace"), "sha256").hex()

    def _login(self, request: web.BaseRequest, words: Words, form: Form) -> web.Response:
        ticket = request.cookies.get(self._cookie("login"), "")
        if request.method != "POST":
            known = self._sessions.find(
                request.cookies.get(self._cookie("session"), ""), self._backend.clock()
            )
            if known is not None:
                return see_other("/")
            said = "login.expired" if request.query.get("expired") else ""
            return self._login_page(words, ticket, status=200, said=said)
        if not ticket or not same(self._login_token(ticket), form.raw("csrf")):
            return self._login_page(words, ticket, status=403, error="login.cookies")
        name = form.text("name")
        answer = self._sign_in.attempt(name, form.raw("password"), str(request.remote or ""))
        if isinstance(answer, SignedIn):
            token, _ = self._sessions.open(answer.number, self._backend.clock())
            response = see_other("/")
            self._set_cookie(response, self._cookie("session"), token)
            response.del_cookie(self._cookie("login"), path="/")
            return response
        if answer.wait_s > 0:
            wait_s = int(answer.wait_s) + 1
            page = self._login_page(
                words, ticket, status=429, error="login.wait", name=name, wait_s=wait_s
            )
            page.headers[hdrs.RETRY_AFTER] = str(wait_s)
            return page
        return self._login_page(words, ticket, status=403, error="login.wrong", name=name)

    def _login_page(
        self,
        words: Words,
        ticket: str,
        *,
        status: int,
        error: str = "",
        said: str = "",
        name: str = "",
        wait_s: int = 0,
    ) -> web.Response:
        fresh = ticket or secrets.token_urlsafe(24)
        html = self._writer.write(
            "login",
            words,
            {
                "t": words.text,
                "csrf": self._login_token(fresh),
                "errors": {"name": words.text(error, seconds=wait_s)} if error else {},
                "done": [words.text(said)] if said else [],
                "values": {"name": name},
                "path": "/login",
            },
        )
        response = web.Response(
            status=status, text=html, content_type="text/html", charset="utf-8"
        )
        if fresh != ticket:
            self._set_cookie(response, self._cookie("login"), fresh)
        return response

    def _logout(self, session: Session) -> web.Response:
        self._sessions.close(session)
        self._lamps.end_session(session)
        response = see_other("/login")
        response.del_cookie(self._cookie("session"), path="/")
        return response

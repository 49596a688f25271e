"""A real Chromium, driven by its DevTools protocol over a WebSocket; no driver program.

One process serves a module of tests; every test gets a browser context of its own, so cookies
never pass from one to the other.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
from peers import require_peer, unavailable

SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars", "--mute-audio", "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--remote-debugging-port=0",
)  # fmt: skip
_KEYS = {
    "Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " "), "ArrowDown": (40, ""),
    "ArrowUp": (38, ""), "ArrowRight": (39, ""),
}  # fmt: skip
AXE = Path(__file__).parent / "axe" / "node_modules" / "axe-core" / "axe.min.js"


def axe_source() -> str:
    """The checker, as script."""
    if not AXE.exists():
        unavailable("axe-core is not installed (run 'make test-deps')")
    return AXE.read_text(encoding="utf-8")


@contextmanager
def chromium(profile: Path) -> Iterator[str]:
    """Run a Chromium; gives the address of its DevTools."""
    program = require_peer("chromium", "chromium-browser")
    process = subprocess.Popen(
        [program, *SWITCHES, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"DevTools listening on (ws://\S+)", line)
            if found:
                yield found[1]
                return
        raise AssertionError(f"Chromium ended with {process.wait(10)} before it listened")
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(15)
        if process.stderr is not None:
            process.stderr.close()


class Tab:
    """One page of the browser, looked at and used from outside."""

    def __init__(self, link: DevTools, session: str) -> None:
        self._link = link
        self._session = session
        self.complaints: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._link.call(method, self._session, **params)

    async def look(self, expression: str) -> Any:
        """The value of an expression in the page; works with the page's own script off, too."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def until(self, expression: str, timeout_s: float = 20.0) -> Any:
        """Wait until an expression is true; gives its value.

        A page that is just being left counts as not yet.
        """
        last: Any = None
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    try:
                        last = await self.look(expression)
                    except (AssertionError, DevToolsError) as error:
                        last = error
                    else:
                        if last:
                            return last
                    await asyncio.sleep(0.05)
        except TimeoutError:
            where = await self.look("location.href + ' ' + document.body.innerText")
            raise AssertionError(f"never true: {expression} ({last!r}); at {where}") from None

    async def open(self, url: str) -> Self:
        """Go to a page, until it is loaded."""
        await self.look("window.left = true")
        answer = await self.call("Page.navigate", url=url)
        assert not answer.get("errorText"), answer
        await self.until("!window.left && document.readyState === 'complete'")
        return self

    async def leave_by(self, selector: str, index: int = 0) -> None:
        """Click something that leads to another page, until that one is loaded."""
        await self.look("window.left = true")
        await self.click(selector, index)
        await self.until("!window.left && document.readyState === 'complete'")

    async def click(self, selector: str, index: int = 0) -> None:
        """Click with the mouse where an element is seen."""
        await self.until(f"document.querySelectorAll({json.dumps(selector)}).length > {index}")
        box = await self.look(
            f"(() => {{ const e = document.querySelectorAll({json.dumps(selector)})[{index}];"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left",
                clickCount=1,
            )  # fmt: skip

    async def write(self, selector: str, text: str) -> None:
        """Replace what stands in a field."""
        await self.click(selector)
        await self.look(f"document.querySelector({json.dumps(selector)}).select()")
        await self.call("Input.insertText", text=text)

    async def type(self, text: str) -> None:
        """Write into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, *, shift: bool = False) -> None:
        """Press one key of the keyboard."""
        code, text = _KEYS[key]
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        down = {"type": "keyDown", "text": text} if text else {"type": "rawKeyDown"}
        await self.call("Input.dispatchKeyEvent", **down, **common)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def appear(self, *, dark: bool = False, width: int = 1000, height: int = 900) -> None:
        """Choose light or dark, and the size of the window."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    async def without_script(self) -> None:
        """Switch off the script of pages."""
        await self.call("Emulation.setScriptExecutionDisabled", value=True)

    async def upload(self, selector: str, path: Path) -> None:
        """Choose a file."""
        document = await self.call("DOM.getDocument")
        node = await self.call(
            "DOM.querySelector", nodeId=document["root"]["nodeId"], selector=selector
        )
        await self.call("DOM.setFileInputFiles", nodeId=node["nodeId"], files=[str(path)])

    async def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Keep what is seen."""
        picture = await self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole
        )
        path.write_bytes(base64.b64decode(picture["data"]))  # noqa: ASYNC240 - a test has the time

    @property
    async def heading(self) -> str:
        return await self.look("document.querySelector('h1').innerText")


class DevToolsError(Exception):
    """The browser refused a command."""


class DevTools:
    """A connection to the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    async def listen(self) -> None:
        async for message in self._socket:
            data = json.loads(message.data)
            future = self._waiting.pop(data.get("id", 0), None)
            if future is not None and not future.done():
                if "error" in data:
                    future.set_exception(DevToolsError(str(data["error"])))
                else:
                    future.set_result(data["result"])
            tab = self._tabs.get(data.get("sessionId", ""))
            if tab is not None:
                self._heard(tab, data.get("method", ""), data.get("params", {}))

    @staticmethod
    def _heard(tab: Tab, method: str, params: dict[str, Any]) -> None:
        """Keep what the browser complains of: scripts that fail, rules that are broken."""
        if method == "Runtime.exceptionThrown":
            tab.complaints.append(str(params["exceptionDetails"]))
        if method == "Log.entryAdded" and params["entry"]["source"] in {"security", "javascript"}:
            tab.complaints.append(params["entry"]["text"])

    async def call(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        command: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            command["sessionId"] = session
        await self._socket.send_json(command)
        async with asyncio.timeout(60):
            return await future

    async def tab(self, context: str) -> Tab:
        target = await self.call(
            "Target.createTarget", url="about:blank", browserContextId=context
        )
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        tab = Tab(self, attached["sessionId"])
        self._tabs[attached["sessionId"]] = tab
        for domain in ("Page", "Runtime", "Log", "DOM"):
            await tab.call(f"{domain}.enable")
        await tab.appear()
        return tab


@asynccontextmanager
async def new_tab(devtools: str, language: str = "de") -> AsyncIterator[Tab]:
    """A page in a browser context of its own; must not complain."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(devtools, max_msg_size=0) as socket,
    ):
        link = DevTools(socket)
        listening = asyncio.create_task(link.listen())
        context = (await link.call("Target.createBrowserContext"))["browserContextId"]
        try:
            tab = await link.tab(context)
            await tab.call("Network.enable")
            await tab.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
            yield tab
            assert tab.complaints == []
        finally:
            await link.call("Target.disposeBrowserContext", browserContextId=context)
            listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listening

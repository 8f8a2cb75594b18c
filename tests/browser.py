"""Pages as headless Chromium shows them."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
_TIMEOUT = 120  # seconds without a word from Chromium


@dataclass
class Shown:
    """A page after its scripts have run."""

    dom: str = ""
    console: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    """Hosts that the page asked for something, in its frames and workers too; not those that Chromium asks by itself."""


def shown(url: str, folder: Path, *, milliseconds: int = 4000) -> Shown:
    """Open ``url``, and let ``milliseconds`` of the page's own time pass; Chromium's profile goes to ``folder``."""
    with _chromium(folder / "chromium") as browser:
        target = browser.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        page = browser.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for listened in ("Page", "Runtime", "Log"):
            browser.ask(f"{listened}.enable", session=page)
        browser.watch(page)
        browser.ask("Page.navigate", {"url": url}, page)
        browser.wait_for("Page.loadEventFired")
        # The first time, Chromium moves the page to another process, and the first requests from there may go unheard.
        browser.ask("Page.reload", {"ignoreCache": True}, page)
        browser.wait_for("Page.loadEventFired")
        # Time that passes as fast as the page's scripts can follow, and stands still while it waits for an answer.
        passing = {"policy": "pauseIfNetworkFetchesPending", "budget": milliseconds}
        browser.ask("Emulation.setVirtualTimePolicy", {**passing, "maxVirtualTimeTaskStarvationCount": 9999}, page)
        browser.wait_for("Emulation.virtualTimeBudgetExpired")
        dom = browser.ask("Runtime.evaluate", {"expression": "document.documentElement.outerHTML"}, page)
        browser.page.dom = dom["result"]["value"]
        return browser.page


class _Browser:
    """Chromium at the other end of a socket, by the DevTools protocol: JSON messages, each with a zero byte after it.

    Messages bear the session of a target, which is a page, a frame of another site, or a worker. Chromium's own requests,
    such as those for updates, belong to none.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.page = Shown()
        self._connection, self._read = connection, b""
        self._asked = 0
        self._seen: set[str] = set()

    def ask(self, method: str, params: Mapping[str, Any] | None = None, session: str | None = None) -> dict[str, Any]:
        number = self._send(method, params, session)
        while (message := self._next()).get("id") != number:
            pass
        assert "error" not in message, (method, message["error"])
        return message["result"]

    def wait_for(self, event: str) -> None:
        """Until the event has come since it was last waited for."""
        while event not in self._seen:
            self._next()
        self._seen.remove(event)

    def watch(self, session: str) -> None:
        """Hear of what a target requests, and of the frames and workers that it starts, which wait until they are watched."""
        self._send("Network.enable", {}, session)
        attach = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self._send("Target.setAutoAttach", attach, session)
        self._send("Runtime.runIfWaitingForDebugger", {}, session)

    def _send(self, method: str, params: Mapping[str, Any] | None, session: str | None) -> int:
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": params or {}}
        self._connection.sendall(json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        return self._asked

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._read:
            received = self._connection.recv(1 << 20)
            assert received, "Chromium ended"
            self._read += received
        text, _, self._read = self._read.partition(b"\0")
        message = json.loads(text)
        if "method" in message:
            self._seen.add(message["method"])
            self._note(message["method"], message["params"], "sessionId" in message)
        return message

    def _note(self, event: str, params: dict[str, Any], of_a_target: bool) -> None:
        if event == "Network.requestWillBeSent":
            self._note_request(params["request"]["url"])
        elif event == "Network.webSocketCreated":
            self._note_request(params["url"])
        elif event == "Target.attachedToTarget" and of_a_target:  # ours to the page comes without a session
            self.watch(params["sessionId"])
        elif event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.page.console.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Runtime.consoleAPICalled":
            self.page.console.append(" ".join(str(item.get("value", item)) for item in params["args"]))
        elif event == "Log.entryAdded":
            self.page.console.append(params["entry"]["text"])

    def _note_request(self, url: str) -> None:
        if host := urlsplit(url).hostname:  # a file and a data URL have none
            self.page.hosts.add(host)


@contextmanager
def _chromium(profile: Path) -> Iterator[_Browser]:
    assert CHROMIUM is not None
    ours, theirs = socket.socketpair()
    ours.settimeout(_TIMEOUT)
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--no-first-run", "--window-size=1400,1400",
        "--remote-debugging-pipe",
    ]  # fmt: skip
    # Chromium reads what it is asked from descriptor 3, and answers on 4.
    on_3_and_4 = f'exec "$@" 3<&{theirs.fileno()} 4>&{theirs.fileno()}'
    process = subprocess.Popen(
        ["bash", "-c", on_3_and_4, "bash", CHROMIUM, *flags], pass_fds=[theirs.fileno()], stderr=subprocess.DEVNULL
    )
    theirs.close()
    try:
        browser = _Browser(ours)
        yield browser
        browser.ask("Browser.close")
        process.wait(30)
    finally:
        ours.close()
        process.kill()
        process.wait(30)

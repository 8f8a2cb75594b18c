"""Pages as headless Chromium shows them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
# What the browser asks for by itself, whatever the page.
_ITS_OWN = {
    "accounts.google.com", "clients2.google.com", "update.googleapis.com", "optimizationguide-pa.googleapis.com",
    "content-autofill.googleapis.com", "safebrowsing.googleapis.com", "android.clients.google.com", "mtalk.google.com",
    "redirector.gvt1.com",
}  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A page after its scripts have run."""

    dom: str
    console: list[str]
    hosts: set[str]
    """Hosts that were asked for something."""


def shown(url: str, folder: Path, *, milliseconds: int = 4000) -> Shown:
    """Open ``url``; what Chromium needs is written to ``folder``."""
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'chromium'}",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
        "--window-size=1400,1400", f"--virtual-time-budget={milliseconds}", "--enable-logging=stderr",
        f"--log-net-log={folder / 'net.json'}", "--dump-dom", url,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    console = re.findall(r"CONSOLE:\d+\] (.*)", done.stderr)
    return Shown(done.stdout, console, _hosts(json.loads((folder / "net.json").read_text())))


def _hosts(log: dict) -> set[str]:
    urls = {str(event.get("params", {}).get("url", "")) for event in log["events"]}
    hosts = {urlsplit(url).hostname or "" for url in urls if url.startswith("http")}
    return hosts - _ITS_OWN

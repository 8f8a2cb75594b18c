"""MLflow's own pages, served on this machine only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping
from os import PathLike

import click

from seedbed import signals
from seedbed.errors import TrackingError
from seedbed.paths import project_folder
from seedbed.tracking.databases import without_password
from seedbed.tracking.launches import launched_experiments
from seedbed.tracking.pages import SEEDS, VARIANTS, address_of
from seedbed.tracking.store import address_to_serve, open_project_store, store_uri

SECONDS_TO_START = 60
# Each worker of MLflow's server says so of a module that MLflow imports: nothing that a user could mend.
OF_THE_SERVER = ("ignore:starlette.middleware.wsgi is deprecated",)


def serve(
    experiment: str | None, port: int, *, open_browser: bool = True, config_dir: str | PathLike[str] | None = None
) -> int:
    """Run ``mlflow server`` on 127.0.0.1 until it is interrupted; returns its exit code."""
    project = project_folder(config_dir)
    uri = store_uri(project)
    address = f"http://127.0.0.1:{port}"
    if uri.startswith("http"):
        click.echo(_said(pages_of(without_password(uri).rstrip("/"), experiment, config_dir)))
        return 0
    served = address_to_serve(uri, project)
    pages = pages_of(address, experiment, config_dir)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise TrackingError(
                f"--port {port}: that port is in use already. If it is by this command in another terminal, open\n{_said(pages)}\n"
                f"Otherwise choose another port, such as --port {port + 1}."
            )
    command = [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", served, "--host", "127.0.0.1", "--port", str(port),
        "--default-artifact-root", (project / "mlartifacts").as_uri(),
    ]  # fmt: skip
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "PYTHONWARNINGS": ",".join([*filter(None, [os.environ.get("PYTHONWARNINGS")]), *OF_THE_SERVER]),
    }
    threading.Thread(target=_announce, args=(port, pages, open_browser), daemon=True).start()
    return signals.serve(command, env={**os.environ, **quiet}, stdout=subprocess.DEVNULL)


def pages_of(server: str, experiment: str | None, config_dir: str | PathLike[str] | None) -> dict[str, str]:
    """The addresses to open, by what they show; the first is the one to begin with."""
    if experiment is None:
        of_each = (pages_of(server, name, config_dir) for name in launched_experiments(config_dir))
        return {"MLflow": server} | {each: page for pages in of_each for each, page in pages.items()}
    store = open_project_store(experiment, config_dir)
    views = store.views()
    if VARIANTS not in views:  # of a search, or of launches of earlier versions
        return {store.tracked_as: f"{server}{address_of(store.experiment_id)}"}
    return {
        f"{store.tracked_as}, variants of the latest launch": f"{server}{address_of(store.experiment_id, VARIANTS)}",
        f"{store.tracked_as}, curves of their seeds": f"{server}{address_of(store.experiment_id, SEEDS, charts=True)}",
    }


def _said(pages: Mapping[str, str]) -> str:
    return "\n".join(f"{what}: {page}" for what, page in pages.items())


def _announce(port: int, pages: Mapping[str, str], open_browser: bool) -> None:
    """Name the pages, and open the first, as soon as the server answers."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                click.echo(f"{_said(pages)}\n(Ctrl-C ends the server)")
                if open_browser:
                    webbrowser.open(next(iter(pages.values())))
                return
        time.sleep(0.3)

"""MLflow's own pages, served on this machine only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from os import PathLike

import click

from seedbed import signals
from seedbed.errors import TrackingError
from seedbed.paths import project_folder
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
        click.echo(f"The tracking server is {uri}")
        return 0
    served = address_to_serve(uri, project)
    page = address
    if experiment is not None:
        page += f"/#/experiments/{open_project_store(experiment, config_dir).experiment_id}/runs?workflowType=machine_learning"
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise TrackingError(
                f"--port {port}: something answers there already. Take another one, such as --port {port + 1}."
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
    threading.Thread(target=_announce, args=(port, page, open_browser), daemon=True).start()
    return signals.serve(command, env={**os.environ, **quiet}, stdout=subprocess.DEVNULL)


def _announce(port: int, page: str, open_browser: bool) -> None:
    """Name the page, and open it, as soon as the server answers."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                click.echo(f"MLflow: {page}    (Ctrl-C ends it)")
                if open_browser:
                    webbrowser.open(page)
                return
        time.sleep(0.3)

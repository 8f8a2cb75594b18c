"""MLflow's own pages of a launch, in a browser."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from seedbed.running.runner import run
from seedbed.tracking.store import store_uri
from tests.browser import CHROMIUM, shown
from tests.running.test_runner import store_of
from tests.stored import children


@contextmanager
def served(project: Path) -> Iterator[str]:
    """The address of MLflow's pages."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--port", str(port)]
    process = subprocess.Popen([*command, "--backend-store-uri", store_uri(project)])
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            time.sleep(0.5)
            try:
                with urlopen(f"{address}/health", timeout=5):
                    break
            except (URLError, OSError):
                continue
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.extended
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_pages_of_a_launch_and_of_its_variants(project: Path, tmp_path: Path) -> None:
    outcome = run("messages", ["seeds=2", "trainer.max_epochs=1", "report.metric=test/loss"], config_dir=project)
    store = store_of(project, "messages")
    with served(project) as address:
        place = f"{address}/#/experiments/{store.experiment_id}"
        launch = shown(f"{place}/runs/{outcome.launch}", tmp_path, milliseconds=20_000)
        variants = [variant.info.run_id for variant in children(store, outcome.launch)]
        asked = urlencode({"runs": json.dumps(variants), "experiments": json.dumps([store.experiment_id])})
        compared = shown(f"{address}/#/compare-runs?{asked}", tmp_path, milliseconds=20_000)
    assert "can't be told apart from <code>none</code>" in launch.dom
    assert "95 % interval of the mean" in launch.dom
    assert launch.hosts <= {"127.0.0.1"}
    for said in ("none", "oversample", "test/accuracy", "test/accuracy_std"):
        assert said in compared.dom

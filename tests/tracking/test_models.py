"""MLflow models in the store, and MLflow's own address beside them."""

from __future__ import annotations

import os
from pathlib import Path

import mlflow
import pytest

from seedbed.tracking.models import _mlflows_own_address, tracked_model, upload
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun
from tests.stored import client_of


def test_a_model_is_ready_when_its_files_are_there_and_failed_on_an_error(
    store: Store, run: TrackedRun, tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "MLmodel").write_text("x")
    with tracked_model(store, run.id, "spam", "classifier") as whole:
        upload(store, whole, tmp_path / "files")
    with pytest.raises(OSError, match="gone"), tracked_model(store, run.id, "spam", "classifier") as broken:
        raise OSError("gone")
    states = [client_of(store).get_logged_model(model.id) for model in (whole, broken)]
    assert [(str(state.status), state.source_run_id, state.model_type) for state in states] == [
        ("READY", run.id, "classifier"),
        ("FAILED", run.id, "classifier"),
    ]
    outputs = client_of(store).get_run(run.id).outputs.model_outputs
    assert [output.model_id for output in outputs] == [whole.id]
    assert whole.uri == f"models:/{whole.id}"


def test_mlflows_own_address_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    with _mlflows_own_address("sqlite:////x/mlflow.db"):
        assert mlflow.get_tracking_uri() == "sqlite:////x/mlflow.db"
    assert mlflow.get_tracking_uri() == os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:1"

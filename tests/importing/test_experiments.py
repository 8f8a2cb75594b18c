"""Runs of an MLflow experiment that seedbed did not write."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow
import pytest

from seedbed.errors import DataError, TrackingError
from seedbed.importing.experiments import read_experiment
from seedbed.importing.runs import FAILED, ForeignRuns, Keys

KEYS = Keys("model", "random_state")


@pytest.fixture
def uri(tmp_path: Path, empty_store: Path) -> str:
    """A store with an experiment "theirs": two models of two seeds, one of which failed at first, and a run above them."""
    shutil.copy(empty_store, tmp_path / "theirs.db")
    address = f"sqlite:///{tmp_path / 'theirs.db'}"
    client = mlflow.MlflowClient(address)
    experiment = client.create_experiment("theirs", artifact_location=str(tmp_path / "artifacts"))
    add(client, experiment, None, None, "FINISHED")
    add(client, experiment, "b", 0, "FAILED")
    for model in ("a", "b"):
        for seed in (0, 1):
            add(client, experiment, model, seed, "FINISHED")
    add(client, experiment, "a", 2, "RUNNING")
    add(client, experiment, "b", 2, "FAILED")
    return address


def add(client: mlflow.MlflowClient, experiment: str, model: str | None, seed: int | None, status: str) -> None:
    run = client.create_run(experiment).info.run_id
    if model is not None:
        client.log_param(run, "model", model)
        client.set_tag(run, "random_state", str(seed))
        client.log_metric(run, "system/cpu", 50.0)
        client.log_metric(run, "test_acc", 0.5 + 0.1 * float(seed or 0))
        for step in (0, 100):
            client.log_metric(run, "val_loss", 2.0 - step / 100, step=step)
    if status != "RUNNING":
        client.set_terminated(run, status)


def read(uri: str, tmp_path: Path, query: str = "") -> ForeignRuns:
    return read_experiment("theirs", uri, tmp_path, keys=KEYS, query=query)


def test_how_many_runs_are_read_is_shown(uri: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    read_experiment("theirs", uri, tmp_path, keys=KEYS, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]


def test_params_and_tags_name_variant_and_seed(uri: str, tmp_path: Path) -> None:
    runs = read(uri, tmp_path)
    assert runs.source == "MLflow experiment 'theirs'"
    assert runs.variants == ["a", "b"]
    assert [(run.variant, run.seed) for run in runs.runs if run.status == FAILED] == [("b", 2)]
    values = {(run.variant, run.seed): run.values for run in runs.runs if run.status != FAILED}
    assert values["a", 1] == {"test_acc": 0.6, "val_loss": 1.0}
    assert len(values) == 4
    assert runs.runs[0].points == [("val_loss", 0, 2.0), ("val_loss", 100, 1.0)]
    assert runs.steps == "step"
    assert [note.split(":")[1].strip().rstrip(".") for note in runs.notes] == [
        "1 run without a variant or a seed", "1 run that did not end", "1 run that failed, and was repeated by one that finished",
    ]  # fmt: skip


def test_a_query_chooses_runs(uri: str, tmp_path: Path) -> None:
    assert read(uri, tmp_path, "params.model = 'a'").variants == ["a"]
    with pytest.raises(TrackingError, match="--filter 'model is a': MLflow refuses it"):
        read(uri, tmp_path, "model is a")
    with pytest.raises(DataError, match="has no run that --filter"):
        read(uri, tmp_path, "params.model = 'c'")


def test_keys_that_are_not_there_are_answered_by_those_that_are(uri: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no run has a param or tag 'variant'.*params model, and the tags mlflow.runName, random_state.*--variant-key"):  # fmt: skip
        read_experiment("theirs", uri, tmp_path)
    with pytest.raises(DataError, match="'random_stat', did you mean 'random_state'"):
        read_experiment("theirs", uri, tmp_path, keys=Keys("model", "random_stat"))
    with pytest.raises(TrackingError, match=r"--mlflow thiers: .*no such experiment, did you mean 'theirs'"):
        read_experiment("thiers", uri, tmp_path)


def test_two_finished_runs_of_one_seed_are_refused(uri: str, tmp_path: Path) -> None:
    client = mlflow.MlflowClient(uri)
    add(client, client.get_experiment_by_name("theirs").experiment_id, "a", 1, "FINISHED")
    with pytest.raises(DataError, match=r"variant 'a' has seed 1 twice, in run \w{8} and run \w{8}"):
        read(uri, tmp_path)


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match=r"There is no tracking store .*--tracking-uri"):
        read_experiment("theirs", f"sqlite:///{tmp_path / 'none.db'}", tmp_path)

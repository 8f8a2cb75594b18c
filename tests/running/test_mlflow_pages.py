"""What MLflow's own pages show of a launch: views of its variants and seeds, verdicts, data, commit, tags and load."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from seedbed.cli.ui import pages_of
from seedbed.errors import TrackingError
from seedbed.report.analysis import analyse
from seedbed.running.runner import Outcome, run
from seedbed.tracking.client import commit_tags
from seedbed.tracking.pages import SHARED_VIEW
from seedbed.tracking.store import Store, open_project_store, store_uri
from tests.running.test_runner import store_of
from tests.stored import client_of, runs


def views_of(store: Store) -> dict[str, Any]:
    tags = client_of(store).get_experiment(store.experiment_id).tags
    return {
        name.removeprefix(SHARED_VIEW): json.loads(text) for name, text in tags.items() if name.startswith(SHARED_VIEW)
    }


def test_the_page_opens_on_the_variants_of_the_latest_launch(trained_project: Path, first_outcome: Outcome) -> None:
    store = store_of(trained_project, "messages")
    view = views_of(store)["variants"]
    found = client_of(store).search_runs([store.experiment_id], view["searchFilter"])
    assert sorted(run.info.run_name or "" for run in found) == ["none", "oversample"]
    shown = [column.partition("`")[2].rstrip("`") for column in view["selectedColumns"]]
    assert shown == ["test/accuracy", "test/accuracy_std", "test/accuracy_n", "seedbed.verdict"]
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`test/accuracy`", False)
    verdicts = {run.info.run_name: run.data.tags["seedbed.verdict"] for run in found}
    said = analyse(first_outcome.results)
    assert said.family[0].variant == "oversample"
    assert verdicts == {"none": "baseline", "oversample": said.said(said.family[0])}
    assert all(set(shown[:3]) <= set(run.data.metrics) for run in found)


def test_the_seeds_of_a_view_are_those_that_the_means_are_of(trained_project: Path) -> None:
    store = store_of(trained_project, "messages")
    view = views_of(store)["seeds"]
    found = client_of(store).search_runs([store.experiment_id], view["searchFilter"])
    assert {run.info.run_id for run in found} == {run.info.run_id for run in runs(store, "seed")}
    assert view["groupBy"]["groupByKeys"] == [{"mode": "tag", "groupByData": "seedbed.variant"}]


def test_ui_gives_the_addresses_of_the_views(trained_project: Path) -> None:
    store = store_of(trained_project, "messages")
    pages = pages_of("http://here:5000", "messages", trained_project)
    place = f"http://here:5000/#/experiments/{store.experiment_id}/runs?viewStateShareKey="
    assert list(pages.values()) == [f"{place}variants", f"{place}seeds&compareRunsMode=CHART"]
    every = pages_of("http://here:5000", None, trained_project)
    assert every == {"MLflow": "http://here:5000", **pages}
    assert list(pages) == ["messages, variants of the latest launch", "messages, curves of their seeds"]


def test_runs_carry_their_data_set(trained_project: Path) -> None:
    store = store_of(trained_project, "messages")
    for kind in ("launch", "variant"):
        for found in runs(store, kind):
            [data] = found.inputs.dataset_inputs
            digest = store.seeds(runs(store, "variant")[0].info.run_id)[0].data_digest
            assert data.dataset.digest == digest[:36]


@pytest.mark.slow
def test_experiment_and_tags_of_ones_own(project: Path) -> None:
    own = ["tracking.experiment=anna/", "+tracking.tags.team=vision", "+tracking.tags.ticket=12"]
    outcome = run("messages", ["seeds=2", "trainer.max_epochs=1", "tracking.pictures=false", *own], config_dir=project)
    assert outcome.results.experiment == "messages"
    store = open_project_store("messages", project)
    assert (store.experiment, store.tracked_as) == ("messages", "anna/messages")
    assert store.experiment_id == open_project_store("anna/messages", project).experiment_id
    for kind in ("launch", "variant", "seed"):
        for found in runs(store, kind):
            assert (found.data.tags["team"], found.data.tags["ticket"]) == ("vision", "12")
    again = run("messages", ["seeds=2", "trainer.max_epochs=1", "tracking.pictures=false", *own], config_dir=project)
    assert again.trained == 0


def test_a_name_that_may_be_several_experiments_is_asked_back(project: Path) -> None:
    for owner in ("anna/", "ben/"):
        Store(store_uri(project), project, "messages", tracked_as=f"{owner}messages")
    with pytest.raises(TrackingError, match="'messages' may be anna/messages or ben/messages: say which"):
        open_project_store("messages", project)
    assert open_project_store("ben/messages", project).experiment == "messages"


def test_runs_know_the_commit_of_the_project(tmp_path: Path) -> None:
    assert commit_tags(tmp_path / "nowhere") == {}

    def git(*command: str) -> str:
        given = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c", *command]
        return subprocess.run(given, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "--quiet", "-m", "one")
    assert commit_tags(tmp_path) == {
        "mlflow.source.git.commit": git("rev-parse", "HEAD"),
        "mlflow.source.git.dirty": "false",
    }
    (tmp_path / "file").write_text("2")
    assert commit_tags(tmp_path)["mlflow.source.git.dirty"] == "true"


@pytest.mark.slow
def test_the_load_of_the_machine_is_recorded_where_asked_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.1")
    asked = ["seeds=1", "trainer.max_epochs=1", "tracking.pictures=false", "tracking.system_metrics=true"]
    outcome = run("messages", asked, config_dir=project)
    metrics = client_of(store_of(project, "messages")).get_run(outcome.launch).data.metrics
    assert any(name.startswith("system/cpu") for name in metrics)

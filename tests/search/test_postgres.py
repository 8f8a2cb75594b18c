"""One PostgreSQL server for the study and for the runs: processes share them, and what goes wrong is said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pytest

from seedbed.errors import TrackingError
from seedbed.search.runner import search
from seedbed.search.study import Study, TrialOutcome
from seedbed.search.trials import Trials
from seedbed.tracking.databases import with_driver
from seedbed.tracking.names import CONFIG, PLAN
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun
from tests.conftest import REPOSITORY
from tests.search.conftest import BASE
from tests.search.postgres import PASSWORD, Server, running_server
from tests.search.test_search import pretended
from tests.stored import children, runs

pytestmark = pytest.mark.extended

STUDY = "messages/none"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@dataclass(frozen=True)
class Shared:
    """Two databases, and the project of those who share them."""

    project: Path
    studies: str
    runs: str

    def start(self, *overrides: str) -> subprocess.Popen[str]:
        """A search in a process of its own."""
        arguments = ["search", "messages", *BASE, f"search.storage={self.studies}", *overrides]
        return subprocess.Popen(
            [sys.executable, "-m", "seedbed", *arguments, "--config-dir", str(self.project)],
            cwd=self.project,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "MLFLOW_TRACKING_URI": self.runs},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        address = with_driver(self.studies)
        known = optuna.get_all_study_names(address)
        return optuna.load_study(study_name=STUDY, storage=address).trials if STUDY in known else []

    def store(self, experiment: str) -> Store:
        return Store(with_driver(self.runs), self.project, experiment, create=False)


@pytest.fixture
def shared(server: Server, bare_project: Path, request: pytest.FixtureRequest) -> Shared:
    name = request.node.name[-40:]
    return Shared(bare_project, server.make_database(f"{name}_studies"), server.make_database(f"{name}_runs"))


def ended(process: subprocess.Popen[str]) -> str:
    """What a process said that has ended well."""
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


@pytest.mark.extended
def test_two_processes_started_at_once_share_the_trials_and_the_runs(shared: Shared) -> None:
    both = [shared.start("search.trials=6", "search.fresh_seeds=2") for _ in range(2)]
    said = [ended(process) for process in both]
    trials = shared.trials()
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 6
    assert len({json.dumps(trial.params) for trial in trials}) == 6
    assert {int(trial.user_attrs["seedbed"]["process"]["pid"]) for trial in trials} == {one.pid for one in both}

    store = shared.store("messages.search")
    (top,) = runs(store, "search")
    assert top.info.status == "FINISHED"
    by_trial = {int(run.data.tags["seedbed.trial"]): run for run in children(store, top.info.run_id)}
    assert sorted(by_trial) == list(range(6))
    for trial in trials:
        assert by_trial[trial.number].data.metrics["objective"] == trial.value
        seeds = children(store, by_trial[trial.number].info.run_id)
        assert [seed.info.status for seed in seeds] == ["FINISHED"] * 2

    # Who is last tests the best; where both were, they have tested the same cells.
    launches = runs(shared.store("messages"), "launch")
    assert len(launches) in (1, 2)
    assert len({shared.store("messages").run(run.info.run_id).text(PLAN) for run in launches}) == 1
    assert [run.info.status for run in launches] == ["FINISHED"] * len(launches)

    written = [str(run.to_dictionary()) for of in (store, shared.store("messages")) for run in of._search("")]
    written += [store.run(top.info.run_id).text(CONFIG), *said]
    assert [words for words in written if PASSWORD in words] == []
    assert (shared.project / "mlartifacts" / "messages.search").is_dir()  # and not in the folder that one stood in


@pytest.mark.extended
def test_the_point_of_a_process_killed_meanwhile_is_tried_again_by_the_other(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = ["search.trials=5", "trainer.max_epochs=20000"]
    killed = shared.start(*long)
    lost = trial_of(killed, shared)

    def killing(self: Trials, trial: optuna.Trial, study: Study, run: TrackedRun) -> TrialOutcome:
        """A trial without any training, during the first of which the neighbour dies."""
        if killed.poll() is None:
            killed.send_signal(signal.SIGKILL)
            killed.wait()
        return pretended(self, trial, study, run)

    monkeypatch.setattr(Trials, "run", killing)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", shared.runs)
    found = search("messages", [*BASE, f"search.storage={shared.studies}", *long], shared.project)
    assert not found.shared
    trials = shared.trials()
    states = {trial.number: trial.state.name for trial in trials}
    assert states.pop(lost.number) == "FAIL"
    assert list(states.values()) == ["COMPLETE"] * 5
    (again,) = [trial for trial in trials if trial.user_attrs["seedbed"].get("retry_of") == lost.number]
    assert again.params == lost.params
    assert len({json.dumps(trial.params) for trial in trials}) == 5

    store = shared.store("messages.search")
    assert [run.info.status for run in runs(store, "search")] == ["FINISHED"]
    assert [run.info.status for run in runs(store, "variant")] == ["KILLED"]
    assert not store._search("attributes.status = 'RUNNING'")


def trial_of(process: subprocess.Popen[str], shared: Shared) -> optuna.trial.FrozenTrial:
    """The trial that a process works on, as soon as it does."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        for trial in shared.trials():
            signed = trial.user_attrs.get("seedbed", {}).get("process", {})
            if trial.state.name == "RUNNING" and signed.get("pid") == str(process.pid):
                return trial
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"It works on no trial: {process.communicate()[0]}")


@pytest.mark.parametrize("wrong", ["no server", "password", "database"])
@pytest.mark.parametrize("which", ["search.storage", "MLFLOW_TRACKING_URI"])
def test_a_wrong_address_is_refused_before_any_training(
    server: Server, project: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, which: str
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr(Trials, "run", never)
    address = {
        "no server": Server(1).address("postgres"),
        "password": server.address("postgres", "another-password"),
        "database": server.address("nowhere"),
    }[wrong]
    storage = [f"search.storage={address}"] if which == "search.storage" else []
    if not storage:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(TrackingError) as refused:
        search("messages", [*BASE, "search.trials=2", *storage], project)
    text = str(refused.value)
    assert which in text
    assert {"no server": "refused", "password": "password authentication failed", "database": "does not exist"}[
        wrong
    ] in text
    assert "Start the server, or fix the address" in text
    assert PASSWORD not in text
    assert "another-password" not in text

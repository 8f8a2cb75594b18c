"""Jobs of a sweep: what they say, and what is recorded of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seedbed.running.runner import run
from seedbed.running.sweep import SweepJob
from tests.running.test_runner import store_of
from tests.stored import runs


def job(*keys: str, number: int = 0) -> SweepJob:
    return SweepJob("grid", keys, jobs=3, number=number)


@pytest.mark.parametrize(
    ("keys", "number", "said"),
    [
        (["model.hidden"], 0, True),
        (["model.hidden"], 1, False),
        (["data.path"], 1, True),
        (["data/encoder"], 1, True),
        (["data_sets"], 1, True),
    ],
)
def test_jobs_that_share_their_data_speak_of_it_once(keys: list[str], number: int, said: bool) -> None:
    assert job(*keys, number=number).says_data_notes == said


def test_a_job_is_tagged_with_what_the_sweep_varies() -> None:
    tags = job("model.hidden", "seeds", number=2).tags(
        ["model.hidden=[4]", "variant=none", "seeds=1", "~model.dropout"]
    )
    assert tags["sweep"] == "grid"
    assert (tags["sweep_jobs"], tags["sweep_job"]) == ("3", "2")
    assert json.loads(tags["sweep_values"]) == {"model.hidden": "[4]", "seeds": "1"}


@pytest.mark.slow
def test_a_job_is_a_launch_of_its_sweep_even_with_nothing_to_train(
    trained_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep comes by argument: the environment of the process says nothing."""
    typed = ["variant=none", "seeds=1"]
    monkeypatch.setenv("SEEDBED_SWEEP", json.dumps({"id": "other", "keys": ["seeds"], "jobs": 9}))
    first = run("messages", typed, trained_project)
    assert run("messages", typed, trained_project).launch == first.launch
    again = run("messages", typed, trained_project, sweep=job("seeds", number=1))
    assert (again.trained, again.launch == first.launch) == (0, False)
    launches = {
        launch.info.run_id: launch.data.tags for launch in runs(store_of(trained_project, "messages"), "launch")
    }
    assert "seedbed.sweep" not in launches[first.launch]
    assert launches[again.launch]["seedbed.sweep"] == "grid"
    assert launches[again.launch]["seedbed.sweep_job"] == "1"

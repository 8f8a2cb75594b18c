"""Searches on made-up messages: what is tried, what wins, and what a stop leaves."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import psutil
import pytest
import yaml

import seedbed.search.study
import seedbed.tracking.store
from seedbed.data.selection import SelectionSplit
from seedbed.data.splits import Rows, Split
from seedbed.errors import ConfigError, TrackingError
from seedbed.search import processes
from seedbed.search.plan import read_plan
from seedbed.search.processes import search_by_processes
from seedbed.search.runner import SearchOutcome, search
from seedbed.search.samplers import signed
from seedbed.search.space import read_space
from seedbed.search.study import Study, TrialOutcome
from seedbed.search.trials import Cell, Trials
from seedbed.tracking.launches import find_launch
from seedbed.tracking.processes import this_process
from seedbed.training.recording import VariantRecord
from tests.conftest import REPOSITORY, write_project
from tests.running.test_runner import store_of
from tests.search.conftest import BASE
from tests.stored import children, file_names, runs

Run = Callable[..., SearchOutcome]


def points(found: SearchOutcome) -> list[dict[str, Any]]:
    return [trial.params for trial in found.search.trials]


@pytest.mark.slow
def test_a_search_is_a_run_above_its_trials_and_their_seeds(project: Path, made_up_search: Run) -> None:
    found = made_up_search("search.trials=3", "search.fresh_seeds=2", "trainer.max_epochs=1")
    assert [trial.state for trial in found.search.trials] == ["COMPLETE"] * 3
    store = store_of(project, "messages.search")
    (top,) = runs(store, "search")
    assert (top.info.run_id, top.info.status) == (found.run, "FINISHED")
    trials = children(store, top.info.run_id)
    assert [trial.info.run_name for trial in trials] == ["trial 0", "trial 1", "trial 2"]
    for child, trial in zip(trials, found.search.trials, strict=True):
        seeds = children(store, child.info.run_id)
        values = [seed.data.metrics["val/accuracy"] for seed in seeds]
        assert child.data.metrics["objective"] == trial.values[0] == pytest.approx(np.mean(values))
        assert trial.std == pytest.approx(np.std(values, ddof=1))
        assert float(child.data.params["optimizer.lr"]) == trial.params["optimizer.lr"]
        # No trial has looked at a test row, and none keeps its weights.
        assert not any(name.startswith("test/") for seed in seeds for name in seed.data.metrics)
        assert file_names(store, seeds[0].info.run_id) == set()
    best = max(found.search.trials, key=lambda trial: (trial.values[0], -trial.number))
    assert found.search.best == [best.number]

    # The best beside the variant as it stands, on seeds that the search did not have, tested once.
    assert found.tested is not None
    results = found.tested.results
    assert results.variants == ("none", "tuned")
    assert sorted(set(results.cells["seed"])) == [2, 3]
    assert results.search is not None
    assert results.search.best == [best.number]
    assert results.config["report"]["baseline"] == "none"
    assert "test/accuracy" in results.metrics
    # Reports and status are still about the experiment, not about the search.
    with pytest.raises(TrackingError):
        find_launch(store_of(project, "messages"))
    launch = find_launch(store_of(project, "messages"), of_search=True)
    assert launch.id == found.tested.launch


@pytest.mark.slow
@pytest.mark.parametrize(
    "sampler", ["tpe", "random", *(pytest.param(name, marks=pytest.mark.extended) for name in ("qmc", "gp"))]
)
def test_a_search_in_two_parts_tries_what_one_in_one_go_tries(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    """A sampler that starts anew with its seed would repeat its first points."""
    pretend(monkeypatch)
    options = [f"search={sampler}", "+search.sampler.n_startup_trials=3"] if sampler in ("tpe", "gp") else [f"search={sampler}"]  # fmt: skip
    options = [text.replace("+search", "search") for text in options]
    made_up_search(*options, "search.trials=3", "search.study=two")
    two = made_up_search(*options, "search.trials=5", "search.study=two")
    one = made_up_search(*options, "search.trials=5", "search.study=one")
    assert points(two) == points(one)
    assert len({str(point) for point in points(one)}) == 5
    assert two.search.best == one.search.best


@pytest.mark.slow
def test_cma_es_goes_on_without_repeating_a_point(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    options = [*BASE[:4], BASE[4], "model.dropout=interval(0.0, 0.5)", "search=cma_es"]
    search("messages", [*options, "search.trials=4"], project)
    found = search("messages", [*options, "search.trials=8"], project)
    assert len({str(point) for point in points(found)}) == len(found.search.trials) == 8


@pytest.mark.slow
@pytest.mark.parametrize("pruner", ["median", pytest.param("hyperband", marks=pytest.mark.extended)])
def test_pruners_stop_what_is_worse_at_an_epoch(project: Path, made_up_search: Run, pruner: str) -> None:
    more = ["search.pruner.n_startup_trials=2"] if pruner == "median" else []
    found = made_up_search(
        f"search/pruner={pruner}", "search=random", "search.trials=6", "search.metrics=val/loss",
        "trainer.max_epochs=4", *more,
    )  # fmt: skip
    by_state = {state: [trial for trial in found.search.trials if trial.state == state] for state in ("COMPLETE", "PRUNED")}  # fmt: skip
    assert by_state["COMPLETE"]
    assert by_state["PRUNED"]
    assert all(trial.epochs == 4 for trial in by_state["COMPLETE"])
    assert all(0 < trial.epochs < 4 for trial in by_state["PRUNED"])
    assert found.search.best[0] in [trial.number for trial in by_state["COMPLETE"]]


def pretended(self: Trials, trial: Any, study: Study, run: Any) -> TrialOutcome:
    """A value without any training, the best at a learning rate of 0.01."""
    value = -((math.log10(trial.params["optimizer.lr"]) + 2) ** 2)
    return TrialOutcome(values=(value,), mean=value, n=2)


def pretend(monkeypatch: pytest.MonkeyPatch, run: Callable[..., TrialOutcome] = pretended) -> None:
    """Let no trial train; the ends of the space, which take longer to check than all else, count as checked then."""
    plan = Trials.plan

    def of_points(self: Trials, name: str, point: Any) -> Any:
        return self.base if name == "search" else plan(self, name, point)

    monkeypatch.setattr(Trials, "run", run)
    monkeypatch.setattr(Trials, "plan", of_points)


@pytest.mark.extended
def test_a_trial_left_running_by_a_kill_fails_and_its_point_is_tried_again(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch)
    uninterrupted = made_up_search("search.trials=6", "search.study=whole")
    made_up_search("search.trials=3")
    study = opened(project)
    lost = study.next()
    assert lost is not None
    study._sign(lost._trial_id, {"process": {**this_process(), "process_start": "1.0"}})
    found = made_up_search("search.trials=6")
    states = [trial.state.name for trial in study._trials()]
    assert states == ["COMPLETE"] * 3 + ["FAIL"] + ["COMPLETE"] * 3
    assert points(found) == points(uninterrupted)
    assert [trial.number for trial in found.search.trials] == [0, 1, 2, 4, 5, 6]
    assert made_up_search("search.trials=6").search.trials == found.search.trials  # nothing is left to do


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which nothing is ever begun, so that what is composed of its files is kept for the next test."""
    return write_project(tmp_path_factory.mktemp("untouched") / "project")


@pytest.fixture(scope="module")
def begun_once(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """A project in which one trial of the study that ``made_up_search`` works on was pretended."""
    folder = write_project(tmp_path_factory.mktemp("begun") / "project")
    shutil.copy(empty_store, folder / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEEDBED_CACHE", str(folder.parent / "cache"))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        pretend(patch)
        search("messages", [*BASE, "search.trials=1"], folder)
    return folder


@pytest.fixture
def begun(tmp_path: Path, begun_once: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a search of one trial; further ones are pretended as well."""
    pretend(monkeypatch)
    return Path(shutil.copytree(begun_once, tmp_path / "project"))


def go_on(project: Path, *overrides: str) -> SearchOutcome:
    return search("messages", [*BASE, *overrides], project)


class Killed(BaseException):
    """Ends a process on the spot, as SIGKILL does."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampler", "drawn"),
    [
        pytest.param("tpe", 1, marks=pytest.mark.extended),
        pytest.param("qmc", 2, marks=pytest.mark.extended),
        ("grid", 0),
    ],
)
def test_a_kill_before_a_trial_is_signed_changes_nothing_for_those_who_go_on(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch, sampler: str, drawn: int
) -> None:
    """However many of its settings the sampler had drawn by then."""
    pretend(monkeypatch)
    options = [f"search={sampler}", "search.trials=4"]
    options += ["optimizer.lr=1e-3,1e-2,1e-1"] if sampler == "grid" else []
    whole = made_up_search(*options, "search.study=whole")
    suggest, sign = optuna.Trial._suggest, Study._sign

    def until_the_kill(self: optuna.Trial, name: str, distribution: Any) -> Any:
        if self.number == 2 and len(self._cached_frozen_trial.params) == drawn:
            raise Killed
        return suggest(self, name, distribution)

    def not_signed(self: Study, trial_id: int, what: Any) -> None:
        if any(trial._trial_id == trial_id and trial.number == 2 for trial in self._trials()):
            raise Killed
        sign(self, trial_id, what)

    monkeypatch.setattr(optuna.Trial, "_suggest", until_the_kill)
    monkeypatch.setattr(Study, "_sign", not_signed)
    with pytest.raises(Killed):
        made_up_search(*options)
    monkeypatch.setattr(optuna.Trial, "_suggest", suggest)
    monkeypatch.setattr(Study, "_sign", sign)
    found = made_up_search(*options)
    assert not found.shared
    assert points(found) == points(whole)
    assert [trial.state for trial in found.search.trials] == ["COMPLETE"] * 4
    assert [trial.state.name for trial in opened(project)._trials()].count("FAIL") == 1


@pytest.mark.slow
def test_counts_and_the_best_are_read_at_one_moment(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that ends its trial meanwhile waits for the lock."""
    pretend(monkeypatch)
    made_up_search("search.trials=2")
    study, other = opened(project), opened(project)
    last = other.next()
    assert last is not None
    with ThreadPoolExecutor() as at_once:
        trials = study._trials

        def slowly() -> list[optuna.trial.FrozenTrial]:
            read = trials()
            at_once.submit(other.tell, last, TrialOutcome(values=(9.0,), mean=9.0, n=2))
            time.sleep(0.5)
            return read

        monkeypatch.setattr(study, "_trials", slowly)
        state = study.state()
    assert (state.running, [trial.state for trial in state.trials]) == (1, ["COMPLETE", "COMPLETE", "RUNNING"])
    assert state.best[0] in (0, 1)
    assert opened(project).state().best == [2]


@pytest.mark.slow
def test_given_points_are_tried_first_and_once(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch)
    first = "search.first=[{optimizer.lr: 0.02, model.hidden: [8]}, {model.hidden: '[4]', optimizer.lr: 1e-3}]"
    found = made_up_search(first, "search.trials=3")
    given = [{"optimizer.lr": 0.02, "model.hidden": "[8]"}, {"optimizer.lr": 1e-3, "model.hidden": "[4]"}]
    assert points(found)[:2] == given
    assert len(found.search.trials) == 3
    again = made_up_search(first, "search.trials=5")
    assert points(again)[:3] == points(found)
    assert sum(point in given for point in points(again)) == 2


@pytest.mark.slow
def test_no_trial_starts_after_the_time_and_the_same_command_goes_on(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(self: Trials, trial: Any, study: Study, run: Any) -> TrialOutcome:
        time.sleep(0.6)
        return pretended(self, trial, study, run)

    pretend(monkeypatch, slowly)
    limit = time.time() - 600 + 1
    stopped = made_up_search("search.trials=20", "search.seconds=600", began=limit)
    assert stopped.out_of_time
    assert len(stopped.search.trials) < 5
    (top,) = runs(store_of(project, "messages.search"), "search")
    assert top.info.status == ("FINISHED" if stopped.search.trials else "FAILED")
    pretend(monkeypatch)
    whole = made_up_search("search.trials=7", "search.seconds=600")
    assert not whole.out_of_time
    assert len(whole.search.trials) == 7


@pytest.mark.slow
def test_a_trial_fails_where_one_of_its_seeds_diverges(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean of those that are left would be no mean over the seeds."""
    of = Cell.of

    def one_diverged(result: Any, epochs: int) -> Cell:
        return replace(of(result, epochs), usable=result.seed != 0)

    monkeypatch.setattr(Cell, "of", one_diverged)
    found = made_up_search("search.trials=1")
    assert [(trial.state, trial.reason) for trial in found.search.trials] == [("FAIL", "1 of 2 seeds diverged")]
    assert found.search.best == []


@pytest.mark.slow
def test_a_trial_of_a_living_process_is_left_alone(begun: Path) -> None:
    study = opened(begun)
    assert study.next() is not None
    found = go_on(begun, "search.trials=3")
    assert [trial.state for trial in found.search.trials] == ["COMPLETE", "RUNNING", "COMPLETE"]


def opened(project: Path) -> Study:
    """The study that ``made_up_search`` works on."""
    plan = read_plan("messages", [*BASE, "search.trials=6"], project)
    study = Study.__new__(Study)
    study.settings, study.space = plan.settings, plan.space
    study._study = optuna.load_study(study_name=plan.settings.study, storage=plan.settings.storage)
    study._storage = study._study._storage
    return study


@pytest.mark.slow
def test_an_interrupt_is_recorded_and_the_point_is_tried_again(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupting(self: Trials, trial: Any, study: Study, run: Any) -> TrialOutcome:
        if trial.number == 2:
            raise KeyboardInterrupt
        return pretended(self, trial, study, run)

    pretend(monkeypatch, interrupting)
    with pytest.raises(KeyboardInterrupt):
        made_up_search("search.trials=4")
    (top,) = runs(store_of(project, "messages.search"), "search")
    assert top.info.status == "KILLED"
    pretend(monkeypatch)
    found = made_up_search("search.trials=4")
    assert [trial.number for trial in found.search.trials] == [0, 1, 3, 4]
    (top,) = runs(store_of(project, "messages.search"), "search")
    assert top.info.status == "FINISHED"


@pytest.mark.slow
def test_a_point_that_kills_its_process_again_and_again_is_given_up(begun: Path) -> None:
    study = opened(begun)
    for _ in range(3):
        lost = study.next()
        assert lost is not None
        study._sign(lost._trial_id, {**signed(study._frozen(lost)), "process": {**this_process(), "process_start": "1.0"}})  # fmt: skip
        study.retry_killed()
    found = go_on(begun, "search.trials=3")
    assert [trial.state for trial in found.search.trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert found.search.trials[1].reason == "its process was killed, 3 times"


@pytest.mark.slow
def test_an_interrupt_at_the_last_point_of_a_grid_is_an_interrupt(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupting(self: Trials, trial: Any, study: Study, run: Any) -> TrialOutcome:
        raise KeyboardInterrupt

    grid = [*BASE[:4], "model.hidden=[4],[8]", "search=grid"]
    monkeypatch.setattr(Trials, "run", lambda self, trial, study, run: TrialOutcome(values=(1.0,), mean=1.0, n=2) if trial.number == 0 else interrupting(self, trial, study, run))  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        search("messages", grid, project)
    assert [run.info.status for run in runs(store_of(project, "messages.search"), "search")] == ["KILLED"]


def test_only_one_process_tests_what_was_found(begun: Path) -> None:
    study = opened(begun)
    assert study.claim_test()
    assert study.claim_test()  # the same process may do it again
    study._study.set_user_attr("seedbed.test", {"trials": 1, "process": {**this_process(), "pid": "1", "process_start": f"{psutil.Process(1).create_time():.2f}"}})  # fmt: skip
    assert not study.claim_test()


@pytest.mark.slow
def test_a_variant_of_the_winners_name_keeps_it(project: Path, made_up_search: Run) -> None:
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text().replace("  oversample:", "  tuned: [optimizer.weight_decay=0.1]\n  oversample:"))
    found = made_up_search("variant=tuned", "search.trials=1", "search.fresh_seeds=1", "trainer.max_epochs=1")
    assert found.tested is not None
    assert found.tested.results.variants == ("tuned", "tuned_anew")


@pytest.mark.slow
def test_the_same_space_in_another_spelling_is_the_same(begun: Path) -> None:
    found = go_on(begun, "search.trials=2", "optimizer.lr=tag(log,interval(0.0001,0.1))")
    assert len(found.search.trials) == 2


@pytest.mark.slow
def test_a_changed_space_or_recipe_is_refused_with_the_difference(begun: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        go_on(begun, "search.trials=2", "model.hidden=[4],[8],[16]", "trainer.batch_size=8")
    text = str(refused.value)
    assert "model.hidden was [4],[8], is now [4],[8],[16]" in text
    assert "trainer.batch_size was 16, is now 8" in text
    assert "search.study=messages/none-2" in text
    other = go_on(begun, "search.trials=1", "trainer.batch_size=8", "search.study=other")
    assert len(other.search.trials) == 1


@pytest.mark.parametrize(
    ("key", "before", "now"),
    [
        ("trainer.batch_size", "8,16", "8,16,32"),
        ("trainer.batch_size", "8,16", "8,32"),
        ("optimizer.lr", "interval(1e-4,0.1)", "interval(1e-4,0.2)"),
        ("optimizer.lr", "interval(1e-4,0.1)", "tag(log,interval(1e-4,0.1))"),
        ("trainer.batch_size", "range(8,32,step=8)", "range(8,32,step=4)"),
    ],
)
def test_another_range_or_choice_is_another_study(
    tmp_path: Path, untouched: Path, key: str, before: str, now: str
) -> None:
    settings = read_plan("messages", [*BASE, f"search.storage={tmp_path / 'own.journal'}"], untouched).settings

    def study(text: str, key: str = key) -> Study:
        return Study(settings, read_space({}, [f"{key}={text}"])[0], recipe={"model": "mlp"})

    assert study(before)._study.study_name == study(before)._study.study_name
    shown = re.escape(f"{key} was {before}, is now {now}")
    with pytest.raises(ConfigError, match=rf"{shown}.*search\.study=messages/none-2"):
        study(now)
    with pytest.raises(ConfigError, match=r"model\.dropout was not set, is now 0\.1,0\.2"):
        study("0.1,0.2", "model.dropout")


@pytest.mark.slow
def test_what_has_no_finite_value_fails_with_its_reason_and_never_wins(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: list[Any] = [math.nan, 0.5, math.inf, None]

    def measured(self: Trials, planned: Any, training: Any) -> TrialOutcome:
        value = values.pop(0)
        if value is None:
            raise RuntimeError("no value")
        monkeypatch.setattr(Trials, "_objective", lambda self, found, place: value)
        return real(self, planned, training)

    real = Trials._measure
    monkeypatch.setattr(Trials, "_measure", measured)
    found = made_up_search("search.trials=4", "search=random")
    trials = found.search.trials
    assert [trial.state for trial in trials] == ["FAIL", "COMPLETE", "FAIL", "FAIL"]
    assert "not a finite number" in trials[0].reason
    assert "not a finite number" in trials[2].reason
    assert trials[3].reason == "RuntimeError: no value"
    assert found.search.best == [1]


@pytest.mark.slow
def test_diverged_seeds_fail_a_trial_and_all_failed_is_no_success(project: Path, made_up_search: Run) -> None:
    found = made_up_search("search.trials=2", "optimizer.lr=1e30,1e35", "search.fresh_seeds=2", "seeds=2")
    assert [trial.state for trial in found.search.trials] == ["FAIL", "FAIL"]
    assert found.search.trials[0].reason == "2 of 2 seeds diverged"
    assert (found.search.best, found.tested) == ([], None)
    (top,) = runs(store_of(project, "messages.search"), "search")
    assert top.info.status == "FAILED"


@pytest.mark.slow
def test_a_small_space_is_tried_whole_and_no_point_twice(project: Path, made_up_search: Run) -> None:
    only = ["optimizer.lr=1e-3", "search.trials=6", "trainer.max_epochs=1"]
    found = search("messages", [*BASE[:4], "model.hidden=[4],[8],[16]", *only], project)
    assert sorted(point["model.hidden"] for point in points(found)) == ["[16]", "[4]", "[8]"]
    again = search("messages", [*BASE[:4], "model.hidden=[4],[8],[16]", *only], project)
    assert again.search.trials == found.search.trials


@pytest.mark.slow
def test_a_repeated_point_takes_the_values_of_the_first(project: Path, made_up_search: Run) -> None:
    """Seven points for five trials, drawn at random: the sampler may draw one twice."""
    choices = "optimizer.lr=1e-3", "model.hidden=[4],[5],[6],[7],[8],[9],[10]"
    found = search(
        "messages", [*BASE[:4], *choices, "search=random", "search.trials=6", "trainer.max_epochs=1"], project
    )
    first: dict[str, int] = {}
    repeated = 0
    for trial in found.search.trials:
        name = trial.params["model.hidden"]
        assert trial.same_as == first.get(name)
        repeated += trial.same_as is not None
        first.setdefault(name, trial.number)
    assert repeated > 0
    assert len(runs(store_of(project, "messages.search"), "variant")) == len(first)


@pytest.mark.slow
def test_pruned_trials_are_stopped_recorded_and_never_win(project: Path, made_up_search: Run) -> None:
    config = project / "search" / "pruner"
    config.mkdir(parents=True)
    (config / "strict.yaml").write_text(
        yaml.safe_dump({"_target_": "optuna.pruners.ThresholdPruner", "lower": 0.99, "n_warmup_steps": 2})
    )
    found = made_up_search(
        "search/pruner=strict", "search.trials=2", "trainer.max_epochs=3", "optimizer.lr=tag(log,interval(1e-6,1e-5))"
    )
    assert [trial.state for trial in found.search.trials] == ["PRUNED"] * 2
    assert found.search.trials[0].epochs == 2
    assert found.search.trials[0].values == []
    assert found.search.trials[0].mean is not None
    assert found.search.trials[0].mean < 0.99
    assert "ThresholdPruner" in found.search.trials[0].reason
    assert found.search.best == []
    store = store_of(project, "messages.search")
    assert {run.info.status for run in runs(store, "seed")} == {"KILLED"}
    assert store.cells() == {}
    assert {run.data.tags["seedbed.outcome"] for run in runs(store, "variant")} == {"pruned"}


@pytest.mark.slow
def test_the_worse_end_of_the_interval_as_objective_and_two_objectives(project: Path, made_up_search: Run) -> None:
    bound = made_up_search("search.trials=1", "search.objective=bound", "search.study=bound", "trainer.max_epochs=1")
    (trial,) = bound.search.trials
    assert trial.mean is not None
    assert trial.std is not None
    assert trial.values[0] == pytest.approx(trial.mean - 12.706205 * trial.std / math.sqrt(2))
    two = made_up_search(
        "search.trials=3", "search.metrics=[val/loss,seconds]", "search.fresh_seeds=1", "trainer.max_epochs=1"
    )
    assert two.search.lower_is_better == [True, True]
    assert all(len(trial.values) == 2 for trial in two.search.trials)
    front = [trial.values for trial in two.search.trials if trial.number in two.search.best]
    for trial in two.search.trials:
        beaten = any(a <= trial.values[0] and b <= trial.values[1] and [a, b] != trial.values for a, b in front)
        assert beaten == (trial.number not in two.search.best)
    assert two.tested is not None
    assert two.tested.results.variants[1:] == tuple(two.search.tuned)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model.hiden=[4],[8]"], "there is no key 'model.hiden', did you mean 'hidden'"),
        (["imbalance=none,smote"], "variant none set"),
        (["model.dropout=interval(0.0,2.0)"], "dropout"),
        (["search=grid"], "has infinitely many values"),
        (["search=cma_es"], "model.hidden is a choice"),
        (["search=random", "search.sampler._target_=optuna.samplers.PartialFixedSampler"], "takes no `seed`"),
        (["search.metrics=test/accuracy"], "none to test what it found"),
        (["search.metrics=val/acuracy"], "did you mean 'val/accuracy'"),
        (["search.metrics=[val/loss,seconds]", "search/pruner=median"], "pruned by one objective"),
        (["search.metrics=seconds", "search/pruner=median"], "known at the end only"),
        (["search/pruner=median", "trainer.seeds_at_once=1"], "must train together"),
        (["search/pruner=median", "trainer.devices=2"], "Set trainer.devices=1"),
        (["search.storage=mysql://host/name"], "a PostgreSQL server or SQLite"),
        (["hydra/sweeper=optuna"], "Add -m"),
        (["search.objective=median"], "there is no such choice"),
        (["search.trials=0"], "a whole number from 1 to 1000000"),
        (["search.trials=1000000000000"], "a whole number from 1 to 1000000"),
        (["search=grid", "model.hidden=[4],[8]", "optimizer.lr=range(0.0,1.0,step=1e-9)"], "more than 1000000"),
        (["search.holdout=1.5"], "a share between 0 and 1"),
        (["search.storage=study.txt"], "NAME.journal"),
        (["variant=none,oversample"], "Pick one: variant=NAME"),
        (["search.first=[{optimizer.lr: 1}]"], "search.first[0] has no value of model.hidden"),
        (["search.seconds=0"], "search.seconds=0 cannot be used: it must be a positive number"),
        (["+search.n_trials=3"], "What Hydra's own Optuna sweeper calls n_trials is search.trials here"),
        (["+search.study_name=a"], "What Hydra's own Optuna sweeper calls study_name is search.study here"),
    ],
)
def test_bad_input_is_refused_before_any_trial(untouched: Path, overrides: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        go_on(untouched, "search.trials=2", *overrides)
    assert words in str(refused.value)
    assert not list(untouched.glob("*.db"))


@pytest.mark.extended
def test_what_a_sampler_learns_in_several_processes_is_said_once(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "launch", lambda *_: "")
    monkeypatch.setattr(processes, "search", lambda *_, **__: None)
    monkeypatch.setattr(processes, "launcher_name", lambda _: "JoblibLauncher")
    for sampler, count, said in (("tpe", 2, 1), ("random", 2, 0), ("qmc", 2, 0), ("tpe", 1, 0)):
        study = [f"search={sampler}", f"search.study={sampler}{count}", f"hydra.sweeper.n_jobs={count}"]
        search_by_processes("messages", [*BASE, "search.trials=2", "hydra/sweeper=optuna", *study], project)
        assert capsys.readouterr().err.count("TPESampler learns from the trials that are finished") == said


@pytest.mark.parametrize("plus", ["+", ""])
def test_names_of_hydras_optuna_sweeper_are_not_ignored(project: Path, plus: str) -> None:
    overrides = [*BASE, "hydra/sweeper=optuna", f"{plus}hydra.sweeper.study_name=mine"]
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.study_name: .* is search\.study here"):
        search_by_processes("messages", overrides, project)
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text() + "hydra: {sweeper: {n_trials: 7}}\n")
    with pytest.raises(ConfigError, match=r"hydra\.sweeper\.n_trials: .* is search\.trials here"):
        search("messages", BASE, project)


def test_a_search_without_a_space_says_how_to_give_one(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"search\.params in experiments/messages\.yaml"):
        search("messages", ["variant=none"], project)


@pytest.mark.slow
def test_a_space_in_the_experiments_file_and_a_journal_as_storage(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch)
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text() + 'search: {params: {optimizer.lr: "tag(log, interval(1e-4, 1e-1))"}}\n')
    options = ["variant=none", "seeds=1", "search.fresh_seeds=0", "search.storage=own.journal"]
    found = search("messages", [*options, "search.trials=2"], project)
    assert list(points(found)[0]) == ["optimizer.lr"]
    assert (project / "own.journal").is_file()
    assert len(search("messages", [*options, "search.trials=3"], project).search.trials) == 3


def test_a_key_of_the_files_space_that_is_typed_with_one_value_is_not_searched(project: Path) -> None:
    path = project / "experiments" / "messages.yaml"
    path.write_text(path.read_text() + "search: {params: {optimizer.lr: '1e-3,1e-2', trainer.batch_size: '8,16'}}\n")
    plan = read_plan("messages", ["variant=none", "trainer.batch_size=32"], project)
    assert list(plan.space.texts) == ["optimizer.lr"]
    assert plan.variant.config["trainer"]["batch_size"] == 32


def test_a_search_sees_no_test_rows_and_holds_out_of_the_training_rows_where_there_are_none() -> None:
    class Seen(Split):
        def __init__(self, test: int) -> None:
            self.test = test

        def rows(self, table: object, seed: int) -> Rows:
            return Rows(np.arange(6), np.arange(6, 8), np.arange(8, 8 + self.test))

        def hold_out(self, table: object, train: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
            return train[:-2], train[-2:]

    tested = SelectionSplit(split=Seen(2), holdout=0.1).rows(None, 0)
    assert (tested.train.tolist(), tested.val.tolist(), tested.test.tolist()) == ([0, 1, 2, 3, 4, 5], [6, 7], [])
    held = SelectionSplit(split=Seen(0), holdout=0.1).rows(None, 0)
    assert (held.train.tolist(), held.val.tolist(), held.test.tolist()) == ([0, 1, 2, 3], [4, 5], [])


@pytest.mark.slow
def test_a_trial_is_told_before_its_records_are_written(made_up_search: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    told, tell, add_results, waited = threading.Event(), Study.tell, VariantRecord._add_results, []

    def and_said(*given: Any) -> None:
        tell(*given)
        told.set()

    def when_told(*given: Any) -> None:
        waited.append(told.wait(60))
        add_results(*given)

    monkeypatch.setattr(Study, "tell", and_said)
    monkeypatch.setattr(VariantRecord, "_add_results", when_told)
    found = made_up_search("search.trials=1", "trainer.max_epochs=1")
    assert waited == [True]
    assert found.search.trials[0].state == "COMPLETE"


@pytest.mark.slow
@pytest.mark.parametrize("written", ["nothing", "the first seed"])
def test_records_that_a_kill_has_left_out_are_completed(
    project: Path, made_up_search: Run, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    options = ["search.trials=2", "trainer.max_epochs=1"]
    with monkeypatch.context() as patch:
        killed_when_told(patch, 1, 0 if written == "nothing" else 1)
        with pytest.raises(Killed):
            made_up_search(*options)
    before = opened(project).records()
    assert [trial.state for trial in before] == ["COMPLETE"] * 2
    found = made_up_search(*options)
    assert found.search.trials == before  # the study goes on as it was
    store = store_of(project, "messages.search")
    assert [(run.info.run_name, run.info.status, run.data.tags.get("seedbed.trial")) for run in runs(store, "variant")] == [
        ("trial 0", "FINISHED", "0"), ("trial 1", "KILLED", None), ("trial 1", "FINISHED", "1"),
    ]  # fmt: skip
    whole = runs(store, "variant")[-1]
    assert whole.data.metrics["objective"] == pytest.approx(before[1].values[0])
    assert len(children(store, whole.info.run_id)) == (2 if written == "nothing" else 1)
    assert len(store.cells()) == 4
    made_up_search(*options)
    assert len(runs(store, "variant")) == 3  # nothing is left to do


def killed_when_told(patch: pytest.MonkeyPatch, number: int, seeds: int) -> None:
    """End the process of a search when it has told this trial, of which ``seeds`` are recorded by then."""
    later, add_results, tell = VariantRecord._later, VariantRecord._add_results, Study.tell
    gone = {**this_process(), "process_start": "1.0"}

    def some_seeds(self: VariantRecord, exits: Any, given: Any, results: Any) -> None:
        add_results(self, ExitStack(), given[:seeds], results[:seeds])

    def until_the_kill(self: VariantRecord, write: Any, *arguments: Any) -> None:
        if self.planned.name != f"trial {number}" or write == self._describe:
            later(self, write, *arguments)
        elif write == self._add_results:
            later(self, some_seeds, self, *arguments)

    def kill(self: Study, trial: Any, *given: Any) -> None:
        tell(self, trial, *given)
        if trial.number == number:
            patch.setattr(Study, "note_unrecorded", lambda *_: None)
            raise Killed

    patch.setattr(VariantRecord, "_later", until_the_kill)
    patch.setattr(Study, "tell", kill)
    for module in (seedbed.search.study, seedbed.tracking.store):
        patch.setattr(module, "this_process", lambda: gone)


KILLED_AT_THE_THIRD_TRIAL = """
import os, signal, sys
from seedbed.search.runner import search
from seedbed.search.trials import TrialWatch
def kill(self, trainer, module):
    if self.trial.number == 2 and trainer.current_epoch == 1:
        os.kill(os.getpid(), signal.SIGKILL)
TrialWatch.on_validation_end = kill
search("messages", sys.argv[2:], sys.argv[1])
"""


KILLED_WHEN_THE_THIRD_TRIAL_IS_TOLD = """
import os, signal, sys, threading
from seedbed.search.runner import search
from seedbed.search.study import Study
from seedbed.training.recording import VariantRecord
tell, add_results = Study.tell, VariantRecord._add_results
def told(self, trial, *given):
    tell(self, trial, *given)
    if trial.number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
def for_ever(self, *given):
    if self.planned.name == "trial 2":
        threading.Event().wait()
    add_results(self, *given)
Study.tell, VariantRecord._add_results = told, for_ever
search("messages", sys.argv[2:], sys.argv[1])
"""


@pytest.mark.extended
def test_kill_9_of_a_told_trial_and_the_same_command_complete_its_records(project: Path, made_up_search: Run) -> None:
    options = [*BASE, "search.trials=4"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHEN_THE_THIRD_TRIAL_IS_TOLD, str(project), *options],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    resumed = made_up_search("search.trials=4")
    assert [(trial.number, trial.state) for trial in resumed.search.trials] == [(at, "COMPLETE") for at in range(4)]
    store = store_of(project, "messages.search")
    assert [(run.info.run_name, run.info.status) for run in runs(store, "variant")] == [
        ("trial 0", "FINISHED"), ("trial 1", "FINISHED"), ("trial 2", "KILLED"), ("trial 2", "FINISHED"),
        ("trial 3", "FINISHED"),
    ]  # fmt: skip
    for run in runs(store, "variant"):
        if run.info.status == "FINISHED":
            number = int(run.data.tags["seedbed.trial"])
            assert run.data.metrics["objective"] == pytest.approx(resumed.search.trials[number].values[0])


@pytest.mark.extended
def test_kill_9_and_the_same_command_give_what_one_go_gives(
    project: Path, made_up_search: Run, tmp_path: Path, empty_store: Path
) -> None:
    options = [*BASE, "search.trials=4"]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT_THE_THIRD_TRIAL, str(project), *options],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    resumed = made_up_search("search.trials=4")
    other = write_project(tmp_path / "other")
    shutil.copy(empty_store, other / "mlflow.db")
    whole = search("messages", options, other)
    assert points(resumed) == points(whole)
    assert [trial.values for trial in resumed.search.trials] == [trial.values for trial in whole.search.trials]
    assert [trial.number for trial in resumed.search.trials] == [0, 1, 3, 4]
    store = store_of(project, "messages.search")
    assert [run.info.status for run in runs(store, "search")] == ["FINISHED"]
    assert {run.info.run_name: run.info.status for run in runs(store, "variant")} == {
        "trial 0": "FINISHED", "trial 1": "FINISHED", "trial 2": "KILLED", "trial 3": "FINISHED", "trial 4": "FINISHED",
    }  # fmt: skip

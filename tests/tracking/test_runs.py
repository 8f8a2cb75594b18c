"""What comes out of the store: launches, variants and seeds as types of seedbed's own."""

from __future__ import annotations

import dataclasses
import json

import pytest

from seedbed.config.code import Code
from seedbed.tracking.names import in_parts
from seedbed.tracking.runs import code_on, code_tags
from seedbed.tracking.store import Store

SEED = {"variant": "smote", "seed": "3", "launch": "l", "fingerprint": "f" * 64}


def test_a_seed_run_has_all_that_was_written_of_it(store: Store) -> None:
    variant = store.start("smote", "variant", {"variant": "smote"})
    code = Code({"net.py": "1"}, {"timm": "1.0"})
    tags = {**SEED, **code_tags(code, "recipe"), "stack": "2,3", "threads": "4", "data_digest": "d" * 64}
    run = store.start("seed 3 smote", "seed", {**tags, "copies": '{"unchanged": 1}'}, parent=variant.id)
    params = {
        "trainer.seeds_at_once": 2,
        "chosen_epoch": 7,
        "optimizer.lr": 0.01,
        "select": "best",
        "monitor": "val/f1",
    }
    run.log(params=params, curves=[("val/top@10", 0, 0.25), ("val/top@10", 1, 0.5)], tags={"outcome": "diverged"})
    run.end("FINISHED")
    (seed,) = store.seeds(variant.id)
    assert seed == store.seed(run.id) == store.cells()["f" * 64]
    assert (seed.id, seed.variant, seed.seed, seed.launch, seed.variant_run) == (run.id, "smote", 3, "l", variant.id)
    assert (seed.status, seed.outcome, seed.usable) == ("FINISHED", "diverged", False)
    assert (seed.code, seed.recipe, seed.data_digest) == (code, "recipe", "d" * 64)
    assert (seed.stack, seed.threads, seed.seeds_at_once, seed.chosen_epoch) == ((2, 3), "4", 2, 7.0)
    assert (seed.metrics, seed.labels) == ({"val/top_at_10": 0.5}, {"val/top_at_10": "val/top@10"})
    assert (seed.lr, seed.copies) == ("0.01", {"unchanged": 1})
    assert seed.circumstances == {"data": "d" * 16, "selection": "select=best by val/f1"}
    assert store.values(seed) == {("val/top_at_10", 0): 0.25, ("val/top_at_10", 1): 0.5}
    with pytest.raises(dataclasses.FrozenInstanceError):
        seed.outcome = "ok"  # type: ignore[misc]


def test_what_earlier_versions_did_not_record_of_a_seed(store: Store) -> None:
    seed = store.seed(store.start("seed 3 smote", "seed", SEED).id)
    assert (seed.status, seed.outcome, seed.usable) == ("RUNNING", "", False)
    assert (seed.code, seed.recipe, seed.recipe_version) == (None, "f" * 64, None)
    assert (seed.stack, seed.threads, seed.seeds_at_once, seed.chosen_epoch) == ((), None, 1, None)
    assert (seed.lr, seed.lr_fallback, seed.copies, seed.labels) == ("", "", {}, {})


def test_a_launch_of_a_sweep(store: Store) -> None:
    values = {"model.hidden": f"[{','.join(['8'] * 4000)}]", "seeds": "3"}
    sweep = {"sweep": "s", **in_parts("sweep_values", json.dumps(values)), "sweep_job": "1", "sweep_jobs": "2"}
    run = store.start("l", "launch", {"key": "k", "command": "seedbed run e", "recipe_version": "2", **sweep})
    run.log(params={"overrides": ["seeds=3"]}, tags={"readable": "yes"})
    (launch,) = store.launches()
    assert launch == store.launch(run.id) == store.launches_of_sweep("s")[1]
    assert (launch.key, launch.readable, launch.search, launch.recipe_version) == ("k", True, None, "2")
    assert launch.sweep is not None
    assert (launch.sweep.id, launch.sweep.number, launch.sweep.jobs, launch.sweep.values) == ("s", 1, 2, values)
    assert launch.row == {
        "id": run.id,
        "started": f"{launch.started:%Y-%m-%d %H:%M:%S} UTC",
        "command": "seedbed run e",
        "status": "RUNNING",
    }
    assert launch.params == {"overrides": '["seeds=3"]'}


def test_what_earlier_versions_did_not_record_of_a_launch(store: Store) -> None:
    store.start("l", "launch", {})
    (launch,) = store.launches()
    assert (launch.key, launch.readable, launch.search, launch.sweep) == ("", False, None, None)
    assert (launch.command, launch.recipe_version) == ("", None)


def test_trials_of_a_search_are_variants_below_it(store: Store) -> None:
    search = store.start("study", "search", {"trials": "20"})
    pruned = store.start("trial 0", "variant", {"variant": "trial 0"}, parent=search.id)
    pruned.log(tags={"trial": "0", "outcome": "pruned"})
    pruned.end("KILLED")
    store.start("trial 1", "variant", {"variant": "trial 1", "pid": "4194303999"}, parent=search.id)
    store.start("served", "model", {"variant": "trial 1"}, parent=search.id)
    (found,) = store.searches()
    assert (found.name, found.trials, found.state) == ("study", 20, "running")
    trials = store.variants(found.id)
    assert [(trial.name, trial.trial, trial.state) for trial in trials] == [
        ("trial 0", 0, "pruned"),
        ("trial 1", None, "running"),
    ]


def test_a_run_whose_process_is_gone_counts_as_killed_before_it_is_repaired(store: Store) -> None:
    store.start("l", "launch", {}).log(tags={"pid": "4194303999"})
    (launch,) = store.launches()
    assert (launch.status, launch.state) == ("KILLED", "killed")


def test_long_records_are_cut_into_tags_and_read_whole() -> None:
    code = Code({f"package/module_{number}.py": f"{number:016x}" for number in range(500)}, {"timm": "1.0"})
    tags = code_tags(code, "f")
    assert max(map(len, tags.values())) <= 5000
    assert len(tags) > 3
    assert code_on(tags) == code
    assert code_on({}) is None

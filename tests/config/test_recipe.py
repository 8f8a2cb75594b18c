"""Fingerprints: what they depend on, and what they leave out."""

from __future__ import annotations

from functools import cache

import pytest

from seedbed.config.experiment import Variant, load_experiment
from seedbed.config.recipe import recipe_of
from tests.config.refusals import SPAM

INPUTS = {"data": "d"}


@cache
def smote(*overrides: str) -> Variant:
    return load_experiment(SPAM, ["variant=smote", *overrides]).variants[0]


def fingerprint(*overrides: str, seed: int = 0, **inputs: str) -> str:
    return smote(*overrides).fingerprint(seed, INPUTS | inputs)


@pytest.mark.slow
@pytest.mark.parametrize(
    "override",
    [
        "data.root=/elsewhere", "trainer.accelerator=cpu", "trainer.seeds_at_once=2", "trainer.stacks_at_once=2",
        "trainer.steps_per_chunk=7", "trainer.engine=torch",
        "tracking.checkpoints=false", "seeds=30", "question=why", "report.bars=std", "split.train=7e-1",
        "+loggers.csv={_target_: pytorch_lightning.loggers.CSVLogger, save_dir: logs}", "+loggers=null", "+callbacks={}",
        "+callbacks.lr._target_=pytorch_lightning.callbacks.LearningRateMonitor",
        "+callbacks.device={_target_: pytorch_lightning.callbacks.DeviceStatsMonitor, cpu_stats: true}",
        "+trainer.max_steps=null", "+trainer.limit_train_batches=null", "+trainer.limit_train_batches=1.0",
    ],
)  # fmt: skip
def test_a_fingerprint_ignores_what_cannot_change_the_result(override: str) -> None:
    assert fingerprint(override) == fingerprint()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "given", "later"),
    [
        ("text_imbalance", ["data.path=a.csv", "data.text=t", "data.label=l"], ["data.labels={a.:a}", "data.join_labels=true", "data.drop_classes=[x]", "data.positive=a"]),
        ("feature_imbalance", ["data.path=a.csv", "data.label=l"], ["task.beta=2", "task.at_precision=0.9", "task.at_recall=0.9", "task.costs={false_negative:5,false_positive:1}", "data.missing_values=[-1]", "data.positive=1", "data.columns.zip=category"]),
        ("ratings", ["data.path=a.csv", "data.user=u", "data.item=i", "data.rating=r"], ["data.decimal=comma", "data.missing_values=[99]"]),
    ],
)  # fmt: skip
def test_settings_that_came_later_count_from_where_they_are_set(experiment, given, later) -> None:
    first = load_experiment(experiment, given).variants[0].name

    def recipe(*more: str) -> dict[str, object]:
        return recipe_of(load_experiment(experiment, [*given, *more, f"variant={first}"]).variants[0].config)

    keys = {override.split("=")[0] for override in later}
    assert not any(name.startswith(tuple(keys)) or name == "data.columns" for name in recipe())
    set_now = recipe(*later)
    assert all(any(name.startswith(key) for name in set_now) for key in keys)


def test_a_younger_value_that_gives_the_same_results_has_the_older_one_s_fingerprint() -> None:
    def recipe(decimal: str, name: str = "feature_csv.FeatureCsv") -> dict[str, object]:
        return recipe_of({"data": {"_target_": f"seedbed.data.{name}", "decimal": decimal}})

    assert recipe("auto") == recipe("point") != recipe("comma")
    assert recipe("point")["data.decimal"] == "point", "it stands in the fingerprints of cells that count"
    assert recipe("auto", "own.FeatureCsv")["data.decimal"] == "auto"


def test_equal_values_have_one_fingerprint() -> None:
    assert fingerprint("optimizer.weight_decay=1") == fingerprint("optimizer.weight_decay=1.0")


def test_a_younger_setting_is_in_a_fingerprint_where_it_changes_something() -> None:
    config = {"data": {"_target_": "seedbed.data.text_csv.TextCsv", "path": "a.csv", "label": "b"}}
    assert recipe_of({"data": {**config["data"], "skip_lines": 0}}) == recipe_of(config)
    assert recipe_of({"data": {**config["data"], "skip_lines": 1}}) != recipe_of(config)
    split = {"_target_": "seedbed.data.splits.GroupStratifiedSplit", "train": 0.7}
    assert recipe_of({"split": {**split, "rare_classes": "error"}}) == recipe_of({"split": split})
    assert recipe_of({"split": {**split, "rare_classes": "allow"}}) != recipe_of({"split": split})
    assert recipe_of({"data": {**config["data"], "target": None, "decimal": "point"}}) == recipe_of(config)
    assert recipe_of({"data": {**config["data"], "target": "c"}}) != recipe_of(config)
    split = {"_target_": "seedbed.data.splits.GroupStratifiedSplit", "train": 0.7}
    of_search = {"_target_": "seedbed.data.selection.SelectionSplit", "holdout": 0.1}
    for before, now in (
        (split, split | {"strata": None}),
        (of_search | {"split": split}, of_search | {"split": split | {"strata": None}}),
    ):
        assert recipe_of({"split": now}) == recipe_of({"split": before})
    assert recipe_of({"split": split | {"strata": 5}}) != recipe_of({"split": split})


@pytest.mark.slow
@pytest.mark.parametrize(
    "override",
    [
        "optimizer.lr=0.002", "model.hidden=[64]", "select=best", "split=fixed", "+trainer.max_steps=9",
        "+trainer.limit_train_batches=1", "+trainer.limit_train_batches=0.5",
        "+callbacks.mine._target_=tests.training.test_callbacks.Watching",
    ],
)  # fmt: skip
def test_a_fingerprint_depends_on_the_recipe(override: str) -> None:
    assert fingerprint(override) != fingerprint()


def test_what_came_later_leaves_recipes_as_they_were() -> None:
    """Also that of a config that is recorded without the keys."""
    config = smote().config
    earlier = {key: value for key, value in config.items() if key not in ("callbacks", "loggers")}
    assert recipe_of(config) == recipe_of(earlier)
    assert not any(key.startswith(("callbacks", "loggers")) for key in recipe_of(config))


def test_a_callback_of_the_users_own_is_known_with_its_code() -> None:
    own, observer = "tests.training.test_callbacks.Watching", "pytorch_lightning.callbacks.LearningRateMonitor"
    variant = smote(f"+callbacks.mine._target_={own}", f"+callbacks.lr._target_={observer}")
    assert {key for key in recipe_of(variant.config) if key.startswith("callbacks")} == {"callbacks.mine._target_"}
    assert "tests/training/test_callbacks.py" in variant.code().modules


def test_a_fingerprint_depends_on_seed_and_data() -> None:
    assert len({fingerprint(), fingerprint(seed=1), fingerprint(data="other"), fingerprint(encoder="v2")}) == 4

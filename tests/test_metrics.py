"""What is declared of a metric, and the name under which the values of one's own are kept, and kept apart."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies
from mlflow.utils.validation import _validate_metric_name

from seedbed.config.experiment import load_experiment
from seedbed.config.metric_checks import metrics_of
from seedbed.errors import ConfigError
from seedbed.metrics import (
    BESIDE,
    FROM_ZERO,
    LONGEST,
    SHARE,
    Bounds,
    Good,
    Metric,
    as_plain,
    find,
    from_plain,
    joined,
    metric_name,
    name_with_side,
    wanted_of_own,
)
from seedbed.results import Results
from seedbed.stacking.callbacks import SeedSelection
from seedbed.tasks.classification import Classification
from tests.declared import DECLARED
from tests.properties import Examine

FUNCTION = {"function": {"_target_": "math.sqrt", "_partial_": True}}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("κ", "letters from a to z"),
        ("f1é", "letters from a to z"),
        (3, "letters from a to z"),
        ("_", "without '_' at the end"),
        ("g__mean", "several in a row"),
        ("g" * (LONGEST + 1), f"at most {LONGEST} characters"),
        ("f1", "the task has a metric of that name"),
        ("f1_std", "what is recorded of a variant's f1"),
    ],
)
def test_names_that_cannot_be_kept_are_refused(name: object, said: str) -> None:
    task = {"_target_": "seedbed.tasks.classification.Classification", "own_metrics": {name: FUNCTION}}
    with pytest.raises(ConfigError, match=said) as refused:
        metrics_of(task)
    assert str(refused.value).startswith(f"task.own_metrics.{name}=")


def test_two_of_ones_own_may_not_be_taken_for_each_other() -> None:
    task = {
        "_target_": "seedbed.tasks.classification.Classification",
        "own_metrics": {"cost_n": FUNCTION, "cost": FUNCTION},
    }
    with pytest.raises(ConfigError, match=r"own_metrics\.cost_n=.* variant's cost beside its mean"):
        metrics_of(task)


def test_what_is_taken_is_kept_as_it_is_called(examine: Examine) -> None:
    def holds(name: str) -> None:
        if wanted_of_own(name, ()):
            return
        for ending in ("", *BESIDE):
            label = f"train/{name}{ending}"
            assert metric_name(label) == label
            _validate_metric_name(label)

    examine(holds, name=strategies.text() | strategies.from_regex(r"\w{1,300}", fullmatch=True))


# ---- what is declared ------------------------------------------------------------------------------------------------

SLOPE = Metric("slope", 1.0, Bounds(0.0, 3.0))
"""A calibration slope, which is best at 1."""


@pytest.mark.parametrize(
    ("metric", "costs", "worst", "better", "best_mean"),
    [
        (Metric("brier", "lower", SHARE), [0.2, 0.9], 1.0, "lower is better", "lowest mean"),
        (Metric("loss", "lower", FROM_ZERO), [0.2, 0.9], None, "lower is better", "lowest mean"),
        (Metric("f1", "higher", SHARE), [-0.2, -0.9], 0.0, "higher is better", "highest mean"),
        (SLOPE, [0.8, 0.1], 2.0, "of distances to 1, the lower is better", "smallest mean distance to 1"),
        (replace(SLOPE, bounds=FROM_ZERO), [0.8, 0.1], None, "of distances to 1, the lower is better", "smallest mean distance to 1"),
        (Metric("novelty", None), [-0.2, -0.9], None, "", "highest mean"),
    ],
)  # fmt: skip
def test_which_values_are_good(
    metric: Metric, costs: list[float], worst: float | None, better: str, best_mean: str
) -> None:
    assert metric.cost([0.2, 0.9]) == pytest.approx(costs)
    assert (metric.worst, metric.better, metric.best_mean) == (worst, better, best_mean)
    assert metric.is_better(0.2, 0.9) == (metric.is_ranked and costs[0] < costs[1])
    assert metric.is_better(0.9, 0.2) == (metric.is_ranked and costs[1] < costs[0])
    assert not metric.is_better(0.2, math.nan)
    assert not metric.is_better(math.nan, 0.2)


def test_the_best_of_a_series() -> None:
    assert Metric("brier", "lower").best([0.3, math.nan, 0.1, 0.1, -math.inf]) == 2
    assert Metric("f1", "higher").best([0.3, math.inf, 0.1, 0.3]) == 0
    assert SLOPE.best([0.2, 1.4, 0.9, 1.1, math.nan]) == 2
    assert SLOPE.best([math.nan, math.inf]) is None
    assert Metric("novelty", None).best([1.0, 2.0]) is None


def test_a_direction_has_no_default_and_no_other_names() -> None:
    with pytest.raises(TypeError, match="good"):
        Metric("brier")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="brier: good='low' is neither"):
        Metric("brier", "low")  # type: ignore[arg-type]


def test_a_metric_is_found_however_its_label_is_written() -> None:
    for label in ("recall_at_10", "test/recall_at_10", "val/recall@10"):
        assert find(DECLARED, label) == Metric("recall_at_10", "higher", SHARE, "scores")
    assert find(DECLARED, "val/loss").good == "lower"
    assert find(DECLARED, "test/rmse_at_0").good == "lower"


@pytest.mark.parametrize("label", ["test/my_score", "test/my_loss", "val/Accuracy", "recall_at_11", "epoch"])
def test_a_name_that_nobody_declares_is_not_ranked(label: str) -> None:
    assert find(DECLARED, label) == Metric(label.rpartition("/")[2], None)


def test_what_describes_a_run_or_its_lists_is_not_ranked() -> None:
    results = Results("made_up", {}, (), pd.DataFrame(), pd.DataFrame(), declared=DECLARED)
    described = ("seconds", "lr", "val/novelty_at_10", "val/coverage@100", "val/cold_rows", "val/users_skipped")
    assert [results.metric(label).is_ranked for label in described] == [False] * len(described)


def test_declarations_survive_as_json() -> None:
    declared = DECLARED | {"slope": SLOPE}
    content = json.loads(json.dumps(as_plain(declared)))
    assert from_plain(content) == declared
    content["slope"]["of_a_later_version"] = 1
    assert from_plain(content) == declared


def test_variants_declare_a_metric_alike() -> None:
    own = {"g": Metric("g", "higher")}
    assert joined({"a": own, "b": own | {"h": SLOPE}}) == own | {"h": SLOPE}
    with pytest.raises(ConfigError, match="Variant 'b' declares its metric 'g' differently"):
        joined({"a": own, "b": {"g": Metric("g", "lower")}})


@pytest.mark.parametrize(("good", "chosen"), [("lower", 2), ("higher", 1), (1.0, 3)])
def test_the_epoch_that_is_kept_is_the_best_of_the_monitor(good: Any, chosen: int) -> None:
    selection = SeedSelection(rule="best", monitor="val/x", metric=Metric("x", good), patience=None, seeds=1)
    task = SimpleNamespace(history=[], running=np.array([True]), state_at_end=lambda _: {},
                           have_steps_after=lambda _: np.array([True]))  # fmt: skip
    for epoch, value in enumerate([1.7, 2.5, 0.1, 0.8]):
        task.history.append({"val/x": np.array([value])})
        selection.on_validation_end(SimpleNamespace(sanity_checking=False, current_epoch=epoch), task)  # type: ignore[arg-type]
    assert selection.chosen.tolist() == [chosen]


# ---- a user's own ----------------------------------------------------------------------------------------------------

TASK = {"_target_": "seedbed.tasks.classification.Classification"}


@pytest.mark.parametrize(
    ("said", "good"),
    [
        ({"good": "lower"}, "lower"),
        ({"good": "higher"}, "higher"),
        ({"good": 1}, 1),
        ({"good": "none"}, None),
        ({}, None),
        ({"lower_is_better": True}, "lower"),
        ({"lower_is_better": False}, "higher"),
    ],
)
def test_a_direction_is_that_which_the_entry_states(said: dict[str, Any], good: Good) -> None:
    own = {"MyError": FUNCTION | said | {"bounds": [0, 2]}}
    declared = metrics_of(TASK | {"own_metrics": own})
    assert declared["MyError"] == Metric("MyError", good, Bounds(0, 2), "probabilities")
    assert list(declared)[:-1] == list(metrics_of(TASK))
    assert find(declared, "val/MyError").good == good


def test_an_own_metric_takes_the_place_of_one_that_came_later() -> None:
    own = metrics_of(TASK | {"own_metrics": {"g_mean": FUNCTION | {"good": "lower"}}})
    assert list(own) == list(metrics_of(TASK))
    assert own["g_mean"].good == "lower"


def test_metrics_that_take_a_setting_are_there_where_it_is_set() -> None:
    asked = {"beta": 2, "at_precision": None, "at_recall": 0.5, "costs": {"false_negative": 5, "false_positive": 1}}
    declared = list(metrics_of(TASK | asked | {"own_metrics": {"mine": FUNCTION}}))
    assert declared == [*metrics_of(TASK), "f_beta", "precision_at_recall", "expected_cost", "mine"]


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"good": "low"}, r"own_metrics\.mine\.good=low .*lower, higher, none, or the number"),
        ({"good": True}, r"own_metrics\.mine\.good="),
        ({"good": "lower", "lower_is_better": True}, "not both"),
        ({"lower_is_better": 1}, "true or false"),
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(said: dict[str, Any], refused: str) -> None:
    with pytest.raises(ConfigError, match=refused):
        metrics_of(TASK | {"own_metrics": {"mine": FUNCTION | said}})


@pytest.mark.parametrize(
    "task", ["rating.Rating", "matrix.RatingMatrix", "retrieval.Retrieval", "cold_start.ColdStart"]
)
def test_a_task_that_computes_no_own_metrics_takes_none(task: str) -> None:
    target = {"_target_": f"seedbed.tasks.{task}"}
    assert metrics_of(target | {"own_metrics": {}})
    with pytest.raises(
        ConfigError, match=r"task\.own_metrics=.* cannot be used: .* Classification and Regression take those of a user"
    ):
        metrics_of(target | {"own_metrics": {"mine": FUNCTION}})


class OldFashioned(Classification):
    METRICS = ("loss", "reward")  # type: ignore[assignment]


def test_a_task_that_names_its_metrics_alone_is_told_to_declare_them() -> None:
    with pytest.raises(ConfigError, match=r"METRICS hold 'loss', .*seedbed\.metrics\.Metric\('loss', good='higher'\)"):
        metrics_of({"_target_": f"{__name__}.OldFashioned"})


OWN = "+task.own_metrics.my_score={function: {_target_: math.sqrt, _partial_: true}"


@pytest.mark.slow
@pytest.mark.parametrize("chosen", ["select=best", "patience=2"])
@pytest.mark.parametrize("said", ["", ", good: none"])
def test_epochs_are_not_chosen_by_a_metric_without_good_values(chosen: str, said: str) -> None:
    asked = ["variant=none", f"{OWN}{said}}}", "monitor=val/my_score"]
    assert load_experiment("spam_imbalance", asked).config["monitor"] == "val/my_score"
    with pytest.raises(
        ConfigError, match=rf"monitor=val/my_score: {chosen} by it.*val/loss, or say.*own_metrics\.my_score\.good"
    ):
        load_experiment("spam_imbalance", [*asked, chosen])
    load_experiment("spam_imbalance", ["variant=none", f"{OWN}, good: lower}}", "monitor=val/my_score", chosen])


@pytest.mark.parametrize(
    ("label", "side", "name"),
    [
        ("val/loss", "val", "val/loss"),
        ("val_loss", "val", "val/loss"),
        ("valid/acc", "", "val/acc"),
        ("validation-acc", "", "val/acc"),
        ("training_loss", "train", "train/loss"),
        ("loss/val", "val", "val/loss"),
        ("acc", "test", "test/acc"),
        ("acc", "", "acc"),
        ("top@5", "val", "val/top_at_5"),
        ("val/head/loss", "val", "val/head_loss"),
        ("val/acc/dataloader_idx_1", "val", "val/acc_dataloader_idx_1"),
        ("validity", "val", "val/validity"),
        ("test_set", "val", "test/set"),
    ],
)
def test_labels_of_lightning_modules_name_their_rows(label: str, side: str, name: str) -> None:
    assert name_with_side(label, side) == name

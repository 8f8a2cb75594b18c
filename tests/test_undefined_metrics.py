"""Metrics that the rows of a part do not define: found before training, never chosen by, and a seed's failure where it is watched."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies

from seedbed.config.experiment import Variant
from seedbed.data.splits import Rows
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Strategy
from seedbed.metrics import Metric
from seedbed.running.planning import _check_defined
from seedbed.stacking.callbacks import SeedSelection
from seedbed.stacking.metrics import classification_metrics
from seedbed.tasks.classification import Classification
from seedbed.tasks.cold_start import ColdStart
from seedbed.tasks.rating import Rating
from seedbed.tasks.retrieval import Retrieval
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_trainer import StackTrainer
from tests.properties import Examine
from tests.stacking.test_against_reference import TABLE, config, curve, rows_of


def without_class(rows: Rows, label: int, *sides: str) -> Rows:
    kept = {side: (own := getattr(rows, side))[TABLE.labels[own] != label] for side in sides}
    return replace(rows, **kept)


def trained(rows: dict[int, Rows], **changes: Any) -> dict[int, SeedResult]:
    data = [Classification.seed_data(TABLE, of_seed, Strategy(), seed) for seed, of_seed in rows.items()]
    return {result.seed: result for result in StackTrainer(config(max_epochs=6, **changes), TABLE).train(data)}


# ---- NaN among the values that are watched ---------------------------------------------------------------------------


def watch(values: list[float], **settings: Any) -> tuple[int, int]:
    """The epoch that is chosen, and how many epochs the only seed trains."""
    selection = SeedSelection(monitor="val/x", metric=Metric("x", "higher"), seeds=1, **settings)
    module = SimpleNamespace(
        history=[],
        running=np.ones(1, dtype=bool),
        state_at_end=lambda position: {},
        have_steps_after=lambda _: np.ones(1, dtype=bool),
    )
    for epoch, value in enumerate(values):
        module.history.append({"val/x": np.array([value])})
        trainer = SimpleNamespace(sanity_checking=False, current_epoch=epoch, should_stop=False)
        selection.on_validation_end(trainer, module)  # type: ignore[arg-type]
        if trainer.should_stop:
            return int(selection.chosen[0]), epoch + 1
    return int(selection.chosen[0]), len(values)


@pytest.mark.parametrize(
    ("values", "chosen", "epochs"),
    [
        ([math.nan, math.nan, math.nan, math.nan, 0.5], 4, 5),
        ([0.5, math.nan, math.nan, math.nan, 0.6], 4, 5),
        ([0.5, math.nan, 0.4, math.nan, 0.3, 0.6], 0, 5),
        ([math.nan] * 4, -1, 4),
        ([math.inf, 0.4, math.inf, math.inf, 0.5], 4, 5),
        ([0.5, -math.inf, -math.inf], 0, 3),
    ],
)
def test_nan_never_wins_and_never_counts(values: list[float], chosen: int, epochs: int) -> None:
    assert watch(values, rule="best", patience=2) == (chosen, epochs)


@pytest.mark.slow
def test_selection_is_that_of_the_epochs_with_a_value(examine: Examine) -> None:
    def holds(values: list[float], patience: int) -> None:
        chosen, epochs = watch(values, rule="best", patience=patience)
        defined = {epoch: value for epoch, value in enumerate(values[:epochs]) if value < math.inf}
        assert chosen == max(defined, key=lambda epoch: (defined[epoch], -epoch), default=-1)
        assert sum(epoch > chosen for epoch in defined) <= patience
        assert epochs == len(values) or sum(epoch > chosen for epoch in defined) == patience

    value = strategies.one_of(strategies.just(math.nan), strategies.floats(0, 1))
    examine(holds, values=strategies.lists(value, min_size=1, max_size=12), patience=strategies.integers(1, 4))


@pytest.mark.parametrize("changes", [{"select": "best"}, {"patience": 2}, {"select": "best", "patience": 2}])
def test_a_seed_whose_watched_metric_never_has_a_value_fails_and_its_neighbours_go_on(changes: dict[str, Any]) -> None:
    rows = {0: without_class(rows_of(0), 1, "val"), 1: rows_of(1)}
    results = trained(rows, monitor="val/auroc", **changes)
    assert "monitor=val/auroc" in results[0].error
    assert "the validation rows have none of class 'spam'" in results[0].error
    assert len(curve(results[0], "val/loss")) == 6
    assert results[1].error == ""
    assert curve(results[1], "val/auroc")


def test_what_is_not_watched_may_be_undefined() -> None:
    results = trained({0: without_class(rows_of(0), 1, "val", "test")}, monitor="val/auroc")
    assert results[0].error == ""
    assert {"test/accuracy", "test/balanced_accuracy", "test/loss"} <= set(results[0].metrics)
    assert not {"test/f1", "test/recall", "test/precision", "test/auroc", "test/mcc"} & set(results[0].metrics)


# ---- found before training -------------------------------------------------------------------------------------------


def variant(metric: str, **changes: Any) -> Variant:
    return Variant("none", (), config(**changes) | {"report": {"metric": metric}})


@pytest.mark.parametrize(
    ("label", "side", "metric", "changes", "said"),
    [
        (1, "test", "test/f1", {}, r"report.metric=test/f1 is undefined under every seed: the test rows have none of class 'spam'.*report.metric=test/loss"),
        (0, "test", "test/auroc", {}, "the test rows have none of class 'ham'"),
        (1, "val", "test/f1", {"monitor": "val/auroc", "select": "best"}, r"monitor=val/auroc \(select=best\) is undefined under every seed"),
        (1, "val", "test/f1", {"monitor": "val/recall", "patience": 3}, r"monitor=val/recall \(patience=3\)"),
        (0, "test", "test/f1", {}, None),
        (1, "test", "test/balanced_accuracy", {}, None),
        (1, "val", "test/f1", {"monitor": "val/auroc"}, None),
    ],
)  # fmt: skip
def test_a_metric_that_no_seed_can_have_is_refused(
    label: int, side: str, metric: str, changes: dict[str, Any], said: str | None
) -> None:
    rows = {seed: without_class(rows_of(seed), label, side) for seed in (0, 1)}
    asked = variant(metric, **changes)
    if said is None:
        _check_defined(asked, TABLE, rows)
    else:
        with pytest.raises(ConfigError, match=said):
            _check_defined(asked, TABLE, rows)
    _check_defined(asked, TABLE, {**rows, 2: rows_of(2)})


def test_what_the_rows_say_is_what_the_metrics_are(examine: Examine) -> None:
    """For any labels of a part, the metrics that are said to be undefined are those that come out as NaN."""

    def holds(labels: list[int], classes: int) -> None:
        own = np.array([label % classes for label in labels])
        rows = Rows(np.arange(0), np.arange(len(own)), np.arange(0))
        table = replace(TABLE, labels=own, classes=tuple("abcd"[:classes]))
        logits = torch.randn(1, len(own), classes, generator=torch.Generator().manual_seed(0))
        minority = table.minority if classes == 2 else None
        mask = torch.ones(1, len(own), dtype=torch.bool)
        values = classification_metrics(logits, torch.from_numpy(own).unsqueeze(0), mask, minority)
        for name, value in values.items():
            assert bool(value.isnan()) == bool(Classification.why_undefined(table, rows, "val", name, {})), name

    labels = strategies.lists(strategies.integers(0, 3), min_size=1, max_size=8)
    examine(holds, labels=labels, classes=strategies.integers(2, 4))


def test_metrics_of_ratings_that_no_row_defines() -> None:
    users, items = np.array([1, 1, 2, 2, 3, 3]), np.array([1, 2, 1, 2, 3, 4])
    table: Any = SimpleNamespace(users=users, items=items, pair_numbers=None)
    cold, warm = Rows(np.arange(4), np.array([4, 5]), np.arange(0)), Rows(np.arange(3), np.array([3]), np.arange(0))
    assert (
        Rating.why_undefined(table, cold, "val", "rmse_warm", {}) == "of no validation row do both user and item train"
    )
    assert Rating.why_undefined(table, cold, "val", "rmse", {}) == ""
    assert Rating.why_undefined(table, warm, "val", "rmse_warm", {}) == ""
    assert Retrieval.why_undefined(table, warm, "val", "recall_at_10", {}) == ""
    again: Any = SimpleNamespace(users=users[[0, 0]], items=items[[0, 0]], pair_numbers=np.array([0, 0]))
    twice = Rows(np.array([0]), np.array([1]), np.arange(0))
    assert "no user has an item among the validation rows" in Retrieval.why_undefined(again, twice, "val", "mrr", {})
    assert Retrieval.why_undefined(again, twice, "val", "top_at_10", {}) == ""
    assert ColdStart.why_undefined(table, cold, "val", "rmse", {"known": [0, 1]}) == ""
    assert "no user has more than 2 validation rows" in ColdStart.why_undefined(
        table, cold, "val", "rmse", {"known": [0, 2]}
    )


# ---- metrics of a user's own -----------------------------------------------------------------------------------------

GIVEN = {
    "none": None,
    "text": "0.5",
    "complex": 1 + 2j,
    "several": np.array([0.1, 0.2]),
    "list": [0.5],
    "missing": math.nan,
    "fine": np.float32(0.5),
    "tensor": torch.tensor([0.25]),
    "whole": 1,
}


def given(scores: torch.Tensor, labels: torch.Tensor, *, what: str) -> Any:
    return GIVEN[what]


def own(what: str) -> dict[str, Any]:
    function = {"_target_": f"{__name__}.given", "_partial_": True, "what": what}
    return {"own_metrics": {"mine": {"function": function}}}


@pytest.mark.parametrize("what", ["none", "text", "complex", "several", "list"])
def test_an_own_metric_that_gives_no_number_is_refused_before_training(what: str) -> None:
    with pytest.raises(ConfigError, match=r"task.own_metrics.mine: the function .*It must give one number"):
        StackTrainer(config(task=config()["task"] | own(what)), TABLE)


@pytest.mark.parametrize(("what", "value"), [("fine", 0.5), ("tensor", 0.25), ("whole", 1.0)])
def test_an_own_metric_may_give_any_number(what: str, value: float) -> None:
    results = trained({0: rows_of(0)}, task=config()["task"] | own(what))
    assert results[0].metrics["test/mine"] == value


def test_an_own_metric_that_is_never_defined_is_no_choice() -> None:
    task = config()["task"] | own("missing")
    result = trained({0: rows_of(0)}, task=task, monitor="val/mine", select="best")[0]
    assert result.error.startswith(
        "monitor=val/mine (select=best) has no value after any epoch: it was NaN or infinite"
    )
    assert "test/mine" not in result.metrics

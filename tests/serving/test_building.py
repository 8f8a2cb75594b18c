"""Which predictor a task gets, and what it is refused for."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from seedbed.errors import ConfigError
from seedbed.serving.building import classifier_of, predictor_of, row_predictor_of
from seedbed.tasks.base import Task
from seedbed.tasks.classification import Classification
from seedbed.tasks.cold_start import ColdStart
from seedbed.tasks.rating import Rating
from seedbed.tasks.regression import Regression


def tracked(task: type[Task], classes: Sequence[str] = (), **settings: Any) -> Any:
    """A variant of a task, as far as it is looked at before its networks are built."""
    config = {"task": {"_target_": f"{task.__module__}.{task.__name__}", **settings}}
    results = SimpleNamespace(experiment="made_up", data={"classes": list(classes)} if classes else {})
    return SimpleNamespace(task=task, config=config, results=results)


class Silent(Classification):
    """Says that it cannot be asked."""

    SERVED_AS = None


def test_a_task_that_holds_users_or_items_out_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'made_up' measures newcomers: every seed holds out some users or items"):
        predictor_of(tracked(ColdStart, side="item"))


def test_a_recommender_is_no_classifier() -> None:
    with pytest.raises(ConfigError, match=r"is about ratings.*seedbed recommend made_up --user NAME"):
        classifier_of(tracked(Rating))


def test_a_task_that_is_not_served_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigError, match=r"has the task .*test_building\.Silent, and only an experiment with"):
        predictor_of(tracked(Silent))


def test_an_index_is_for_recommenders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seedbed.serving.building.check_faiss", lambda: None)
    with pytest.raises(ConfigError, match="--index faiss: only a variant that recommends has items to index"):
        predictor_of(tracked(Classification), index="faiss")


@pytest.mark.parametrize(
    ("task", "classes", "said"), [(Classification, "abc", "has 3 classes"), (Regression, "", "has none")]
)
def test_a_threshold_parts_two_classes(task: type[Task], classes: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"--threshold 0.2: a threshold parts two classes, and 'made_up' {said}"):
        predictor_of(tracked(task, classes), threshold=0.2)
    with pytest.raises(ConfigError, match=said):
        row_predictor_of(tracked(task, classes), threshold=0.2)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(ConfigError, match=f"--threshold={threshold} cannot be used: it must be a probability"):
        predictor_of(tracked(Classification, "ab"), threshold=threshold)

"""Which predictor a task gets, and what it is refused for."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from seedbed.errors import ConfigError
from seedbed.serving.building import classifier_of, predictor_of
from seedbed.tasks.base import Task
from seedbed.tasks.classification import Classification
from seedbed.tasks.cold_start import ColdStart
from seedbed.tasks.rating import Rating


def tracked(task: type[Task], **settings: Any) -> Any:
    """A variant of a task, as far as it is looked at before its networks are built."""
    config = {"task": {"_target_": f"{task.__module__}.{task.__name__}", **settings}}
    return SimpleNamespace(task=task, config=config, results=SimpleNamespace(experiment="made_up"))


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

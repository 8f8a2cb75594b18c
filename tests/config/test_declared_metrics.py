"""What tasks declare today of launches that recorded nothing of it."""

from __future__ import annotations

import pytest

from seedbed.config.declared_metrics import declared_today
from seedbed.config.experiment import load_experiment


@pytest.mark.slow
def test_metrics_of_all_variants_are_declared() -> None:
    config = load_experiment("two_tower_retrieval").config
    variants = {"plain": [], "sampled": ["task.sampled_negatives=7"], "ratings": ["task=rating"], "none": None}
    declared = declared_today(config | {"variants": variants})
    assert declared["hit_rate_at_10_s7"].good == "higher"
    assert declared["rmse"].good == "lower"
    assert "hit_rate_at_10_s7" not in declared_today(config | {"variants": {"plain": []}})


def test_a_task_that_is_not_to_be_found_declares_nothing() -> None:
    assert declared_today({"task": {"_target_": "nowhere.Task"}}) == {}
    assert declared_today({}) == {}

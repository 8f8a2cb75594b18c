"""Settings of task=classification that ask for metrics: what cannot be computed is refused, and the rest is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from seedbed.errors import ConfigError
from seedbed.tasks.classification import Classification
from tests.stacking.test_against_reference import TABLE, config, rows_of, train

COSTS = {"false_negative": 5, "false_positive": 1}
THREE = replace(TABLE, classes=("ham", "spam", "other"), labels=np.arange(len(TABLE.labels)) % 3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"beta": 0}, r"task\.beta=0 .*above 0"),
        ({"at_precision": 1.5}, r"task\.at_precision=1\.5 .*up to 1"),
        ({"at_recall": "high"}, r"task\.at_recall=high .*up to 1"),
        ({"costs": {"false_negative": 5}}, r"task\.costs=.* of each mistake, such as \{false_negative: 5, false_positive: 1\}"),
        ({"costs": COSTS | {"false_negative": -1}}, r"task\.costs=.*from 0 on"),
        ({"costs": 5}, r"task\.costs=5 "),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_measured_by(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Classification.check_settings(TABLE, settings)


def test_what_is_of_two_classes_is_refused_for_three() -> None:
    Classification.check_settings(THREE, {"beta": 2, "at_recall": 1.0, "costs": None})
    with pytest.raises(ConfigError, match=r"task\.costs=.*of two classes, and these data have 3"):
        Classification.check_settings(THREE, {"costs": COSTS})
    for metric, why in (("calibration_slope", "it is of two classes, and these data have 3"), ("brier", "")):
        assert Classification.why_undefined(THREE, rows_of(0), "test", metric, {}) == why
    assert Classification.why_undefined(TABLE, rows_of(0), "test", "calibration_slope", {}) == ""


def test_they_are_measured_beside_the_others() -> None:
    """And change nothing of what was measured without them."""
    settings = {"beta": 1, "at_precision": 0.5, "costs": COSTS}
    with_them = train([3], max_epochs=1, task=config()["task"] | settings)[3].metrics
    without = train([3], max_epochs=1)[3].metrics
    assert set(with_them) - set(without) == {"test/f_beta", "test/recall_at_precision", "test/expected_cost"}
    assert all(with_them[name] == value for name, value in without.items() if name.startswith("test/"))
    assert with_them["test/f_beta"] == pytest.approx(with_them["test/f1"])

"""Means and spreads over seeds."""

from __future__ import annotations

import math
import warnings

import pytest

from seedbed.tracking.aggregates import variant_metrics
from seedbed.tracking.runs import SeedRun


def cell(value: float, outcome: str = "ok") -> SeedRun:
    return SeedRun("r", "v", 0, "f", "FINISHED", outcome, "l", {"test/accuracy": value})


def test_aggregates_leave_out_what_diverged() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = variant_metrics([cell(0.8), cell(math.nan, "diverged"), cell(0.9)])
        infinite = variant_metrics([cell(0.8), cell(1.7976931348623157e308), cell(0.9)])
    assert values["test/accuracy"] == pytest.approx(0.85)
    assert values["test/accuracy_n"] == infinite["test/accuracy_n"] == 2
    assert infinite["test/accuracy"] == pytest.approx(0.85)


def test_sample_std_and_one_seed() -> None:
    values = variant_metrics([cell(0.10), cell(0.12), cell(0.30)])
    assert values["test/accuracy"] == pytest.approx(0.173333, abs=1e-6)
    assert values["test/accuracy_std"] == pytest.approx(0.110151, abs=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert variant_metrics([cell(0.9)]) == {"test/accuracy": 0.9, "test/accuracy_n": 1}

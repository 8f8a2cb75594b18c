"""Numbers as a reader sees them: with the digits that their spread leaves, and a power of ten where they would be too long."""

from __future__ import annotations

import math

import pytest
from hypothesis import strategies

from seedbed.report.formatting import interval_text, mean_text, number, places, shown_mean
from seedbed.statistics import summary
from tests.properties import Examine


@pytest.mark.parametrize(
    ("values", "mean", "interval"),
    [
        ([0.9, 0.91], "0.9050 \u00b1 0.0071", "[0.8415, 0.9685]"),
        ([12.3, 15.0], "13.65 \u00b1 1.91", "[-3.50, 30.80]"),
        ([999_999.0, 999_998.0], "999998.50 \u00b1 0.71", "[999992.15, 1.00000485e+06]"),
        ([5e-5, 6e-5], "0.0000550 \u00b1 0.0000071", "[-0.0000085, 0.0001185]"),
        ([1e200, 2e200, 3e200], "2.0e+200 \u00b1 1.0e+200", "[-4.8e+199, 4.5e+200]"),
        ([1_234_567.0, 1_234_569.0], "1.2345680e+06 \u00b1 1.4", "[1.2345553e+06, 1.2345807e+06]"),
        ([2e7, 3e7], "2.50e+07 \u00b1 7.1e+06", "[-3.85e+07, 8.85e+07]"),
        ([1e300] * 3, "1e+300 \u00b1 0.00", "[1e+300, 1e+300]"),
        ([1e-9, 2e-9], "1.50e-09 \u00b1 7.1e-10", "[-4.85e-09, 7.85e-09]"),
        ([1e-10], "1.00e-10 (n=1)", "-"),
        ([-3e7], "-3.00e+07 (n=1)", "-"),
        ([1.6e308, -1.6e308], "0.0000 \u00b1 1.79769313e+308", "-"),
    ],
)
def test_a_mean_and_its_spread(values: list[float], mean: str, interval: str) -> None:
    found = summary(values)
    decimals = places([found])
    assert (mean_text(found, decimals), interval_text(found, decimals)) == (mean, interval)


@pytest.mark.slow
def test_no_number_is_long_and_all_read_back(examine: Examine) -> None:
    finite = strategies.floats(allow_nan=False, allow_infinity=False)

    def holds(values: list[float]) -> None:
        found = summary(values)
        decimals = places([found])
        for value in (found.mean, found.std, found.low, found.high):
            text = number(value, decimals)
            assert len(text) <= 17
            if text != "-" and value is not None and abs(value) >= 1e6:
                assert math.isclose(float(text), value, rel_tol=0.06)
        shown = shown_mean(found, decimals)
        if shown is not None:
            assert float(mean_text(found, decimals).split()[0]) == shown

    examine(holds, values=strategies.lists(finite, min_size=1, max_size=5))

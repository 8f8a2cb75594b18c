"""How many seeds are stacked, from what a step takes with one seed, with two, with five."""

from __future__ import annotations

import pytest
import torch

from seedbed.stacking import measure


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        pytest.param({1: 9.7e-3, 2: 21.6e-3, 5: 60.5e-3}, 1, id="a large step that is faster alone"),
        pytest.param({1: 10.0e-3, 2: 20.2e-3, 5: 50.9e-3}, 5, id="as fast in a stack"),
        pytest.param({1: 0.1e-3, 2: 0.3e-3, 5: 0.9e-3}, 5, id="a small step, for which the loop counts"),
        pytest.param({1: 1.0e-3, 2: 1.2e-3, 5: 9.0e-3}, 2, id="best in pairs"),
    ],
)
def test_the_stack_with_the_least_time_per_seed_is_chosen(monkeypatch, seconds, chosen):
    monkeypatch.setattr(measure, "_stepper", lambda size, batches, device: lambda count: seconds[size])
    build = lambda seeds: (len(seeds), None)  # noqa: E731
    assert measure.fastest_stack(build, range(5), torch.device("cpu")) == chosen


def test_what_does_not_fit_is_not_chosen(monkeypatch):
    def stepper(size, batches, device):
        if size == 5:
            raise torch.OutOfMemoryError
        return lambda count: 0.01

    monkeypatch.setattr(measure, "_stepper", stepper)
    build = lambda seeds: (len(seeds), None)  # noqa: E731
    assert measure.fastest_stack(build, range(10), torch.device("cpu")) == 2

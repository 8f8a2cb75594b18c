"""How many seeds are stacked, from what a step takes with one seed, with two, with five."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from seedbed.stacking import measure
from seedbed.stacking.layers import StackedEmbedding, build
from seedbed.stacking.optimizers import SeedOptimizer


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


class Looked(nn.Module):
    """What a stacked module is to a measurement: the sum of the rows that are looked up in an embedding is its loss."""

    seeds, clip_norm = 2, None
    optimizer_factory = staticmethod(torch.optim.AdamW)

    def __init__(self):
        super().__init__()
        self.network = build(lambda: nn.Sequential(nn.Embedding(7, 3), nn.Linear(3, 1)), range(self.seeds))

    def step_losses(self, index, real):
        assert real is None
        return self.network(index).sum((1, 2)), torch.ones(self.seeds)


def test_between_its_turns_a_stack_holds_its_weights_alone():
    module, optimizers = Looked(), list[SeedOptimizer]()
    chunk = SimpleNamespace(index=torch.tensor([[[0, 1], [5, 5]]]))
    before = module.network.seed_state(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "SeedOptimizer", lambda *args: optimizers.append(SeedOptimizer(*args)) or optimizers[-1])
        take = measure._stepper(module, [chunk], torch.device("cpu"))
    (layer,) = (each for each in module.modules() if isinstance(each, StackedEmbedding))
    for _ in range(2):
        assert take(1) > 0
        assert {parameter.grad for parameter in module.parameters()} == {None}
        assert layer._gradient is None
        assert not optimizers[0].optimizer.state
    after = module.network.seed_state(0)
    assert any(not torch.equal(before[name], after[name]) for name in before)

"""A seed takes the steps that it would take alone, whatever the optimizer and whichever seeds rest meanwhile."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn, optim

from seedbed.stacking.layers import build
from seedbed.stacking.optimizers import ELEMENTWISE, SeedOptimizer

SEEDS = (3, 1, 4)
EVERYONE = (True, True, True)
STEPS = [EVERYONE, EVERYONE, (True, False, True), (False, False, True), EVERYONE]


class LargestFirst(optim.Optimizer):
    """Moves only the largest entry of each tensor, so that a stacked tensor takes other steps than its slices."""

    def __init__(self, parameters: list[Tensor]) -> None:
        super().__init__(parameters, {})

    @torch.no_grad()
    def step(self, closure: object = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.sub_(0.1 * parameter.grad * (parameter.grad.abs() == parameter.grad.abs().max()))


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))


def loss(output: Tensor) -> Tensor:
    """(..., B, 2) -> (...)."""
    return (output**2).mean((-2, -1))


def rows(step: int, position: int) -> Tensor:
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(10 * step + position))


def stacked(factory, clip_norm: float | None = None) -> list[dict[str, Tensor]]:
    together = build(network, SEEDS)
    optimizer = SeedOptimizer(together, len(SEEDS), factory)
    for step, active in enumerate(STEPS):
        x = torch.stack([rows(step, position) for position in range(len(SEEDS))])
        optimizer.clear_gradients()
        (loss(together(x)) * torch.tensor(active)).sum().backward()
        optimizer.hand_over_gradients(active, clip_norm)
        optimizer.optimizer.step()
    return [together.plain_state(position) for position in range(len(SEEDS))]


def alone(factory, position: int, clip_norm: float | None = None) -> dict[str, Tensor]:
    plain = network()
    plain.load_state_dict(build(network, SEEDS).plain_state(position))
    optimizer = factory(list(plain.parameters()))
    for step, active in enumerate(STEPS):
        if active[position]:
            optimizer.zero_grad()
            loss(plain(rows(step, position))).backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(plain.parameters(), clip_norm)
            optimizer.step()
    return plain.state_dict()


def weight_decay(kind: type[optim.Optimizer]):
    settings = {} if kind is optim.Rprop else {"weight_decay": 0.1}
    return lambda parameters: kind(parameters, lr=0.05, **settings)


FACTORIES = {kind.__name__: weight_decay(kind) for kind in ELEMENTWISE} | {
    "SGD with momentum": lambda parameters: optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True),
    "AdamW, fused": lambda parameters: optim.AdamW(parameters, lr=0.05, fused=True),
    "Adafactor": lambda parameters: optim.Adafactor(parameters, lr=0.05),
    "a user's own": LargestFirst,
}


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize("name", FACTORIES)
def test_steps_as_alone(name, clip_norm):
    together = stacked(FACTORIES[name], clip_norm)
    for position in range(len(SEEDS)):
        for key, value in alone(FACTORIES[name], position, clip_norm).items():
            torch.testing.assert_close(together[position][key], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("factory", "tensors"), [(optim.AdamW, 4), (optim.Adafactor, 12)])
def test_elementwise_optimizers_hold_the_stacked_tensors(factory, tensors):
    optimizer = SeedOptimizer(build(network, SEEDS), len(SEEDS), factory)
    assert sum(len(group["params"]) for group in optimizer.optimizer.param_groups) == tensors


def test_groups_keep_their_settings_when_a_seed_rests():
    def factory(parameters: list[Tensor]) -> optim.Optimizer:
        biases = [parameter for index, parameter in enumerate(parameters) if index % 2]
        weights = [parameter for index, parameter in enumerate(parameters) if not index % 2]
        return optim.AdamW([{"params": weights}, {"params": biases, "lr": 0.0, "weight_decay": 0.0}], lr=0.05)

    for position, state in enumerate(stacked(factory)):
        start = build(network, SEEDS).plain_state(position)
        assert torch.equal(state["0.bias"], start["0.bias"])
        assert not torch.equal(state["0.weight"], start["0.weight"])

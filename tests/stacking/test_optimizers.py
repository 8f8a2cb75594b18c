"""A seed takes the steps that it would take alone, whatever the optimizer and whichever seeds rest meanwhile."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn, optim

from seedbed.optimizers import FastaiAdam, LazyAdam
from seedbed.stacking.layers import StackedEmbedding, StackedNetwork, build
from seedbed.stacking.optimizers import _ELEMENTWISE, SeedOptimizer, is_elementwise

SEEDS = (3, 1, 4)
EVERYONE = (True, True, True)
STEPS = [EVERYONE, EVERYONE, (True, False, True), (False, False, True), EVERYONE]


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
    if isinstance(optimizer, FastaiAdam):
        [group] = optimizer.param_groups
        weights = [parameter for name, parameter in plain.named_parameters() if not name.endswith("bias")]
        biases = [parameter for name, parameter in plain.named_parameters() if name.endswith("bias")]
        optimizer.param_groups = [{**group, "params": weights}, {**group, "params": biases, "weight_decay": 0.0}]
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


FACTORIES = {kind.__name__: weight_decay(kind) for kind in (*_ELEMENTWISE, FastaiAdam)} | {
    "SGD with momentum": lambda parameters: optim.SGD(parameters, lr=0.05, momentum=0.9, nesterov=True),
    "AdamW, fused": lambda parameters: optim.AdamW(parameters, lr=0.05, fused=True),
    "no decay of vectors": lambda parameters: optim.AdamW(
        [
            {"params": [parameter for parameter in parameters if parameter.ndim >= 2], "weight_decay": 0.5},
            {"params": [parameter for parameter in parameters if parameter.ndim < 2], "weight_decay": 0.0},
        ],
        lr=0.05,
    ),
    "LazyAdam, on dense gradients": lambda parameters: LazyAdam(parameters, lr=0.01, weight_decay=0.1),
    "Adagrad that starts above 0": lambda parameters: optim.Adagrad(parameters, lr=0.05, initial_accumulator_value=0.1),
}


@pytest.mark.parametrize("clip_norm", [None, 0.05])
@pytest.mark.parametrize("name", FACTORIES)
def test_steps_as_alone(name, clip_norm):
    together = stacked(FACTORIES[name], clip_norm)
    for position in range(len(SEEDS)):
        for key, value in alone(FACTORIES[name], position, clip_norm).items():
            torch.testing.assert_close(together[position][key], value, rtol=1e-5, atol=1e-6)


def test_the_stacked_tensors_are_held_while_all_seeds_step():
    optimizer = SeedOptimizer(build(network, SEEDS), len(SEEDS), optim.AdamW)
    assert sum(len(group["params"]) for group in optimizer.optimizer.param_groups) == 4


@pytest.mark.parametrize("kind", [optim.Adafactor, optim.Muon])
def test_an_optimizer_that_looks_at_whole_tensors_steps_no_stack(kind):
    weights = nn.Linear(5, 4, bias=False)
    assert not is_elementwise(kind(weights.parameters()))
    with pytest.raises(ValueError, match=f"{kind.__name__} is not known to step several seeds"):
        SeedOptimizer(build(lambda: nn.Sequential(nn.Linear(5, 4, bias=False)), SEEDS), len(SEEDS), kind)


def test_seeds_with_a_schedule_of_their_own_step_by_it():
    """Each seed's rate is that of its own step, whether it rests meanwhile or not."""
    rates = [[0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.1, 0.1, 0.1, 0.2], [0.3, 0.3, 0.3, 0.3, 0.3]]
    together = build(network, SEEDS)
    optimizer = SeedOptimizer(together, len(SEEDS), FastaiAdam)
    for step, active in enumerate(STEPS):
        optimizer.clear_gradients()
        x = torch.stack([rows(step, position) for position in range(len(SEEDS))])
        (loss(together(x)) * torch.tensor(active)).sum().backward()
        stepping = [position for position in range(len(SEEDS)) if active[position]]
        optimizer.set({position: {"lr": rates[position][step], "momentum": 0.9 - step / 10} for position in stepping})
        optimizer.hand_over_gradients(active, None)
        optimizer.optimizer.step()
    for position in range(len(SEEDS)):
        plain = network()
        plain.load_state_dict(build(network, SEEDS).plain_state(position))
        reference = optim.AdamW(
            [
                {"params": [p], "weight_decay": 0.0 if name.endswith("bias") else 0.01}
                for name, p in plain.named_parameters()
            ]
        )
        for step, active in enumerate(STEPS):
            if active[position]:
                reference.zero_grad()
                loss(plain(rows(step, position))).backward()
                for group in reference.param_groups:
                    group["lr"], group["betas"] = rates[position][step], (0.9 - step / 10, 0.999)
                reference.step()
        for key, value in plain.state_dict().items():
            torch.testing.assert_close(together.plain_state(position)[key], value, rtol=1e-4, atol=1e-5)


def test_groups_keep_their_settings_when_a_seed_rests():
    def factory(parameters: list[Tensor]) -> optim.Optimizer:
        biases = [parameter for index, parameter in enumerate(parameters) if index % 2]
        weights = [parameter for index, parameter in enumerate(parameters) if not index % 2]
        return optim.AdamW([{"params": weights}, {"params": biases, "lr": 0.0, "weight_decay": 0.0}], lr=0.05)

    for position, state in enumerate(stacked(factory)):
        start = build(network, SEEDS).plain_state(position)
        assert torch.equal(state["0.bias"], start["0.bias"])
        assert not torch.equal(state["0.weight"], start["0.weight"])


def test_lazy_adam_moves_the_rows_of_the_batch_alone():
    """As PyTorch's SparseAdam moves them, seed by seed, also where one rests."""
    tables = [nn.Embedding(9, 3) for _ in SEEDS]
    together = StackedNetwork(StackedEmbedding(tables))
    optimizer = SeedOptimizer(together, len(SEEDS), lambda parameters: LazyAdam(parameters, lr=0.1, eps=1e-30))
    alone = [nn.Embedding(9, 3, sparse=True) for _ in SEEDS]
    for one, table in zip(alone, tables, strict=True):
        one.load_state_dict(table.state_dict())
    references = [optim.SparseAdam(one.parameters(), lr=0.1, eps=1e-30) for one in alone]
    draw = torch.Generator().manual_seed(0)
    for active in STEPS:
        rows = torch.randint(1, 9, (len(SEEDS), 4), generator=draw)
        optimizer.clear_gradients()
        ((together(rows) ** 3).sum((1, 2)) * torch.tensor(active)).sum().backward()
        optimizer.hand_over_gradients(active, None)
        optimizer.optimizer.step()
        for position in range(len(SEEDS)):
            if active[position]:
                references[position].zero_grad()
                (alone[position](rows[position]) ** 3).sum().backward()
                references[position].step()
    for position, one in enumerate(alone):
        learnt = together.plain_state(position)[".weight"]
        torch.testing.assert_close(learnt, one.weight.detach(), rtol=1e-5, atol=1e-6)
        assert torch.equal(learnt[0], tables[position].weight[0])  # it was in no batch


def test_lazy_adam_decays_the_rows_that_move():
    table = nn.Embedding(3, 2)
    network = StackedNetwork(StackedEmbedding([table]))
    optimizer = SeedOptimizer(network, 1, lambda parameters: LazyAdam(parameters, lr=0.1, weight_decay=0.5))
    rows = torch.tensor([[1, 1]])
    optimizer.clear_gradients()
    network(rows).sum().backward()
    optimizer.hand_over_gradients([True], None)
    optimizer.optimizer.step()
    learnt = network.plain_state(0)[".weight"]
    torch.testing.assert_close(learnt[1], table.weight[1].detach() * 0.95 - 0.1)
    assert torch.equal(learnt[[0, 2]], table.weight[[0, 2]])


def test_lazy_adam_refuses_settings_that_cannot_be():
    for settings in ({"lr": -1.0}, {"betas": (0.9, 1.0)}, {"weight_decay": -0.1}):
        with pytest.raises(ValueError, match="none may be negative"):
            LazyAdam([nn.Parameter(torch.zeros(2))], **settings)


def test_lazy_adam_leaves_alone_what_only_pads_a_batch():
    network = StackedNetwork(StackedEmbedding([nn.Embedding(4, 2), nn.Embedding(4, 2)]))
    optimizer = SeedOptimizer(network, 2, lambda parameters: LazyAdam(parameters, lr=0.1, weight_decay=0.5))
    for rows, real in (([[1, 0], [2, 0]], None), ([[1, 0], [2, 3]], [[True, False], [True, True]])):
        before = [network.plain_state(position)[".weight"] for position in range(2)]
        mask = None if real is None else torch.tensor(real)
        network.set_step(None, mask)
        optimizer.clear_gradients()
        looked_up = network(torch.tensor(rows)).sum(-1)
        (looked_up if mask is None else looked_up * mask).sum().backward()
        optimizer.hand_over_gradients([True, True], None)
        optimizer.optimizer.step()
    moved = [(network.plain_state(position)[".weight"] != before[position]).any(1).tolist() for position in range(2)]
    assert moved == [[False, True, False, False], [False, False, True, True]]

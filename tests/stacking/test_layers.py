"""Networks that are stacked give what each gives alone; those that cannot be are found out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from seedbed.errors import ConfigError
from seedbed.stacking import Stackable
from seedbed.stacking.layers import (
    KnownFeatures,
    SigmoidRange,
    StackedDropout,
    StackedNetwork,
    build,
    stack,
    stacking_error,
)
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.test_against_reference import TABLE, config, train


class Block(Stackable):
    """A residual block with layer norm and dropout."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, width, bias=False)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.dropout(torch.relu(self.linear(self.norm(x))))


class Residual(Stackable):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Linear(in_features, 8), Block(8), Block(8))
        self.last = nn.Linear(8, out_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.blocks(x))  # type: ignore[no-any-return]


class Alone(nn.Module):
    """The same network without a stacked form."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.inner = Residual(in_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)  # type: ignore[no-any-return]


class MixesRows(Residual):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(0))


class MixesRowsOfASeed(Residual):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - x.mean(-2, keepdim=True))


class DrawsByItself(Residual):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(functional.dropout(x, 0.5, self.training))


class Flattens(Residual):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(1))


class OwnParameter(Residual):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.scale = nn.Parameter(torch.ones(out_features))


def test_a_stackable_network_equals_its_networks_alone() -> None:
    stacked = build(lambda: Residual(12, 2), [4, 9])
    assert stacked is not None
    x = torch.randn(2, 7, 12)
    for position, seed in enumerate([4, 9]):
        alone = build(lambda: Residual(12, 2), [seed])
        assert alone is not None
        torch.testing.assert_close(stacked.eval()(x)[position], alone.eval()(x[position : position + 1])[0])
        plain = Residual(12, 2)
        plain.load_state_dict(stacked.plain_state(position))
        torch.testing.assert_close(plain.eval()(x[position]), stacked.eval()(x)[position])


@pytest.mark.slow
def test_training_it_stacked_equals_training_it_one_seed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without dropout, whose masks come from another stream where there is no stack."""
    monkeypatch.setattr(StackedDropout, "forward", lambda self, x: x)
    monkeypatch.setattr(nn.Dropout, "forward", lambda self, x: x)
    together = train([0, 1, 2], model={"_target_": f"{__name__}.Residual", "_partial_": True})
    for seed, stacked in together.items():
        alone = train([seed], model={"_target_": f"{__name__}.Alone", "_partial_": True})[seed]
        np.testing.assert_allclose([p[2] for p in alone.curves], [p[2] for p in stacked.curves], atol=1e-8)


def test_layers_used_twice_parameters_of_its_own_and_unknown_layers_are_not_stacked() -> None:
    assert stack([OwnParameter(4, 2), OwnParameter(4, 2)], [0, 1]) is None
    assert stack([Alone(4, 2), Alone(4, 2)], [0, 1]) is None
    unknown = [nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, momentum=None)) for _ in range(2)]
    assert stack(unknown, [0, 1]) is None
    assert stacking_error(lambda: Alone(4, 2), lambda draw: (torch.randn(5, 4, generator=draw),)) == 0


@pytest.mark.parametrize("kind", [MixesRows, MixesRowsOfASeed, DrawsByItself, Flattens])
def test_a_network_that_is_not_what_it_claims_is_refused(kind: type) -> None:
    model = {"_target_": f"{__name__}.{kind.__name__}", "_partial_": True}
    with pytest.raises(ConfigError, match=rf"{kind.__name__}.*torch\.nn\.Module"):
        StackTrainer(config(model=model), TABLE)


class Pairs(Stackable):
    """Embeddings of two ids, batch norm and what is known of one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Embedding(7, 3), nn.Embedding(5, 2)
        self.known = KnownFeatures(torch.arange(14.0).view(7, 2) / 14)
        self.layers = nn.Sequential(nn.BatchNorm1d(7), nn.Linear(7, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 1))
        self.scale = SigmoidRange(0.5, 5.5)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        inputs = torch.cat([self.first(first), self.second(second), self.known(first)], dim=-1)
        return self.scale(self.layers(inputs).squeeze(-1))  # type: ignore[no-any-return]


def test_embeddings_and_batch_norm_stacked_equal_the_networks_alone() -> None:
    """Also where batches are padded and a seed rests: its statistics stay, and padding enters none."""
    seeds, sizes = [4, 9], [[6, 6, 4], [6, 3, 0]]  # real rows of each seed in each step
    together = build(Pairs, seeds)
    assert isinstance(together, StackedNetwork)
    draw = torch.Generator().manual_seed(1)
    ids = [(torch.randint(7, (2, 6), generator=draw), torch.randint(5, (2, 6), generator=draw)) for _ in range(3)]
    outputs = []
    for step, (first, second) in enumerate(ids):
        rows = torch.tensor([of_seed[step] for of_seed in sizes])
        real = torch.arange(6) < rows.unsqueeze(1)
        together.set_step(None if (rows > 0).all() else rows > 0, None if real.all() else real)
        outputs.append(together(first, second))
    for position, seed in enumerate(seeds):
        alone = build(Pairs, [seed], plain=True)
        assert alone is not None
        for step, (first, second) in enumerate(ids):
            if rows := sizes[position][step]:
                expected = alone(first[position : position + 1, :rows], second[position : position + 1, :rows])[0]
                torch.testing.assert_close(outputs[step][position, :rows], expected, rtol=1e-5, atol=1e-5)
        for name, value in alone.plain_state(0).items():
            torch.testing.assert_close(together.plain_state(position)[name], value, rtol=1e-5, atol=1e-6)


class Ties(Stackable):
    """One table that is looked up twice and read as a whole."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.unused = nn.Embedding(5, 3), nn.Embedding(4, 2)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        self.unused(first % 4)
        scores = (self.table(first) + self.table(second)) @ self.table.weight.transpose(-1, -2)
        return scores.square().sum(-1)


def test_gradients_of_embeddings_that_are_used_in_several_ways() -> None:
    seeds = [4, 9]
    together = build(Ties, seeds)
    assert isinstance(together, StackedNetwork)
    first, second = torch.tensor([[0, 1, 1], [4, 4, 2]]), torch.tensor([[0, 2, 2], [1, 0, 0]])
    for _ in range(2):  # the second step must know nothing of the first
        together.clear_gradients()
        together(first, second).sum().backward()
        together.complete_gradients()
    weights = dict(together.named_parameters())
    table, unused = weights["network.table.weight"], weights["network.unused.weight"]
    assert table.grad is not None
    assert unused.grad is None
    for position, seed in enumerate(seeds):
        alone = build(Ties, [seed], plain=True)
        assert alone is not None
        alone(first[position : position + 1], second[position : position + 1]).sum().backward()
        [expected, _] = [parameter.grad for parameter in alone.parameters()]
        assert expected is not None
        torch.testing.assert_close(table.grad[position], expected)


def test_rows_that_were_looked_up_can_be_changed_in_place() -> None:
    def network() -> nn.Module:
        return nn.Sequential(nn.Embedding(4, 2), nn.ReLU(inplace=True))

    together, alone = build(network, [3]), build(network, [3], plain=True)
    assert isinstance(together, StackedNetwork)
    assert alone is not None
    rows = torch.tensor([[1, 2, 1]])
    together(rows).sum().backward()
    together.complete_gradients()
    alone(rows).sum().backward()
    [ours], [expected] = together.parameters(), alone.parameters()
    assert ours.grad is not None
    assert expected.grad is not None
    torch.testing.assert_close(ours.grad[0], expected.grad)

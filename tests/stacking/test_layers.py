"""Networks that are stacked give what each gives alone; those that cannot be are found out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seedbed.errors import ConfigError
from seedbed.stacking import Stackable
from seedbed.stacking.layers import StackedDropout, build, stack, stacking_error
from seedbed.training import StackTrainer
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
    unknown = [nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)) for _ in range(2)]
    assert stack(unknown, [0, 1]) is None
    assert stacking_error(lambda: Alone(4, 2), 4) == 0


@pytest.mark.parametrize("kind", [MixesRows, Flattens])
def test_a_network_that_is_not_what_it_claims_is_refused(kind: type) -> None:
    model = {"_target_": f"{__name__}.{kind.__name__}", "_partial_": True}
    with pytest.raises(ConfigError, match=rf"{kind.__name__}.*torch\.nn\.Module"):
        StackTrainer(config(model=model), TABLE)

"""What could not be trained is refused before any training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from seedbed.errors import ConfigError
from seedbed.training.checks import tried
from seedbed.training.parts import VariantParts
from tests.stacking.test_against_reference import TABLE, config


class WithoutSize(nn.Module):
    """A network whose first batch would say how large it is."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.layer = nn.LazyLinear(out_features)


def gives_nothing(in_features: int, out_features: int) -> None:
    return None


def cannot_be_built(in_features: int, out_features: int) -> nn.Module:
    raise KeyError("width")


class GivesMore(nn.Module):
    """One output more than there are classes, which no loss would notice."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_features, out_features + 1)

    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x)


class GivesTwo(GivesMore):
    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x), x


class Detached(GivesMore):
    def forward(self, x: torch.Tensor) -> Any:
        return self.layer(x)[:, 1:].detach()


class WithoutWeights(nn.Module):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()


def of_wrong_width(in_features: int, out_features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(in_features, 8), nn.BatchNorm1d(9), nn.Linear(9, out_features))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"_target_": f"{__name__}.GivesMore"}, r"GivesMore gives \(5, 3\) for 5 rows, .*Classification wants \(5, 2\)"),
        ({"_target_": f"{__name__}.GivesTwo"}, r"GivesTwo gives tuple for 5 rows"),
        ({"_target_": f"{__name__}.Detached"}, "Detached gives does not depend on weights"),
        ({"_target_": f"{__name__}.WithoutWeights"}, "WithoutWeights has no weights"),
        ({"_target_": f"{__name__}.of_wrong_width"}, "of_wrong_width fails on 5 rows .*Fix its layers"),
        ({"_target_": "seedbed.models.mlp.mlp", "hidden": [0]}, r"layer without units: .* 0.weight is of shape \(0, .*from 1 on"),
        ({"_target_": f"{__name__}.WithoutSize"}, "layer.weight whose size is only known at its first batch"),
        ({"_target_": f"{__name__}.gives_nothing"}, "gives_nothing gives NoneType, which is not a network"),
        ({"_target_": f"{__name__}.cannot_be_built"}, "cannot build .*cannot_be_built: KeyError: 'width'"),
    ],
)  # fmt: skip
def test_what_is_no_network_that_can_be_trained_is_refused_before_training(model: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        tried(VariantParts.of(config(model={"_partial_": True, **model}), TABLE))

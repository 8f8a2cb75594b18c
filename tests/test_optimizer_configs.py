"""The optimizers' configs against the rules of the programs that they are named after."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch import Tensor, optim

from seedbed.config.building import build
from seedbed.paths import resources

FOLDER = resources() / "conf" / "optimizer"
START = np.array([1.0, -2.0, 0.5])
SCHEDULE = [(0.02, 0.95), (0.06, 0.9), (0.1, 0.85), (0.07, 0.9), (0.01, 0.94)]
"""Learning rate and momentum of each step."""

# Parameters after each of these steps with fastai 2.8.12's own Adam in double precision. Made by
#     opt = Adam([p], lr=0.1, wd=0.3)  # p: START
#     for lr, mom in SCHEDULE:
#         opt.set_hypers(lr=lr, mom=mom); p.grad = gradient(p); opt.step(); print(p.tolist())
FASTAI_ADAM = [
    [0.9740000999995, -1.9680000666664443, 0.516999798996995],
    [0.9110287195561212, -1.8868792986127636, 0.5534813517300217],
    [0.8150707955410585, -1.7600282738289668, 0.6076814730956456],
    [0.7302014223276012, -1.653256959317591, 0.6653240093140288],
    [0.7139268528956861, -1.63387622709916, 0.6778022448504313],
]


def gradient(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of three parabolas, one of them nearly flat."""
    return parameters * np.array([3.0, 1.0, 0.01]) - 1


def configured(name: str, parameters: list[Tensor], **changes: object) -> optim.Optimizer:
    config = OmegaConf.to_container(OmegaConf.load(FOLDER / f"{name}.yaml"))
    assert isinstance(config, dict)
    made = build({**config, **changes}, "optimizer")(parameters)
    assert isinstance(made, optim.Optimizer)
    return made


def fastai_rule(*, sqr_mom: float, eps: float, weight_decay: float) -> list[NDArray[np.float64]]:
    """fastai's Adam by hand: decay, then moments, then a step whose bias correction takes the momentum of the moment."""
    parameters, first, second = START.copy(), np.zeros(3), np.zeros(3)
    found = []
    for step, (lr, mom) in enumerate(SCHEDULE, start=1):
        slope = gradient(parameters)
        parameters = parameters * (1 - lr * weight_decay)
        first = mom * first + (1 - mom) * slope
        second = sqr_mom * second + (1 - sqr_mom) * slope**2
        root = np.sqrt(second / (1 - sqr_mom**step)) + eps
        parameters = parameters - lr / (1 - mom**step) * first / root
        found.append(parameters)
    return found


@pytest.mark.parametrize("fused", [True, False])
def test_fastai_adam_is_fastais_as_its_momentum_moves(fused: bool) -> None:
    """AdamW whose first beta is rewritten at every step, fastai's rule by hand, and fastai itself are one."""
    parameter = torch.tensor(START, requires_grad=True)
    optimizer = configured("fastai_adam", [parameter], weight_decay=0.3, fused=fused)
    found = []
    for lr, momentum in SCHEDULE:
        (group,) = optimizer.param_groups
        group["lr"], group["betas"] = lr, (momentum, group["betas"][1])
        parameter.grad = torch.from_numpy(gradient(parameter.detach().numpy()))
        optimizer.step()
        found.append(parameter.detach().numpy().copy())
    by_hand = fastai_rule(sqr_mom=0.99, eps=1e-5, weight_decay=0.3)
    np.testing.assert_allclose(found, by_hand, rtol=1e-12)
    np.testing.assert_allclose(by_hand, FASTAI_ADAM, rtol=1e-12)


def test_adagrad_is_keras() -> None:
    """Keras adds its epsilon under the root, which makes no difference to an accumulator that starts at 0.1."""
    parameter = torch.tensor(START, requires_grad=True)
    optimizer = configured("adagrad", [parameter], lr=0.1)
    theirs, accumulated = START.copy(), np.full(3, 0.1)
    for _ in range(20):
        slope = gradient(theirs)
        accumulated += slope**2
        theirs = theirs - 0.1 * slope / np.sqrt(accumulated + 1e-7)
        parameter.grad = torch.from_numpy(gradient(parameter.detach().numpy()))
        optimizer.step()
    np.testing.assert_allclose(parameter.detach().numpy(), theirs, rtol=1e-6)
    assert np.abs(theirs - START).min() > 0.1


def test_adam_decays_by_the_gradient_and_adamw_by_the_parameter() -> None:
    """Without a gradient, L2's first Adam step is as long as the rate; AdamW's is the rate times the decay."""
    for name, moved in [("adam", 0.1), ("adamw", 0.1 * 0.5 * 2.0)]:
        parameter = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)
        optimizer = configured(name, [parameter], lr=0.1, weight_decay=0.5)
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        assert 2.0 - parameter.item() == pytest.approx(moved, rel=1e-6)


def test_rmsprop_averages_squares_with_hintons_decay() -> None:
    parameter = torch.tensor(START, requires_grad=True)
    optimizer = configured("rmsprop", [parameter])
    theirs, mean_square = START.copy(), np.zeros(3)
    for _ in range(5):
        slope = gradient(theirs)
        mean_square = 0.9 * mean_square + 0.1 * slope**2
        theirs = theirs - 1e-3 * slope / (np.sqrt(mean_square) + 1e-8)
        parameter.grad = torch.from_numpy(gradient(parameter.detach().numpy()))
        optimizer.step()
    np.testing.assert_allclose(parameter.detach().numpy(), theirs, rtol=1e-12)


def test_keras_rmsprop_has_its_epsilon_under_the_root_and_a_momentum_of_steps() -> None:
    """Two steps worked out by hand: rho 0.5, momentum 0.5, epsilon 1, lr 0.1 and a decay of 0.5 from 1.0 with slopes 2 and 4."""
    parameter = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimizer = configured("keras_rmsprop", [parameter], lr=0.1, rho=0.5, momentum=0.5, eps=1.0, weight_decay=0.5)
    first = 0.1 * 2 / (0.5 * 4 + 1) ** 0.5
    second = 0.5 * first + 0.1 * 4 / (0.5 * 2 + 0.5 * 16 + 1) ** 0.5
    for slope, expected in [(2.0, 0.95 - first), (4.0, 0.95 * (0.95 - first) - second)]:
        parameter.grad = torch.tensor([slope], dtype=torch.float64)
        optimizer.step()
        assert parameter.item() == pytest.approx(expected, rel=1e-12)


def test_keras_rmsprop_goes_in_proportion_to_small_gradients_where_pytorchs_goes_by_their_sign() -> None:
    steps = {}
    for name in ("keras_rmsprop", "rmsprop"):
        parameter = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        optimizer = configured(name, [parameter], lr=1.0)
        parameter.grad = torch.tensor([1e-5, 1e-6], dtype=torch.float64)
        optimizer.step()
        steps[name] = (parameter[0] / parameter[1]).item()
    assert steps["keras_rmsprop"] == pytest.approx(10, rel=1e-3)
    assert steps["rmsprop"] == pytest.approx(1, rel=0.05)


def test_keras_rmsprop_refuses_what_cannot_be() -> None:
    for setting in ({"momentum": 1.0}, {"rho": 1.0}, {"eps": -1.0}, {"weight_decay": -0.1}):
        with pytest.raises(ValueError, match=f"{next(iter(setting))}="):
            configured("keras_rmsprop", [torch.zeros(1, requires_grad=True)], **setting)

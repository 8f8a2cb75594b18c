"""What optimizers do to a number, as far as the compiled steps know it: the settings of one, and its rates at each step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import optim

from seedbed.optimizers import FastaiAdam, KerasRMSprop

SMALLEST_EPS = 1e-30
"""The inverse of a smaller epsilon may be too large for a 32-bit float."""
_OFF = ("amsgrad", "maximize", "capturable", "differentiable", "centered", "dampening")
"""Settings of PyTorch's optimizers that change their arithmetic, and are off by default."""

Rates = dict[str, np.ndarray]
"""By what they are: see the columns in ``kernels.py``; each (K,). What is missing is 0."""


@dataclass(frozen=True)
class Rule:
    """An optimizer's rule with its settings."""

    name: str
    settings: dict[str, Any]
    initial: float = 0.0
    """What the sum or mean of squares begins with."""

    def rates(self, lr: np.ndarray, momentum: np.ndarray, taken: int) -> Rates:
        """What K steps need, after ``taken`` others; ``lr`` and ``momentum`` (K,) are what a schedule says, NaN: nothing."""
        number = taken + 1 + np.arange(len(lr))
        own = self.settings["betas"][0] if "betas" in self.settings else self.settings.get("momentum", 0.0)
        return _RATES[self.name](self.settings, lr, np.where(np.isnan(momentum), own, momentum), number)


def rule_of(optimizer: optim.Optimizer) -> Rule | str:
    """The rule of an optimizer, or why the compiled steps do not know it."""
    name = _NAMES.get(type(optimizer))
    if name is None:
        return f"the compiled steps are those of {', '.join(kind.__name__ for kind in _NAMES)}, and not of {type(optimizer).__name__}"
    settings = dict(optimizer.defaults)
    for key in _OFF:
        if settings.get(key):
            return f"the compiled steps do not know {type(optimizer).__name__} with {key}={settings[key]}"
    if not all(isinstance(settings[key], int | float) for key in ("lr", "eps", "weight_decay") if key in settings):
        return f"settings of {type(optimizer).__name__} are tensors"
    if settings.get("eps", 1.0) < SMALLEST_EPS:
        return f"optimizer.eps={settings['eps']:g} is below {SMALLEST_EPS:g}"
    return Rule(name, settings, settings.get("initial_accumulator_value", 0.0))


_NAMES = {
    optim.SGD: "sgd", optim.Adam: "adam", optim.AdamW: "adam", FastaiAdam: "adam", optim.Adagrad: "adagrad",
    optim.RMSprop: "rmsprop", KerasRMSprop: "keras_rmsprop",
}  # fmt: skip


def _adam(settings: dict[str, Any], lr: np.ndarray, beta1: np.ndarray, number: np.ndarray) -> Rates:
    beta2, decay = settings["betas"][1], settings["weight_decay"]
    decoupled = settings["decoupled_weight_decay"]
    return {
        "lr": lr / (1 - beta1**number),
        "shrink": 1 - lr * decay if decoupled else np.ones_like(lr),
        "l2": np.full_like(lr, 0.0 if decoupled else decay),
        "first_share": 1 - beta1,
        "second_kept": np.full_like(lr, beta2),
        "second_share": np.full_like(lr, 1 - beta2),
        "root_kept": np.full_like(lr, np.sqrt(beta2)),
        "root_scale": 1 / np.sqrt(1 - beta2**number),
        "eps": np.full_like(lr, settings["eps"]),
    }


def _sgd(settings: dict[str, Any], lr: np.ndarray, momentum: np.ndarray, number: np.ndarray) -> Rates:
    return {
        "lr": lr,
        "shrink": np.ones_like(lr),
        "l2": np.full_like(lr, settings["weight_decay"]),
        "momentum": momentum,
        "nesterov": np.full_like(lr, float(settings["nesterov"])),
        "second_kept": np.ones_like(lr),
    }


def _adagrad(settings: dict[str, Any], lr: np.ndarray, momentum: np.ndarray, number: np.ndarray) -> Rates:
    return {
        "lr": lr / (1 + (number - 1) * settings["lr_decay"]),
        "shrink": np.ones_like(lr),
        "l2": np.full_like(lr, settings["weight_decay"]),
        "eps": np.full_like(lr, settings["eps"]),
    }


def _rmsprop(settings: dict[str, Any], lr: np.ndarray, momentum: np.ndarray, number: np.ndarray) -> Rates:
    return {
        "lr": lr,
        "shrink": np.ones_like(lr),
        "l2": np.full_like(lr, settings["weight_decay"]),
        "momentum": momentum,
        "second_kept": np.full_like(lr, settings["alpha"]),
        "second_share": np.full_like(lr, 1 - settings["alpha"]),
        "eps": np.full_like(lr, settings["eps"]),
    }


def _keras_rmsprop(settings: dict[str, Any], lr: np.ndarray, momentum: np.ndarray, number: np.ndarray) -> Rates:
    return {
        "lr": lr,
        "shrink": 1 - lr * settings["weight_decay"],
        "momentum": momentum,
        "second_kept": np.full_like(lr, settings["rho"]),
        "second_share": np.full_like(lr, 1 - settings["rho"]),
        "eps": np.full_like(lr, settings["eps"]),
    }


_RATES: dict[str, Callable[..., Rates]] = {
    "adam": _adam, "sgd": _sgd, "adagrad": _adagrad, "rmsprop": _rmsprop, "keras_rmsprop": _keras_rmsprop,
}  # fmt: skip

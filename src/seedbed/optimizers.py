"""Optimizers that PyTorch does not have under the rules of their source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, optim


class FastaiAdam(optim.AdamW):
    """Adam with decoupled weight decay as fastai trains by it.

    AdamW's arithmetic; but the parameters of norm layers and those whose name is exactly ``bias`` do not decay (the
    biases of users and items are embeddings, and do), and a schedule moves beta1.
    """

    elementwise = True
    spares_norm_and_bias = True


class LazyAdam(optim.Optimizer):
    """AdamW that leaves alone the rows of an embedding which a batch does not look up: their weights and moments rest.

    PyTorch's ``SparseAdam`` with decoupled weight decay of the rows that move, and with ordinary steps for parameters
    whose gradient is dense. The bias correction counts all steps, also for a row that took few of them. Each step costs
    as much as the rows of the batch, whatever the size of the vocabulary; the results are not AdamW's.
    """

    elementwise = True
    row_sparse = True
    """It wants the gradients of embeddings as sparse tensors."""

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        """Raises ``ValueError`` for settings that cannot be."""
        if not (lr >= 0 and eps >= 0 and weight_decay >= 0 and all(0 <= beta < 1 for beta in betas)):
            raise ValueError(
                f"{lr=}, betas={tuple(betas)}, {eps=}, {weight_decay=}: none may be negative, nor a beta 1"
            )
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, parameter.grad, group)
        return loss

    def _step(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state |= {"step": 0, "exp_avg": torch.zeros_like(parameter), "exp_avg_sq": torch.zeros_like(parameter)}
        state["step"] += 1
        if not gradient.is_sparse:
            _adamw(parameter, gradient, state["exp_avg"], state["exp_avg_sq"], state["step"], group)
            return
        gradient = gradient.coalesce()
        rows = tuple(gradient.indices())
        moved = [tensor[rows] for tensor in (parameter, state["exp_avg"], state["exp_avg_sq"])]
        _adamw(moved[0], gradient.values(), moved[1], moved[2], state["step"], group)
        for tensor, values in zip((parameter, state["exp_avg"], state["exp_avg_sq"]), moved, strict=True):
            tensor[rows] = values


class KerasRMSprop(optim.Optimizer):
    """RMSprop (Tieleman and Hinton 2012) by the rule of Keras 3, whose momentum gathers steps and not gradients.

    v = rho v + (1 - rho) g^2; m = momentum m + lr g / sqrt(v + eps); w = w - m, after the decay w = w - lr weight_decay w.
    PyTorch's adds eps to the root instead: of gradients that are small beside sqrt(eps) it makes steps of one length,
    Keras's makes steps in proportion to them.
    """

    elementwise = True

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        rho: float = 0.9,
        momentum: float = 0.0,
        eps: float = 1e-7,
        weight_decay: float = 0.0,
    ) -> None:
        """Raises ``ValueError`` for settings that cannot be."""
        if not (lr >= 0 and eps >= 0 and weight_decay >= 0 and 0 <= rho < 1 and 0 <= momentum < 1):
            raise ValueError(
                f"{lr=}, {rho=}, {momentum=}, {eps=}, {weight_decay=}: none may be negative, nor rho or momentum 1"
            )
        defaults = {"lr": lr, "rho": rho, "momentum": momentum, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, parameter.grad, group)
        return loss

    def _step(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state |= {"mean_square": torch.zeros_like(parameter), "velocity": torch.zeros_like(parameter)}
        state["mean_square"].mul_(group["rho"]).addcmul_(gradient, gradient, value=1 - group["rho"])
        scaled = (state["mean_square"] + group["eps"]).rsqrt_().mul_(gradient)
        state["velocity"].mul_(group["momentum"]).add_(scaled, alpha=group["lr"])
        parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(state["velocity"])


def _adamw(weights: Tensor, gradient: Tensor, first: Tensor, second: Tensor, step: int, group: dict[str, Any]) -> None:
    """A step of Loshchilov and Hutter (2019), in place."""
    beta1, beta2 = group["betas"]
    weights.mul_(1 - group["lr"] * group["weight_decay"])
    first.lerp_(gradient, 1 - beta1)
    second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    root = (second / (1 - beta2**step)).sqrt_().add_(group["eps"])
    weights.addcdiv_(first, root, value=-group["lr"] / (1 - beta1**step))

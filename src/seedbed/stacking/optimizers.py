"""One ordinary PyTorch optimizer over the parameters of S seeds, which can step any of them and leave the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn, optim

from seedbed.stacking.layers import OneSeed, Stacked

OptimizerFactory = Callable[[list[Tensor]], optim.Optimizer]

# Optimizers that treat every number of a tensor by itself, so that a stacked tensor takes the steps of its slices.
# Others (Muon, Adafactor, a user's own) may work with the norm or the shape of a tensor.
ELEMENTWISE: tuple[type[optim.Optimizer], ...] = (
    optim.Adadelta, optim.Adagrad, optim.Adam, optim.Adamax, optim.AdamW, optim.ASGD, optim.NAdam, optim.RAdam,
    optim.RMSprop, optim.Rprop, optim.SGD,
)  # fmt: skip


class SeedOptimizer:
    """An optimizer whose state (moments, step count) belongs to each seed, and which steps only the seeds that train.

    While all seeds step, an elementwise optimizer works on the stacked parameters as they are: some long tensors cost
    less than many short ones. From the first step that a seed does not take, and from the start for other optimizers,
    each seed's slices of the parameters are leaf tensors of their own, which share the stacked memory: one whose
    ``grad`` is None takes no step at all, and weight decay and momentum do not move it either. So any optimizer of
    ``torch.optim`` serves unchanged.
    """

    def __init__(self, network: Stacked, seeds: int, factory: OptimizerFactory) -> None:
        self._stacked: list[nn.Parameter] = list(network.parameters())
        self._alone = isinstance(network, OneSeed)
        self._slices: dict[Tensor, list[Tensor]] = {}
        """Of each stacked parameter, one for each seed; empty while the optimizer holds the stacked ones."""
        if not self._alone:
            self._slices = {
                parameter: [piece.requires_grad_() for piece in parameter.detach().unbind(0)]
                for parameter in self._stacked
            }
        self.optimizer = factory(self._of_seeds() or list(self._stacked))
        if type(self.optimizer) in ELEMENTWISE:
            self.optimizer, self._slices = factory(list(self._stacked)), {}

    def _of_seeds(self) -> list[Tensor]:
        """The slices, seed by seed."""
        return [piece for of_seed in zip(*self._slices.values(), strict=True) for piece in of_seed]

    def clear_gradients(self) -> None:
        for parameter in self._stacked:
            parameter.grad = None

    def hand_over_gradients(self, active: Sequence[bool], clip_norm: float | None) -> None:
        """Make ready for a step of the ``active`` seeds (some at least): clip by each seed's own norm, if at all."""
        if clip_norm is not None:
            self._clip(clip_norm)
        if self._alone or (all(active) and not self._slices):
            return
        if not self._slices:
            self._split()
        for parameter, slices in self._slices.items():
            gradients = [None] * len(slices) if parameter.grad is None else parameter.grad.unbind(0)
            for piece, gradient, steps in zip(slices, gradients, active, strict=True):
                piece.grad = gradient if steps else None

    def _clip(self, clip_norm: float) -> None:
        """Scale each seed's gradients to at most ``clip_norm``, as ``clip_grad_norm_`` does for one network."""
        if self._alone:
            nn.utils.clip_grad_norm_(self._stacked, clip_norm)
            return
        gradients = [parameter.grad for parameter in self._stacked if parameter.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        scale = (clip_norm / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))

    def _split(self) -> None:
        """Let the optimizer go on with the slices of what it holds, each with its part of the state."""
        for group in self.optimizer.param_groups:
            slices_of_group = []
            for parameter in group["params"]:
                slices = [piece.requires_grad_() for piece in parameter.detach().unbind(0)]
                for position, piece in enumerate(slices):
                    self.optimizer.state[piece] = {
                        name: _part(value, position, parameter.shape)
                        for name, value in self.optimizer.state.get(parameter, {}).items()
                    }
                self.optimizer.state.pop(parameter, None)
                self._slices[parameter] = slices
                slices_of_group += slices
            group["params"] = slices_of_group


def _part(value: object, position: int, shape: torch.Size) -> object:
    """One seed's part of a piece of state: its slice, or a copy of what all have in common (the step count)."""
    if not isinstance(value, Tensor):
        return value
    return value[position] if value.shape == shape else value.clone()

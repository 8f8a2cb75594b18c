"""One ordinary PyTorch optimizer over the parameters of S seeds, which can step any of them and leave the rest."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seedbed.stacking.layers import OneSeed, Stacked


class SeedParameters:
    """Every seed's slice of the stacked parameters, as leaf tensors that share the stacked memory.

    An optimizer is built over all slices. Its state (moments, step count) is then kept per slice, and a slice whose
    ``grad`` is None takes no step at all: weight decay and momentum do not move it either. So any optimizer of
    ``torch.optim`` serves unchanged.
    """

    def __init__(self, network: Stacked, seeds: int) -> None:
        self._stacked: list[nn.Parameter] = list(network.parameters())
        self._slices: list[list[Tensor]] = []
        if isinstance(network, OneSeed):
            self._alone = True
            self._slices = [list(self._stacked)]
        else:
            self._alone = False
            for position in range(seeds):
                self._slices.append([parameter.detach()[position].requires_grad_() for parameter in self._stacked])

    def all(self) -> list[Tensor]:
        return [piece for of_seed in self._slices for piece in of_seed]

    def clear_gradients(self) -> None:
        for parameter in self._stacked:
            parameter.grad = None

    def hand_over_gradients(self, active: Sequence[bool], clip_norm: float | None) -> None:
        """Give each active seed's slices their gradients (clipped by that seed's own norm), the others None."""
        if self._alone:
            if not active[0]:
                self.clear_gradients()
            elif clip_norm is not None:
                nn.utils.clip_grad_norm_(self._stacked, clip_norm)
            return
        if clip_norm is not None:
            self._clip(clip_norm)
        for index, parameter in enumerate(self._stacked):
            gradient = parameter.grad
            pieces: Sequence[Tensor | None] = gradient.unbind(0) if gradient is not None else [None] * len(self._slices)
            for of_seed, piece, steps in zip(self._slices, pieces, active, strict=True):
                of_seed[index].grad = piece if steps else None

    def _clip(self, clip_norm: float) -> None:
        """Scale each seed's gradients to at most ``clip_norm``, as ``clip_grad_norm_`` does for one network."""
        gradients = [parameter.grad for parameter in self._stacked if parameter.grad is not None]
        norms = torch.stack([gradient.flatten(1).norm(dim=1) for gradient in gradients]).norm(dim=0)
        scale = (clip_norm / (norms + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))

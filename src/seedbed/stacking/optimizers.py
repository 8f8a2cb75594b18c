"""One ordinary PyTorch optimizer over the parameters of S seeds, which can step any of them and leave the rest."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

import torch
from torch import Tensor, nn, optim

from seedbed.stacking.layers import OneSeed, Stacked, StackedBatchNorm, StackedLayerNorm, StackedNetwork

OptimizerFactory = Callable[[list[Tensor]], optim.Optimizer]

# Optimizers that treat every number of a tensor by itself, so that a stacked tensor takes the steps of its slices.
_ELEMENTWISE: tuple[type[optim.Optimizer], ...] = (
    optim.Adadelta, optim.Adagrad, optim.Adam, optim.Adamax, optim.AdamW, optim.ASGD, optim.NAdam, optim.RAdam,
    optim.RMSprop, optim.Rprop, optim.SGD,
)  # fmt: skip


def is_elementwise(optimizer: optim.Optimizer) -> bool:
    """Whether it can step several seeds at once: PyTorch's that can, and classes that say ``elementwise = True``.

    Others (Muon, Adafactor, a user's own) may work with the shape of a tensor, or with a norm over all of them: their
    seeds train one at a time.
    """
    return type(optimizer) in _ELEMENTWISE or getattr(type(optimizer), "elementwise", False) is True


def is_row_sparse(optimizer: optim.Optimizer) -> bool:
    """Whether it wants the gradients of embeddings as sparse tensors: classes that say ``row_sparse = True``."""
    return getattr(type(optimizer), "row_sparse", False) is True


SEED = "seed"
"""Key of a parameter group that is one seed's: its position in the stack."""


class SeedOptimizer:
    """An optimizer whose state (moments, step count) belongs to each seed, and which steps only the seeds that train.

    ``factory`` builds it over each seed's slices of the stacked parameters, as leaf tensors that share the stacked
    memory. While all seeds step, the optimizer holds the stacked parameters instead: some long tensors cost less than
    many short ones. From the first step that a seed does not take it holds the slices: one whose ``grad`` is None takes
    no step at all, and weight decay and momentum do not move it either.

    Raises ``ValueError`` for several seeds of an optimizer that is not elementwise.
    """

    def __init__(self, network: Stacked, seeds: int, factory: OptimizerFactory) -> None:
        self._network = network
        self._stacked: list[nn.Parameter] = list(network.parameters())
        self._alone, self.seeds = isinstance(network, OneSeed), seeds
        self._slices: dict[Tensor, list[Tensor]] = {}
        """Of each stacked parameter, one for each seed; empty while the optimizer holds the stacked ones."""
        if self._alone:
            self.optimizer = factory(list(self._stacked))
        else:
            self._slices = {parameter: _sliced(parameter) for parameter in self._stacked}
            self.optimizer = factory(
                [piece for of_seed in zip(*self._slices.values(), strict=True) for piece in of_seed]
            )
            if not is_elementwise(self.optimizer):
                raise ValueError(f"{type(self.optimizer).__name__} is not known to step several seeds as it steps each")
            self._join()
        if isinstance(network, StackedNetwork) and is_row_sparse(self.optimizer):
            network.want_sparse_gradients()
        if getattr(type(self.optimizer), "spares_norm_and_bias", False):
            self._spare(_norms_and_biases(network))

    def _spare(self, spared: Set[Tensor]) -> None:
        """Put the parameters that do not decay into groups of their own."""
        for group in list(self.optimizer.param_groups):
            kept = [parameter for parameter in group["params"] if parameter in spared]
            group["params"] = [parameter for parameter in group["params"] if parameter not in spared]
            if kept:
                self.optimizer.param_groups.append({**group, "params": kept, "weight_decay": 0.0})

    def clear_gradients(self) -> None:
        self._network.clear_gradients()

    def clear(self) -> None:
        """Let go of gradients and state; a further step would begin with new ones."""
        self._network.clear()
        self.optimizer.zero_grad()
        self.optimizer.state.clear()

    def hand_over_gradients(self, active: Sequence[bool], clip_norm: float | None) -> None:
        """Prepare gradients after ``backward`` for a step of the ``active`` seeds (at least one): clip by each seed's own norm, if at all."""
        self._network.complete_gradients()
        if clip_norm is not None:
            self._clip(clip_norm)
        if self._alone or (all(active) and not self._slices):
            return
        if not self._slices:
            self._split()
        for parameter, slices in self._slices.items():
            gradients = [None] * len(slices) if parameter.grad is None else _of_seeds(parameter.grad)
            for piece, gradient, steps in zip(slices, gradients, active, strict=True):
                piece.grad = gradient if steps else None

    def set(self, values: Mapping[int, Mapping[str, float]]) -> None:
        """Set learning rate ("lr") and "momentum" (Adam's beta1) for the next step, by position of the seed; before the gradients are handed over."""
        first, *others = values.values()
        if all(other == first for other in others):
            for group in self.optimizer.param_groups:
                _set(group, first)
            return
        if not self._slices:
            self._split()
        self._part_groups()
        for group in self.optimizer.param_groups:
            if group[SEED] in values:
                _set(group, values[group[SEED]])

    def _part_groups(self) -> None:
        """Give each seed parameter groups of its own."""
        if all(SEED in group for group in self.optimizer.param_groups):
            return
        position_of = {piece: at for slices in self._slices.values() for at, piece in enumerate(slices)}
        parted = []
        for group in self.optimizer.param_groups:
            for position in range(self.seeds):
                own = [piece for piece in group["params"] if position_of[piece] == position]
                parted.append({**group, "params": own, SEED: position})
        self.optimizer.param_groups[:] = parted

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

    def _join(self) -> None:
        """Let the optimizer hold the stacked parameters, where it treats the slices of each alike."""
        place = {piece: at for at, group in enumerate(self.optimizer.param_groups) for piece in group["params"]}
        if any(len({place.get(piece) for piece in slices}) > 1 for slices in self._slices.values()):
            return
        for group in self.optimizer.param_groups:
            group["params"] = []
        for parameter, slices in self._slices.items():
            if slices[0] in place:
                self.optimizer.param_groups[place[slices[0]]]["params"].append(parameter)
            states = [self.optimizer.state.pop(piece, {}) for piece in slices]
            if states[0]:
                self.optimizer.state[parameter] = {
                    name: torch.stack([state[name] for state in states]) if _is_slice(value, slices[0]) else value
                    for name, value in states[0].items()
                }
        self._slices = {}

    def _split(self) -> None:
        """Let the optimizer go on with the slices of what it holds, each with its part of the state."""
        for group in self.optimizer.param_groups:
            slices_of_group = []
            for parameter in group["params"]:
                slices = self._slices[parameter] = _sliced(parameter)
                state = self.optimizer.state.pop(parameter, {})
                for position, piece in enumerate(slices):
                    self.optimizer.state[piece] = {
                        name: value[position] if _is_slice(value, parameter) else copy.deepcopy(value)
                        for name, value in state.items()
                    }
                slices_of_group += slices
            group["params"] = slices_of_group


def _sliced(parameter: Tensor) -> list[Tensor]:
    return [piece.requires_grad_() for piece in parameter.detach().unbind(0)]


def _of_seeds(gradient: Tensor) -> Sequence[Tensor]:
    """The slices of a stacked gradient."""
    if not gradient.is_sparse:
        return gradient.unbind(0)
    seeds, rows = gradient.indices()
    own = [seeds == seed for seed in range(len(gradient))]
    return [
        torch.sparse_coo_tensor(
            rows[mask].unsqueeze(0), gradient.values()[mask], gradient.shape[1:], check_invariants=False
        )
        for mask in own
    ]


def _is_slice(value: object, parameter: Tensor) -> bool:
    """Whether a piece of state has a number for each of the parameter's, and is not one for all (a step count)."""
    return isinstance(value, Tensor) and value.dim() > 0 and value.shape == parameter.shape


def _norms_and_biases(network: nn.Module) -> set[Tensor]:
    norms = (StackedBatchNorm, StackedLayerNorm, nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)
    return {
        parameter
        for module in network.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if name == "bias" or isinstance(module, norms)
    }


def _set(group: dict[str, Any], values: Mapping[str, float]) -> None:
    group["lr"] = values["lr"]
    if "momentum" in values:
        if "betas" in group:
            group["betas"] = (values["momentum"], *group["betas"][1:])
        else:
            group["momentum"] = values["momentum"]

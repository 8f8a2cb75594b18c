"""Layers with a leading seed axis S, and the conversion of S ordinary networks into one stacked network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from seedbed.randomness import global_stream, torch_generator


class StackedLinear(nn.Module):
    """S linear layers at once: (S, B, in) -> (S, B, out), by one batched matrix product.

    ``weight`` is (S, in, out), the transpose of what ``nn.Linear`` holds, because ``baddbmm`` multiplies from the right.
    """

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]).contiguous())
        self.bias = (
            nn.Parameter(torch.stack([layer.bias.detach() for layer in layers])) if layers[0].bias is not None else None
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is None:
            return torch.bmm(x, self.weight)
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight)

    def plain_state(self, position: int) -> dict[str, Tensor]:
        """The state of one seed's ``nn.Linear``."""
        state = {"weight": self.weight[position].detach().T.contiguous()}
        if self.bias is not None:
            state["bias"] = self.bias[position].detach().clone()
        return state


class StackedDropout(nn.Module):
    """Dropout whose mask for each seed comes from that seed's own generator.

    A seed that takes no step draws nothing, so that its next mask is the one that it would get alone.
    """

    def __init__(self, p: float, seeds: Sequence[int], name: str) -> None:
        super().__init__()
        self.p, self.seeds, self.name = p, tuple(seeds), name
        self.active: Sequence[bool] | None = None
        self._generators: list[torch.Generator] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if self._generators is None:
            self._generators = [torch_generator(seed, "dropout", self.name, device=x.device) for seed in self.seeds]
        keep = torch.ones_like(x)
        for position, generator in enumerate(self._generators):
            if self.active is None or self.active[position]:
                keep[position].bernoulli_(1 - self.p, generator=generator)
        return x * keep / (1 - self.p) if self.p < 1 else torch.zeros_like(x)


class StackedSequential(nn.Sequential):
    """S networks of the same layers: (S, B, in) -> (S, B, out)."""

    def set_active(self, active: Sequence[bool] | None) -> None:
        """Tell the layers that draw random numbers which seeds take the next step (None: all)."""
        for layer in self:
            if isinstance(layer, StackedDropout):
                layer.active = active

    def seed_state(self, position: int) -> dict[str, Tensor]:
        """A copy of one seed's part of every stacked tensor."""
        return {name: value[position].detach().clone() for name, value in self.state_dict().items()}

    def load_seed_state(self, position: int, state: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, value in self.state_dict().items():
                value[position].copy_(state[name])

    def plain_state(self, position: int) -> dict[str, Tensor]:
        """The ``state_dict`` of one seed's ordinary network."""
        return {
            f"{index}.{name}": value
            for index, layer in enumerate(self)
            if isinstance(layer, StackedLinear)
            for name, value in layer.plain_state(position).items()
        }


# Layers without state that work elementwise serve all seeds as they are.
ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.ELU, nn.Tanh, nn.Sigmoid, nn.Identity)

Stacker = Callable[[Sequence[nn.Module], Sequence[int], str], nn.Module]
STACKERS: dict[type[nn.Module], Stacker] = {
    nn.Linear: lambda layers, seeds, name: StackedLinear(cast("Sequence[nn.Linear]", layers)),
    nn.Dropout: lambda layers, seeds, name: StackedDropout(cast(nn.Dropout, layers[0]).p, seeds, name),
}


def stack(networks: Sequence[nn.Module], seeds: Sequence[int]) -> StackedSequential | None:
    """One stacked network from S ordinary ones of equal shape, or None where there is no stacked form.

    A plain ``nn.Sequential`` of linear layers, dropout and activations has one; a subclass of it, whose ``forward``
    may do anything, has none.
    """
    if any(type(network) is not nn.Sequential or not _is_plain(network) for network in networks):
        return None
    stacked: list[nn.Module] = []
    for index, layers in enumerate(zip(*(cast(nn.Sequential, network) for network in networks), strict=True)):
        kind = type(layers[0])
        if kind in STACKERS:
            stacked.append(STACKERS[kind](layers, seeds, str(index)))
        elif kind in ELEMENTWISE:
            stacked.append(layers[0])
        else:
            return None
    return StackedSequential(*stacked)


def _is_plain(network: nn.Module) -> bool:
    """Whether nothing was added that stacking would lose: frozen or shared parameters, a layer used twice, hooks."""
    layers = list(network.children())
    hooked = any(layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks for layer in layers)
    # torch's parametrizations (weight norm, spectral norm) are children of the layer that they change.
    changed = any(list(layer.children()) for layer in layers)
    named = [parameter for layer in layers for parameter in layer.parameters(recurse=False)]
    shared = len({id(parameter) for parameter in named}) < len(named)
    twice = len({id(layer) for layer in network._modules.values()}) < len(network._modules)
    return not (hooked or changed or shared or twice) and all(parameter.requires_grad for parameter in named)


class OneSeed(nn.Module):
    """The fallback: an ordinary network behind the stacked interface, S = 1.

    Padded rows are cut off before the network sees them, since it may hold batch norm.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.network(x.squeeze(0))).unsqueeze(0)

    def set_active(self, active: Sequence[bool] | None) -> None:
        """Nothing to tell: the only seed takes every step that is run."""

    def seed_state(self, position: int) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def load_seed_state(self, position: int, state: dict[str, Tensor]) -> None:
        self.network.load_state_dict(state)

    plain_state = seed_state


Stacked = StackedSequential | OneSeed


def build(factory: Callable[[], nn.Module], seeds: Sequence[int]) -> Stacked | None:
    """The stacked network of these seeds, each with the weights that it would have alone.

    Returns None where several seeds are asked for and the network has no stacked form: train them one at a time.
    """
    networks = []
    for seed in seeds:
        with global_stream(seed, "weights"):
            networks.append(factory())
    stacked = stack(networks, seeds)
    if stacked is None and len(seeds) == 1:
        return OneSeed(networks[0])
    return stacked

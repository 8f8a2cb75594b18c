"""Layers with a leading seed axis S, and the conversion of S ordinary networks into one stacked network."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from seedbed.randomness import derive, global_stream, keep_mask


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


class StackedLayerNorm(nn.Module):
    """S layer norms over the last axis: (S, B, F) -> (S, B, F)."""

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, layers: Sequence[nn.LayerNorm]) -> None:
        super().__init__()
        self.shape, self.eps = layers[0].normalized_shape, layers[0].eps
        for name in ("weight", "bias"):
            own = [getattr(layer, name) for layer in layers]
            value = None if own[0] is None else nn.Parameter(torch.stack([piece.detach() for piece in own]))
            self.register_parameter(name, value)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.layer_norm(x, self.shape, eps=self.eps)
        if self.weight is not None:
            x = x * self.weight.unsqueeze(1)
        return x if self.bias is None else x + self.bias.unsqueeze(1)

    def plain_state(self, position: int) -> dict[str, Tensor]:
        """The state of one seed's ``nn.LayerNorm``."""
        return {name: value[position].detach().clone() for name, value in self.named_parameters()}


class StackedDropout(nn.Module):
    """Dropout whose masks belong to each seed: they hang on its number and on the steps that it has taken.

    A seed that takes no step draws nothing, so that its next mask is the one that it would get alone.
    """

    keys: Tensor
    draws: Tensor

    def __init__(self, p: float, seeds: Sequence[int], name: str) -> None:
        super().__init__()
        self.p = p
        keys = torch.tensor([derive(seed, "dropout", name) for seed in seeds])
        self.register_buffer("keys", keys, persistent=False)
        self.register_buffer("draws", torch.zeros_like(keys), persistent=False)
        self.active: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        keep = keep_mask(self.keys, self.draws, x[0].numel(), 1 - self.p).view_as(x)
        self.draws = self.draws + (1 if self.active is None else self.active)
        return x * keep / (1 - self.p)


class Stackable(nn.Module):
    """Base of a network whose ``forward`` serves one seed and a stack of seeds alike.

    Write it as for one seed, of ``nn.Linear``, ``nn.LayerNorm``, ``nn.Dropout``, activations, ``nn.Sequential`` and
    other ``Stackable`` modules. In a stack these layers are exchanged for stacked ones, and ``forward`` gets (S, B, F)
    where it got (B, F): it may use any operation that works element by element or on the last axis (``dim=-1``), and
    must mix no rows. Parameters and buffers belong to the layers, not to the module itself. Whether a stack gives what
    each network gives alone is checked before training.
    """


# Layers without state that work elementwise serve all seeds as they are.
ELEMENTWISE = (
    nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.ELU, nn.SELU, nn.Mish, nn.Softplus, nn.Tanh, nn.Sigmoid, nn.Identity,
)  # fmt: skip

Stacker = Callable[[Sequence[Any], Sequence[int], str], nn.Module]
STACKERS: dict[type[nn.Module], Stacker] = {
    nn.Linear: lambda layers, seeds, name: StackedLinear(layers),
    nn.LayerNorm: lambda layers, seeds, name: StackedLayerNorm(layers),
    nn.Dropout: lambda layers, seeds, name: StackedDropout(layers[0].p, seeds, name),
}


class StackedNetwork(nn.Module):
    """S networks of one architecture as one: (S, B, in) -> (S, B, out)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.network(x))

    def set_active(self, active: Tensor | None) -> None:
        """Tell the layers that draw random numbers which seeds (S,) take the next step; None: all."""
        for layer in self.modules():
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
            f"{name}.{key}": value
            for name, layer in self.network.named_modules()
            if isinstance(layer, StackedLinear | StackedLayerNorm)
            for key, value in layer.plain_state(position).items()
        }


def stack(networks: Sequence[nn.Module], seeds: Sequence[int]) -> StackedNetwork | None:
    """One stacked network from S ordinary ones of equal shape, or None where there is no stacked form.

    ``nn.Sequential`` and ``Stackable`` modules of linear layers, layer norm, dropout and activations have one; any
    other subclass of ``nn.Module``, whose ``forward`` may do anything, has none.
    """
    if not all(_is_stackable(network) for network in networks):
        return None
    return StackedNetwork(_stacked(networks, seeds, ""))


def _stacked(modules: Sequence[nn.Module], seeds: Sequence[int], name: str) -> nn.Module:
    kind = type(modules[0])
    if kind in STACKERS:
        return STACKERS[kind](modules, seeds, name)
    if kind in ELEMENTWISE:
        return modules[0]
    twin = copy.copy(modules[0])  # the container's settings and its forward, around other layers
    twin._modules = {
        child: _stacked([module.get_submodule(child) for module in modules], seeds, f"{name}.{child}".lstrip("."))
        for child, _ in modules[0].named_children()
    }
    return twin


def _is_stackable(network: nn.Module) -> bool:
    """Whether the network is a container of known layers, and nothing was added that stacking would lose."""
    modules = list(network.modules())
    parameters = [parameter for module in modules for parameter in module._parameters.values() if parameter is not None]
    hooked = any(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks for module in modules)
    shared = len({id(parameter) for parameter in parameters}) < len(parameters)
    twice = sum(1 for _ in network.named_modules(remove_duplicate=False)) > len(modules)
    known = _is_container(network) and all(_is_container(module) or _is_layer(module) for module in modules)
    return known and not (hooked or shared or twice) and all(parameter.requires_grad for parameter in parameters)


def _is_container(module: nn.Module) -> bool:
    own_state = any(value is not None for value in (*module._parameters.values(), *module._buffers.values()))
    return (type(module) is nn.Sequential or isinstance(module, Stackable)) and not own_state


def _is_layer(module: nn.Module) -> bool:
    """Known layers; torch's parametrizations (weight norm, spectral norm) change the type of theirs."""
    if type(module) is nn.LayerNorm:
        return len(module.normalized_shape) == 1
    return type(module) in STACKERS or type(module) in ELEMENTWISE


class OneSeed(nn.Module):
    """The fallback: an ordinary network behind the stacked interface, S = 1.

    Padded rows are cut off before the network sees them, since it may hold batch norm.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.network(x.squeeze(0))).unsqueeze(0)

    def set_active(self, active: Tensor | None) -> None:
        """Nothing to tell: the only seed takes every step that is run."""

    def seed_state(self, position: int) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def load_seed_state(self, position: int, state: dict[str, Tensor]) -> None:
        self.network.load_state_dict(state)

    plain_state = seed_state


Stacked = StackedNetwork | OneSeed


def build(factory: Callable[[], nn.Module], seeds: Sequence[int]) -> Stacked | None:
    """The stacked network of these seeds, each with the weights that it would have alone.

    Returns None where several seeds are asked for and the network has no stacked form: train them one at a time.
    """
    networks = list(_networks(factory, seeds))
    stacked = stack(networks, seeds)
    if stacked is None and len(seeds) == 1:
        return OneSeed(networks[0])
    return stacked


def stacking_error(factory: Callable[[], nn.Module], width: int) -> float:
    """The largest difference between a stack of two seeds and the same networks alone, relative to their outputs.

    On five rows of ``width`` random features in evaluation mode; 0 where there is no stacked form.
    """
    seeds = (0, 1)
    stacked = stack(list(_networks(factory, seeds)), seeds)
    if stacked is None:
        return 0.0
    x = torch.randn(len(seeds), 5, width, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        together = stacked.eval()(x)
        alone = torch.stack([network.eval()(rows) for network, rows in zip(_networks(factory, seeds), x, strict=True)])
    if together.shape != alone.shape:
        return float("inf")
    return float((together - alone).abs().max() / alone.abs().max().clamp(min=1e-6))


def _networks(factory: Callable[[], nn.Module], seeds: Sequence[int]) -> Iterator[nn.Module]:
    for seed in seeds:
        with global_stream(seed, "weights"):
            network = factory()
        yield network

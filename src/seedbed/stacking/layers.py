"""Layers with a leading seed axis S, and the conversion of S ordinary networks into one stacked network."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from seedbed.randomness import derive
from seedbed.stacking import convolution
from seedbed.stacking.base import StackedLayer
from seedbed.stacking.recurrent import StackedGRU, StackedLSTM, has_stacked_form
from seedbed.torch_random import global_stream, keep_mask


class StackedLinear(StackedLayer):
    """S linear layers at once: (S, B, in) -> (S, B, out), by one batched matrix product.

    ``weight`` is (S, in, out), the transpose of what ``nn.Linear`` holds, because ``baddbmm`` multiplies from the right.
    """

    bias: nn.Parameter | None

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach().T for layer in layers]).contiguous())
        self._take_parameters(layers, "bias")

    def forward(self, x: Tensor) -> Tensor:
        if self.bias is None:
            return torch.bmm(x, self.weight)
        return torch.baddbmm(self.bias.unsqueeze(1), x, self.weight)

    def plain_state(self, position: int) -> dict[str, Tensor]:
        """The state of one seed's ``nn.Linear``."""
        state = super().plain_state(position)
        return state | {"weight": state["weight"].T.contiguous()}


class StackedLayerNorm(StackedLayer):
    """S layer norms over the last axis: (S, B, F) -> (S, B, F)."""

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, layers: Sequence[nn.LayerNorm]) -> None:
        super().__init__()
        self.shape, self.eps = layers[0].normalized_shape, layers[0].eps
        self._take_parameters(layers, "weight", "bias")

    def forward(self, x: Tensor) -> Tensor:
        x = functional.layer_norm(x, self.shape, eps=self.eps)
        if self.weight is not None:
            x = x * self.weight.unsqueeze(1)
        return x if self.bias is None else x + self.bias.unsqueeze(1)


class StackedDropout(nn.Module):
    """Dropout whose masks belong to each seed: they depend on its number and on the steps that it has taken.

    A seed that takes no step draws nothing, so that its next mask is the one that it would get alone. ``of_channels``
    drops whole channels of (S, B, C, ...).
    """

    keys: Tensor
    draws: Tensor

    def __init__(self, p: float, seeds: Sequence[int], name: str, *, of_channels: bool = False) -> None:
        super().__init__()
        self.p, self.of_channels = p, of_channels
        keys = torch.tensor([derive(seed, "dropout", name) for seed in seeds])
        self.register_buffer("keys", keys, persistent=False)
        self.register_buffer("draws", torch.zeros_like(keys), persistent=False)
        self.active: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return torch.zeros_like(x)
        shape = (*x.shape[:3], *[1] * (x.dim() - 3)) if self.of_channels else x.shape
        keep = keep_mask(self.keys, self.draws, math.prod(shape[1:]), 1 - self.p).view(shape)
        self.draws = self.draws + (1 if self.active is None else self.active)
        return x * keep / (1 - self.p)


class StackedEmbedding(StackedLayer):
    """S embeddings at once: row numbers (S, B, ...) -> (S, B, ..., F), from one table of S x V rows.

    To autograd the rows that are looked up are leaves. After ``backward``, ``sum_gradients`` adds their gradients up in
    a table that is kept from step to step: to make a new one each time takes longer than the rest of the backward pass.
    """

    weight: nn.Parameter
    first: Tensor

    def __init__(self, layers: Sequence[nn.Embedding]) -> None:
        super().__init__()
        self._take_parameters(layers, "weight")
        first = torch.arange(len(layers), dtype=torch.int32) * layers[0].num_embeddings
        self.register_buffer("first", first, persistent=False)
        self._looked_up: list[tuple[Tensor, Tensor]] = []
        self._gradient: Tensor | None = None
        self.row_sparse = False
        """Whether the optimizer wants a sparse gradient."""
        self.real: Tensor | None = None

    def forward(self, rows: Tensor) -> Tensor:
        rows = rows + self.first.view(-1, *[1] * (rows.dim() - 1))
        with torch.no_grad():
            vectors = functional.embedding(rows, self.weight.flatten(0, 1))
        if not torch.is_grad_enabled():
            return vectors
        self._looked_up.append((rows, vectors.requires_grad_()))
        return vectors.clone()  # a leaf itself could not be changed in place

    def forget(self) -> None:
        """Begin a step anew: before the rows of its batch are looked up."""
        self._looked_up.clear()

    def clear(self) -> None:
        """Let go of the table that is kept from step to step."""
        self._gradient = None

    def sum_gradients(self) -> None:
        """Add to ``weight.grad`` what ``backward`` has left at the rows that were looked up."""
        used = [(rows, vectors.grad) for rows, vectors in self._looked_up if vectors.grad is not None]
        self._looked_up.clear()
        if not used:
            return
        if self.row_sparse:
            self.weight.grad = self._sparse(used)
            return
        if self._gradient is None or self._gradient.device != self.weight.device:
            self._gradient = torch.empty_like(self.weight, requires_grad=False)
        # What there is already comes from a network that reads ``weight`` itself.
        total = self._gradient.zero_() if self.weight.grad is None else self._gradient.copy_(self.weight.grad)
        table = total.flatten(0, 1)
        for rows, gradients in used:
            if table.is_cuda:  # index_add_ adds in any order there
                table.index_put_((rows.long(),), gradients, accumulate=True)
            else:
                table.index_add_(0, rows.flatten(), gradients.flatten(0, -2))
        self.weight.grad = total

    def _sparse(self, used: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        if self.weight.grad is not None:
            raise RuntimeError(
                "a network that reads a whole embedding has no sparse gradient of it: use optimizer=adamw"
            )
        if self.real is not None:  # rows that only pad a batch were not looked up
            used = [
                (numbers[mask], values[mask]) for numbers, values in used for mask in [self._of_real(numbers, values)]
            ]
        numbers = torch.cat([numbers.flatten() for numbers, _ in used])
        values = torch.cat([values.flatten(0, -2) for _, values in used])
        rows = self.weight.shape[1]
        places = torch.stack([numbers // rows, numbers % rows]).long()
        return torch.sparse_coo_tensor(places, values, self.weight.shape, check_invariants=False).coalesce()

    def _of_real(self, numbers: Tensor, gradients: Tensor) -> Tensor:
        """Which of the rows looked up belong to real rows of the batch: by their place, or where they were put in another order, by their gradient."""
        assert self.real is not None
        if numbers.shape[:2] == self.real.shape:
            return self.real.view(*self.real.shape, *[1] * (numbers.dim() - 2)).expand_as(numbers)
        return gradients.ne(0).any(-1)


class StackedBatchNorm(StackedLayer):
    """S batch norms over rows, and over the places of a signal or picture: (S, B, F, ...) -> (S, B, F, ...).

    Rows that only pad a seed's batch enter neither its statistics nor the running ones, and a seed that takes no step
    keeps its running statistics.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layers: Sequence[nn.BatchNorm1d | nn.BatchNorm2d]) -> None:
        super().__init__()
        self.eps, self.momentum = layers[0].eps, float(layers[0].momentum or 0)
        self._take_parameters(layers, "weight", "bias")
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, torch.stack([getattr(layer, name) for layer in layers]))
        self.active: Tensor | None = None
        self.real: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self._of_batch(x) if self.training else (self.running_mean, self.running_var)
        scale = (variance + self.eps).rsqrt()
        if self.weight is not None:
            scale = scale * self.weight
        x = (x - _of_channels(mean, x)) * _of_channels(scale, x)
        return x if self.bias is None else x + _of_channels(self.bias, x)

    def _of_batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (S, F) of each seed's real rows; they enter the running ones."""
        over = (1, *range(3, x.dim()))
        places = math.prod(x.shape[3:])
        if self.real is None:
            count: Tensor | int = x.shape[1] * places
            variance, mean = torch.var_mean(x, over, correction=0)
        else:
            real = self.real.view(*self.real.shape, *[1] * (x.dim() - 2))
            count = self.real.sum(1, keepdim=True).clamp(min=1) * places
            mean = torch.where(real, x, 0).sum(over) / count
            variance = torch.where(real, (x - _of_channels(mean, x)) ** 2, 0).sum(over) / count
        with torch.no_grad():
            weight = self.momentum if self.active is None else self.momentum * self.active.unsqueeze(1)
            unbiased = (
                variance * (count / (count - 1)) if isinstance(count, int) else variance * count / (count - 1).clamp(1)
            )
            self.running_mean += weight * (mean - self.running_mean)
            self.running_var += weight * (unbiased - self.running_var)
            self.num_batches_tracked += 1 if self.active is None else self.active
        return mean, variance


def _of_channels(values: Tensor, x: Tensor) -> Tensor:
    """(S, F) -> what broadcasts to ``x`` (S, B, F, ...)."""
    return values.view(len(values), 1, -1, *[1] * (x.dim() - 3))


class SigmoidRange(nn.Module):
    """``low + (high - low) * sigmoid(x)``, element by element."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x) * (self.high - self.low) + self.low


class KnownFeatures(nn.Module):
    """What is known of each user or item: row numbers (..., B) -> (..., B, F). Nothing is learnt, so all seeds share it."""

    table: Tensor

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.register_buffer("table", table, persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        return functional.embedding(rows, self.table)


class Stackable(nn.Module):
    """Base of a network whose ``forward`` serves one seed and a stack of seeds alike.

    Write it as for one seed, of ``nn.Linear``, ``nn.Embedding``, ``nn.LayerNorm``, ``nn.Conv1d``, ``nn.Conv2d``,
    ``nn.BatchNorm1d``, ``nn.BatchNorm2d``, ``nn.Dropout``, ``nn.Dropout2d``, maximum and average pooling,
    ``nn.GRU`` and ``nn.LSTM`` (of one layer, ``batch_first``, from a first state of zeros; a stacked LSTM gives no cell),
    ``nn.Flatten``, activations, ``nn.Sequential`` and other ``Stackable`` modules. In a stack these layers are exchanged
    for stacked ones, and ``forward`` gets (S, B, F) where it got (B, F), and pictures (S, B, C, H, W) where it got
    (B, C, H, W): it may use any operation that works element by element or on the last axes, counted from the end
    (``dim=-1``, ``flatten(-3)``), and must mix no rows (only batch norm does). Parameters and buffers belong to the
    layers, not to the module itself. Whether a stack gives what each network gives alone is checked before training.
    """


# Layers that learn nothing and treat every row alike serve all seeds as they are.
SHARED = (
    nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.ELU, nn.SELU, nn.Mish, nn.Softplus, nn.Tanh, nn.Sigmoid, nn.Identity,
    SigmoidRange, KnownFeatures,
)  # fmt: skip

Stacker = Callable[[Sequence[Any], Sequence[int], str], nn.Module]
STACKERS: dict[type[nn.Module], Stacker] = {
    nn.Linear: lambda layers, seeds, name: StackedLinear(layers),
    nn.Embedding: lambda layers, seeds, name: StackedEmbedding(layers),
    nn.LayerNorm: lambda layers, seeds, name: StackedLayerNorm(layers),
    nn.BatchNorm1d: lambda layers, seeds, name: StackedBatchNorm(layers),
    nn.BatchNorm2d: lambda layers, seeds, name: StackedBatchNorm(layers),
    nn.Conv1d: lambda layers, seeds, name: convolution.StackedConvolution(layers),
    nn.Conv2d: lambda layers, seeds, name: convolution.StackedConvolution(layers),
    **dict.fromkeys(convolution.ROW_BY_ROW, lambda layers, seeds, name: convolution.RowByRow(layers[0])),
    nn.GRU: lambda layers, seeds, name: StackedGRU(layers),
    nn.LSTM: lambda layers, seeds, name: StackedLSTM(layers),
    nn.Dropout: lambda layers, seeds, name: StackedDropout(layers[0].p, seeds, name),
    nn.Dropout2d: lambda layers, seeds, name: StackedDropout(layers[0].p, seeds, name, of_channels=True),
}


class StackedNetwork(nn.Module):
    """S networks of one architecture as one, with a leading seed axis in every input and in the output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._layers_with_state = [
            layer for layer in network.modules() if isinstance(layer, StackedDropout | StackedBatchNorm)
        ]
        self._embeddings = [layer for layer in network.modules() if isinstance(layer, StackedEmbedding)]
        self._parameters_once = list(network.parameters())  # zero_grad() goes through the modules in every step

    def forward(self, *inputs: Tensor) -> Tensor:
        return cast(Tensor, self.network(*inputs))

    def has(self, method: str) -> bool:
        return hasattr(self.network, method)

    def call(self, method: str, *inputs: Tensor) -> Tensor:
        """Another method of the network than ``forward``, with a leading seed axis in inputs and output."""
        return cast(Tensor, getattr(self.network, method)(*inputs))

    def set_step(self, active: Tensor | None, real: Tensor | None) -> None:
        """Tell the layers which seeds (S,) take the next step and which of its rows (S, B) are real; None: all."""
        for layer in self._layers_with_state:
            layer.active = active
            if isinstance(layer, StackedBatchNorm):
                layer.real = real
        for embedding in self._embeddings:
            embedding.real = real

    def want_sparse_gradients(self) -> None:
        for layer in self._embeddings:
            layer.row_sparse = True

    def clear_gradients(self) -> None:
        for parameter in self._parameters_once:
            parameter.grad = None
        for layer in self._embeddings:
            layer.forget()

    def clear(self) -> None:
        """Let go of gradients, and of what is kept for those of the next step."""
        self.clear_gradients()
        for layer in self._embeddings:
            layer.clear()

    def complete_gradients(self) -> None:
        """Complete the gradients that ``backward`` leaves elsewhere than at the parameters."""
        for layer in self._embeddings:
            layer.sum_gradients()

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
            if isinstance(layer, StackedLayer)
            for key, value in layer.plain_state(position).items()
        }


def stack(networks: Sequence[nn.Module], seeds: Sequence[int]) -> StackedNetwork | None:
    """One stacked network from S ordinary ones of equal shape, or None where there is no stacked form.

    ``nn.Sequential`` and ``Stackable`` modules of linear layers, embeddings, convolutions, pooling, layer and batch
    norm, dropout and activations have one; any other subclass of ``nn.Module``, whose ``forward`` may do anything, has
    none.
    """
    if not all(_is_stackable(network) for network in networks):
        return None
    return StackedNetwork(_stacked(networks, seeds, ""))


def _stacked(modules: Sequence[nn.Module], seeds: Sequence[int], name: str) -> nn.Module:
    kind = type(modules[0])
    if kind in STACKERS:
        return STACKERS[kind](modules, seeds, name)
    if kind in SHARED:
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
    if type(module) in (nn.Conv1d, nn.Conv2d, *convolution.ROW_BY_ROW):
        return convolution.is_stackable(module)
    if type(module) is nn.BatchNorm1d or type(module) is nn.BatchNorm2d:
        return module.track_running_stats and module.momentum is not None
    if isinstance(module, nn.GRU | nn.LSTM) and type(module) in STACKERS:
        return has_stacked_form(module)
    if type(module) is nn.Embedding:
        return not (module.padding_idx is not None or module.max_norm or module.scale_grad_by_freq or module.sparse)
    return type(module) in STACKERS or type(module) in SHARED


class OneSeed(nn.Module):
    """The fallback: an ordinary network behind the stacked interface, S = 1.

    Padded rows are cut off before the network sees them, since it may hold batch norm.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        return cast(Tensor, self.network(*(one.squeeze(0) for one in inputs))).unsqueeze(0)

    def has(self, method: str) -> bool:
        return hasattr(self.network, method)

    def call(self, method: str, *inputs: Tensor) -> Tensor:
        return cast(Tensor, getattr(self.network, method)(*(one.squeeze(0) for one in inputs))).unsqueeze(0)

    def set_step(self, active: Tensor | None, real: Tensor | None) -> None:
        """Nothing to tell: the only seed takes every step that is run."""

    def clear_gradients(self) -> None:
        self.zero_grad(set_to_none=True)

    def clear(self) -> None:
        self.clear_gradients()

    def complete_gradients(self) -> None:
        """Nothing to do: ``backward`` leaves all of them at the parameters."""

    def seed_state(self, position: int) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def load_seed_state(self, position: int, state: dict[str, Tensor]) -> None:
        self.network.load_state_dict(state)

    plain_state = seed_state


Stacked = StackedNetwork | OneSeed


def build(factory: Callable[[], nn.Module], seeds: Sequence[int], *, plain: bool = False) -> Stacked | None:
    """The stacked network of these seeds, each with the weights that it would have alone.

    Returns None where several seeds are asked for and the network has no stacked form: train them one at a time.
    ``plain`` builds one seed's ordinary network even where it has a stacked form.
    """
    networks = list(_networks(factory, seeds))
    stacked = None if plain else stack(networks, seeds)
    if stacked is None and len(seeds) == 1:
        return OneSeed(networks[0])
    return stacked


def stacking_error(factory: Callable[[], nn.Module], example: Callable[[torch.Generator], tuple[Tensor, ...]]) -> float:
    """The largest difference between a stack of two seeds and the same networks alone, relative to their outputs.

    On inputs that ``example`` makes for each, in evaluation mode; and between the outputs for some rows among others and
    without them. 0 where there is no stacked form. Raises ``ValueError`` for a network that draws random numbers by
    itself, which would be no seed's own.
    """
    seeds = (0, 1)
    stacked = stack(list(_networks(factory, seeds)), seeds)
    if stacked is None:
        return 0.0
    generator = torch.Generator().manual_seed(0)
    inputs = [example(generator) for _ in seeds]
    with torch.no_grad():
        together = stacked.eval()(*(torch.stack(of_seeds) for of_seeds in zip(*inputs, strict=True)))
        networks = zip(_networks(factory, seeds), inputs, strict=True)
        alone = torch.stack([network.eval()(*of_seed) for network, of_seed in networks])
        some = stacked(*(torch.stack(of_seeds)[:, :3] for of_seeds in zip(*inputs, strict=True)))
        before = torch.get_rng_state()
        stacked.train()(*(torch.stack(of_seeds) for of_seeds in zip(*inputs, strict=True)))
        if not torch.equal(torch.get_rng_state(), before):
            raise ValueError("its forward draws random numbers, which nn.Dropout alone can draw for each seed")
    if together.shape != alone.shape or some.shape != together[:, :3].shape:
        return float("inf")
    difference = torch.maximum((together - alone).abs().max(), (some - together[:, :3]).abs().max())
    return float(difference / alone.abs().max().clamp(min=1e-6))


def _networks(factory: Callable[[], nn.Module], seeds: Sequence[int]) -> Iterator[nn.Module]:
    for seed in seeds:
        with global_stream(seed, "weights"):
            network = factory()
        yield network

"""Recurrent layers with a leading seed axis: all seeds go through time together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from itertools import accumulate
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from seedbed.stacking.base import StackedLayer


def has_stacked_form(layer: nn.RNNBase) -> bool:
    """One layer in one direction, rows first. More of them draw dropout by themselves, or read a row from its end."""
    plain = layer.num_layers == 1 and not (layer.bidirectional or layer.proj_size)
    return plain and layer.bias and layer.batch_first


class StackedRecurrent(StackedLayer):
    """S recurrent layers at once: (S, B, T, E) -> (S, B, T, H), or a ``PackedSequence`` of (S, P, E) to one of (S, P, H).

    As ``nn.GRU`` and ``nn.LSTM`` give it, packed or not, and the states after the last step, (1, S, B, H), with None for
    the cells of an LSTM and for packed rows, which end at different steps: their states are among the outputs. A packed
    stack has at each step as many rows for every seed as the seed with the most of them needs.
    """

    weight_ih_l0: nn.Parameter
    weight_hh_l0: nn.Parameter
    bias_ih_l0: nn.Parameter
    bias_hh_l0: nn.Parameter

    def __init__(self, layers: Sequence[nn.RNNBase]) -> None:
        super().__init__()
        self._take_parameters(layers, "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")

    def forward(self, x: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        if hx is not None:
            raise ValueError("a stacked GRU or LSTM begins at zero and takes no first state")
        if isinstance(x, PackedSequence):
            return x._replace(data=self._outputs(x.data, x.batch_sizes.tolist())), None
        rows, steps = x.shape[1:3]
        by_step = x.transpose(1, 2)
        outputs = self._outputs(by_step.flatten(1, 2), [rows] * steps)
        outputs = outputs.view(*by_step.shape[:3], -1).transpose(1, 2)
        return outputs, self._last(outputs[:, :, -1].unsqueeze(0))

    def _last(self, states: Tensor) -> Any:
        return states

    def _outputs(self, x: Tensor, sizes: Sequence[int]) -> Tensor:
        """Outputs of all steps, (S, P, E) -> (S, P, H); ``sizes`` says how many of the P rows belong to each step."""
        # What the inputs bring to the gates needs no state: one product for all steps.
        brought = torch.baddbmm(self.bias_ih_l0.unsqueeze(1), x, self.weight_ih_l0.transpose(1, 2))
        recurrent = self.weight_hh_l0.transpose(1, 2)
        # Many short steps would gain nothing from 16 bits and lose accuracy with each.
        with torch.autocast(x.device.type, enabled=False):
            return self._through_time(brought.to(recurrent.dtype), recurrent, self.bias_hh_l0.unsqueeze(1), sizes)

    @abstractmethod
    def _through_time(self, brought: Tensor, weight: Tensor, bias: Tensor, sizes: Sequence[int]) -> Tensor:
        """(S, P, G * H), (S, H, G * H) and (S, 1, G * H) -> (S, P, H)."""


class StackedGRU(StackedRecurrent):
    """S times ``nn.GRU``."""

    def _through_time(self, brought: Tensor, weight: Tensor, bias: Tensor, sizes: Sequence[int]) -> Tensor:
        return cast(Tensor, cast(Any, _GRU).apply(brought, weight, bias, sizes))


class StackedLSTM(StackedRecurrent):
    """S times ``nn.LSTM``."""

    def _through_time(self, brought: Tensor, weight: Tensor, bias: Tensor, sizes: Sequence[int]) -> Tensor:
        return cast(Tensor, cast(Any, _LSTM).apply(brought + bias, weight, sizes))

    def _last(self, states: Tensor) -> Any:
        return states, None


# Autograd would keep a dozen small tensors a step and add up the weights' gradients step by step. The functions below
# keep the gates of all steps in one tensor, go back through time by hand, and leave the weights to one product.


Backward = Callable[[Any, Tensor], tuple[Tensor | None, ...]]


def _without_autocast(backward: Backward) -> Backward:
    """Run backward without autocast, as forward ran."""

    @wraps(backward)
    def in_full(ctx: Any, of_outputs: Tensor) -> tuple[Tensor | None, ...]:
        with torch.autocast(of_outputs.device.type, enabled=False):
            return backward(ctx, of_outputs)

    return in_full


class _GRU(torch.autograd.Function):
    """Reset and update gate r and z, candidate n, as PyTorch has them: h' = (1 - z) n + z h, n = tanh(. + r (W h + b))."""

    @staticmethod
    def forward(ctx: Any, brought: Tensor, weight: Tensor, bias: Tensor, sizes: Sequence[int]) -> Tensor:
        hidden = weight.shape[1]
        gates, inner = torch.empty_like(brought), brought.new_empty(*brought.shape[:2], hidden)
        outputs = torch.empty_like(inner)
        state = brought.new_zeros(len(brought), sizes[0], hidden)
        for step in _steps(sizes):
            state = state[:, : step.stop - step.start]
            product = torch.baddbmm(bias, state, weight)
            rz, n, of_state = gates[:, step, : 2 * hidden], gates[:, step, 2 * hidden :], inner[:, step]
            torch.add(brought[:, step, : 2 * hidden], product[..., : 2 * hidden], out=rz).sigmoid_()
            of_state.copy_(product[..., 2 * hidden :])
            r, z = rz.chunk(2, -1)
            torch.addcmul(brought[:, step, 2 * hidden :], r, of_state, out=n).tanh_()
            state = torch.lerp(n, state, z, out=outputs[:, step])
        ctx.save_for_backward(weight, gates, inner, outputs)
        ctx.sizes = sizes
        return outputs

    @staticmethod
    @once_differentiable
    @_without_autocast
    def backward(ctx: Any, of_outputs: Tensor) -> tuple[Tensor | None, ...]:
        weight, gates, inner, outputs = ctx.saved_tensors
        hidden, before = weight.shape[1], _states_before(outputs, ctx.sizes)
        r, z, n = gates.chunk(3, -1)
        # Of each gate before its activation, all but what comes down from later steps.
        of_z, of_n = (before - n) * z * (1 - z), (1 - z) * (1 - n * n)
        of_r = of_n * inner * r * (1 - r)
        of_brought = torch.cat([of_r, of_z, of_n], -1).view(*inner.shape[:2], 3, hidden)
        of_product = torch.cat([of_r, of_z, of_n * r], -1).view_as(of_brought)
        backwards, total = weight.transpose(1, 2), of_outputs.clone()
        for step, earlier in _backwards(ctx.sizes):
            of_state = total[:, step]
            of_product[:, step].mul_(of_state.unsqueeze(2))
            if earlier is not None:
                down = torch.baddbmm(of_state * z[:, step], of_product[:, step].flatten(2), backwards)
                total[:, earlier].add_(down)
        of_brought.mul_(total.unsqueeze(2))
        of_product = of_product.flatten(2)
        of_weight = torch.bmm(before.transpose(1, 2), of_product)
        return of_brought.flatten(2), of_weight, of_product.sum(1, keepdim=True), None


class _LSTM(torch.autograd.Function):
    """Input, forget and output gate i, f and o, candidate g, as PyTorch orders them: i, f, g, o; c' = f c + i g, h' = o tanh(c')."""

    @staticmethod
    def forward(ctx: Any, brought: Tensor, weight: Tensor, sizes: Sequence[int]) -> Tensor:
        hidden = weight.shape[1]
        gates, cells = torch.empty_like(brought), brought.new_empty(*brought.shape[:2], hidden)
        squashed, outputs = torch.empty_like(cells), torch.empty_like(cells)
        state = brought.new_zeros(len(brought), sizes[0], hidden)
        cell = state
        for step in _steps(sizes):
            rows = step.stop - step.start
            here = torch.baddbmm(brought[:, step], state[:, :rows], weight, out=gates[:, step])
            here[..., : 2 * hidden].sigmoid_()
            here[..., 2 * hidden : 3 * hidden].tanh_()
            here[..., 3 * hidden :].sigmoid_()
            i, f, g, o = here.chunk(4, -1)
            cell = torch.mul(f, cell[:, :rows], out=cells[:, step]).addcmul_(i, g)
            state = torch.mul(o, torch.tanh(cell, out=squashed[:, step]), out=outputs[:, step])
        ctx.save_for_backward(weight, gates, cells, squashed, outputs)
        ctx.sizes = sizes
        return outputs

    @staticmethod
    @once_differentiable
    @_without_autocast
    def backward(ctx: Any, of_outputs: Tensor) -> tuple[Tensor | None, ...]:
        weight, gates, cells, squashed, outputs = ctx.saved_tensors
        hidden, backwards = weight.shape[1], weight.transpose(1, 2)
        i, f, g, o = gates.chunk(4, -1)
        # Of each gate before its activation, all but what comes down from later steps: to the cell, and to the output.
        through_cell = torch.cat(
            [g * i * (1 - i), _states_before(cells, ctx.sizes) * f * (1 - f), i * (1 - g * g)], -1
        ).view(*cells.shape[:2], 3, hidden)
        through_output, to_cell = squashed * o * (1 - o), o * (1 - squashed * squashed)
        of_gates = torch.empty_like(gates).view(*cells.shape[:2], 4, hidden)
        total, of_cells = of_outputs.clone(), torch.zeros_like(cells)
        for step, earlier in _backwards(ctx.sizes):
            of_state, of_cell = total[:, step], of_cells[:, step]
            of_cell.addcmul_(of_state, to_cell[:, step])
            torch.mul(through_cell[:, step], of_cell.unsqueeze(2), out=of_gates[:, step, :3])
            torch.mul(through_output[:, step], of_state, out=of_gates[:, step, 3])
            if earlier is not None:
                total[:, earlier].baddbmm_(of_gates[:, step].flatten(2), backwards)
                of_cells[:, earlier].addcmul_(of_cell, f[:, step])
        of_brought = of_gates.flatten(2)
        return of_brought, torch.bmm(_states_before(outputs, ctx.sizes).transpose(1, 2), of_brought), None


def _steps(sizes: Sequence[int]) -> Iterator[slice]:
    """The rows of each step."""
    for stop, size in zip(accumulate(sizes), sizes, strict=True):
        yield slice(stop - size, stop)


def _backwards(sizes: Sequence[int]) -> Iterator[tuple[slice, slice | None]]:
    """Steps from the last to the first: a step's rows, and the same rows a step earlier, None for the first step."""
    steps = list(_steps(sizes))
    for number in range(len(steps) - 1, 0, -1):
        first = steps[number - 1].start
        yield steps[number], slice(first, first + sizes[number])
    yield steps[0], None


def _states_before(states: Tensor, sizes: Sequence[int]) -> Tensor:
    """(S, P, H) of each row the state a step earlier, zeros at the first step."""
    first = torch.zeros_like(states[:, : sizes[0]])
    earlier = [states[:, rows] for _, rows in _backwards(sizes) if rows is not None]
    return torch.cat([first, *reversed(earlier)], 1)

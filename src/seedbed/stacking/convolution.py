"""Convolutions and pooling with a leading seed axis: rows are signals (S, B, C, L) or pictures (S, B, C, H, W)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from seedbed.stacking.base import StackedLayer

# Layers that learn nothing and treat each row by itself, but take rows on one axis only.
ROW_BY_ROW = (
    nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.Flatten,
)  # fmt: skip


def is_stackable(layer: nn.Module) -> bool:
    """Whether the layer pads with zeros, if at all, keeps the rows apart and gives one tensor."""
    if isinstance(layer, nn.Conv1d | nn.Conv2d):
        return layer.padding_mode == "zeros"
    if isinstance(layer, nn.Flatten):
        return layer.start_dim > 0
    return not getattr(layer, "return_indices", False)


class StackedConvolution(StackedLayer):
    """S convolutions at once: (S, B, C, ...) -> (S, B, D, ...), over one axis or two.

    On a GPU they are one grouped convolution over S x C channels. On a CPU that takes longer than one seed after
    another, each over pictures whose channels lie side by side in memory ("channels last").
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(self, layers: Sequence[nn.Conv1d | nn.Conv2d]) -> None:
        super().__init__()
        first = layers[0]
        self.stride, self.padding, self.dilation, self.groups = (
            first.stride,
            first.padding,
            first.dilation,
            first.groups,
        )
        self._take_parameters(layers, "weight", "bias")

    def forward(self, x: Tensor) -> Tensor:
        return self._grouped(x) if x.is_cuda else self._one_by_one(x)

    def _grouped(self, x: Tensor) -> Tensor:
        seeds = len(self.weight)
        bias = None if self.bias is None else self.bias.flatten()
        output = self._convolve(x.transpose(0, 1).flatten(1, 2), self.weight.flatten(0, 1), bias, seeds * self.groups)
        return torch.unflatten(output, 1, (seeds, -1)).transpose(0, 1)

    def _one_by_one(self, x: Tensor) -> Tensor:
        biases = [None] * len(x) if self.bias is None else self.bias.unbind(0)
        # Seeds are parted and joined with their channels last, so that gradients too keep that order in memory.
        inputs = [_channels_last(rows.movedim(-1, 1)) for rows in x.movedim(2, -1).unbind(0)]
        each = zip(inputs, self.weight.unbind(0), biases, strict=True)
        outputs = [self._convolve(rows, weight, bias, self.groups).movedim(1, -1) for rows, weight, bias in each]
        joined = torch.stack(outputs) if len(outputs) > 1 else outputs[0].unsqueeze(0)
        return joined.movedim(-1, 2)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        convolve = cast(Callable[..., Tensor], functional.conv1d if x.dim() == 3 else functional.conv2d)
        return convolve(x, weight, bias, self.stride, self.padding, self.dilation, groups)


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x


class RowByRow(nn.Module):
    """A layer that takes rows on one axis, for rows on two: (S, B, ...) -> (S, B, ...)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        # A grouped convolution leaves its rows outside of the seeds in memory; to swap them would be a copy.
        rows_outside = x.stride(1) > x.stride(0)
        x = x.transpose(0, 1) if rows_outside else x
        output = torch.unflatten(self.layer(x.flatten(0, 1)), 0, x.shape[:2])
        return output.transpose(0, 1) if rows_outside else output

"""Recurrent networks, which read a text word by word."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from seedbed.checks import is_whole, require, require_choice
from seedbed.data.network_inputs import PADDING, UNKNOWN
from seedbed.stacking.layers import Stackable

CELLS: dict[str, type[nn.GRU | nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class Recurrent(Stackable):
    """Word numbers (B, L) -> (B, out_features), linear in the state after the last word of each text.

    What pads a text is not read, so that it changes nothing; an empty text is read as one unknown word.
    Sources: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder" (GRU); Hochreiter and
    Schmidhuber 1997, "Long Short-Term Memory".
    """

    def __init__(
        self,
        vocabulary: int,
        out_features: int,
        *,
        cell: str = "gru",
        embedding: int = 64,
        hidden: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        """``dropout`` is that of the state after the last word. Raises ``ConfigError``."""
        require_choice("model.cell", cell, tuple(CELLS))
        for key, value in (("embedding", embedding), ("hidden", hidden), ("layers", layers)):
            require(is_whole(value), f"model.{key}", value, "a whole number from 1 on")
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        sizes = [embedding, *[hidden] * (layers - 1)]
        self.layers = nn.Sequential(*(CELLS[cell](size, hidden, batch_first=True) for size in sizes))
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, out_features)

    def forward(self, words: Tensor) -> Tensor:
        packed = pack(words)
        x = self.embedding(packed.words)
        for layer in self.layers:
            x = layer(PackedSequence(x, packed.sizes))[0].data
        at_ends = x.gather(-2, packed.ends.unsqueeze(-1).expand(*packed.ends.shape, x.shape[-1]))
        return self.last(self.dropout(at_ends))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Packed:
    """Texts in the order of a ``PackedSequence``: all first words, longest text first, all second ones, and so on."""

    words: Tensor
    """(..., P); in a stack, a seed whose texts are shorter has padding where others have words."""
    sizes: Tensor
    """(T,) words at each step, on the CPU."""
    ends: Tensor
    """(..., B) where the last word of each text stands among the P."""


def pack(words: Tensor) -> Packed:
    """Word numbers (..., B, L) in that order: padding, most of what lies there, is not computed."""
    words = torch.cat([words[..., :1].clamp(min=UNKNOWN), words[..., 1:]], -1)
    lengths = (words != PADDING).sum(-1)
    longest_first, order = lengths.sort(dim=-1, descending=True, stable=True)
    widest = longest_first.flatten(0, -2).amax(0) if words.dim() > 2 else longest_first
    steps = int(widest[0])
    is_read = widest > torch.arange(steps, device=words.device).unsqueeze(1)  # (T, B)
    by_step = words.gather(-2, order.unsqueeze(-1).expand_as(words))[..., :steps].transpose(-1, -2).flatten(-2)
    sizes = is_read.sum(1)
    starts = sizes.cumsum(0) - sizes
    ends = starts[lengths - 1] + order.argsort(-1)
    return Packed(by_step.index_select(-1, is_read.flatten().nonzero().squeeze(1)), sizes.cpu(), ends)

"""What a network sees of a row: made, batch by batch, of what lies on the device.

PyTorch is imported by the methods that make tensors: tables, which say what their rows are, are read without it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PADDING, UNKNOWN = 0, 1
"""Word numbers after the end of a text, and of words that are in no vocabulary."""


class NetworkInputs(Protocol):
    """One kind of input, such as vectors of numbers."""

    @property
    def bytes_of_a_row(self) -> int:
        """Bytes that one row takes on the device."""
        ...

    def arguments(self) -> dict[str, Any]:
        """What a network must know of it, as arguments of the model's ``_target_``."""
        ...

    def example(self, rows: int, generator: torch.Generator) -> Tensor:
        """Made-up ``rows`` as a network's ``forward`` gets them."""
        ...

    def ready(self, rows: Tensor) -> Tensor:
        """(S, B, ...) rows as they lie on the device -> as ``forward`` gets them, with the seed axis in front."""
        ...


@dataclass(frozen=True)
class Vectors:
    """Rows of ``width`` numbers, (B, width), as they lie there."""

    width: int

    @property
    def bytes_of_a_row(self) -> int:
        return 4 * self.width

    def arguments(self) -> dict[str, Any]:
        return {"in_features": self.width}

    def example(self, rows: int, generator: torch.Generator) -> Tensor:
        import torch

        return torch.randn(rows, self.width, generator=generator)

    def ready(self, rows: Tensor) -> Tensor:
        return rows


@dataclass(frozen=True)
class EncodedColumns(Vectors):
    """Vectors that are made of a file's columns: numbers first, then 0 or 1 for what holds of a row."""

    numbers: int
    """Columns of numbers."""
    categories: int
    """Columns of categories, those of two values among them."""


@dataclass(frozen=True)
class Pictures:
    """Pictures, (B, channels, height, width): bytes on the device, numbers from 0 to 1 for a network."""

    channels: int
    height: int
    width: int

    @property
    def bytes_of_a_row(self) -> int:
        return self.channels * self.height * self.width

    def arguments(self) -> dict[str, Any]:
        return {"channels": self.channels, "height": self.height, "width": self.width}

    def example(self, rows: int, generator: torch.Generator) -> Tensor:
        import torch

        return torch.rand(rows, self.channels, self.height, self.width, generator=generator)

    def ready(self, rows: Tensor) -> Tensor:
        import torch

        # The default type is that of the trainer's precision while a step runs: float64 under 64-true.
        return rows.to(torch.get_default_dtype()).div_(255)


@dataclass(frozen=True)
class Words:
    """Texts as word numbers, (B, ``length``) int32, each text from the left and ``PADDING`` after its end."""

    vocabulary: int
    """How many numbers there can be, ``PADDING`` and ``UNKNOWN`` among them."""
    length: int

    @property
    def bytes_of_a_row(self) -> int:
        return 4 * self.length

    def arguments(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "length": self.length}

    def example(self, rows: int, generator: torch.Generator) -> Tensor:
        """Texts of any length, empty ones too."""
        import torch

        words = torch.randint(UNKNOWN, self.vocabulary, (rows, self.length), generator=generator, dtype=torch.int32)
        lengths = torch.randint(self.length + 1, (rows, 1), generator=generator)
        return words.masked_fill(torch.arange(self.length) >= lengths, PADDING)

    def ready(self, rows: Tensor) -> Tensor:
        return rows

"""What can train the chunks of a stack in place of PyTorch's operations: what it is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

AUTO, COMPILED, TORCH = "auto", "compiled", "torch"
"""Values of ``trainer.engine``; the last two are also what is recorded."""


@dataclass(frozen=True)
class SeedSteps:
    """The steps of a chunk that one seed takes: K, at least one."""

    position: int
    index: np.ndarray
    """(K, B), row numbers."""
    counts: np.ndarray
    """(K,), how many of them are real."""
    lrs: np.ndarray
    """(K,)"""
    momenta: np.ndarray
    """(K,), NaN where no schedule moves the optimizer's own."""


@dataclass(frozen=True)
class StepsTaken:
    """What came of them."""

    loss_sum: float
    """Of all rows of all steps."""
    rows: int
    latest: float
    """The loss of the last step."""
    finite: bool
    """Whether every step's loss was."""


class Engine(Protocol):
    """Takes steps with the weights of a module's network, which has the new ones after each chunk."""

    def take_weights(self) -> None:
        """Begin with the weights that the network has now: others may have changed them since the last chunk."""

    def train(self, steps: Sequence[SeedSteps]) -> list[StepsTaken]:
        """Take these steps, each seed its own."""

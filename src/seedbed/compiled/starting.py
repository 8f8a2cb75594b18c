"""Numba's start: whether it is worth its time, and what needs it. Nothing here imports Numba before that is called for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seedbed.stacking.engines import Engine
from seedbed.stacking.module import StackedModule

WORTH = 10**8
"""Numbers that PyTorch's steps would move for a seed, from which on starting Numba, about two seconds, saves time."""


def is_worth_starting(parameters: int, rows: int, settings: Mapping[str, Any]) -> bool:
    """Whether a seed that learns so many numbers from so many rows takes PyTorch longer than Numba's start."""
    steps: int = math.ceil(rows / settings["batch_size"]) * settings["max_epochs"]
    most: int = settings.get("max_steps") or steps
    return min(steps, most) * parameters >= WORTH


def compile_steps() -> float | None:
    """Have the compiled steps at hand in this process; the seconds that it took where they had to be compiled, else None."""
    from seedbed.compiled.compilation import compile_all

    return compile_all()


def compiled_engine(module: StackedModule) -> Engine:
    """An engine that trains the module's chunks."""
    from seedbed.compiled.engine import CompiledEngine

    return CompiledEngine(module)

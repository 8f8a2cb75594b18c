"""What the compiled steps know: whether they can train a variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytorch_lightning as pl
from torch import nn, optim

from seedbed.compiled.rules import rule_of
from seedbed.models.rating import DotProduct
from seedbed.stacking.layers import SigmoidRange
from seedbed.tasks.cold_start import ColdStart
from seedbed.tasks.rating import Rating

PRECISIONS = ("32-true", "32", 32)
HOOKS = ("on_before_backward", "on_after_backward", "on_before_optimizer_step", "on_before_zero_grad")
"""Of callbacks, those that are called within a step."""


def why_unknown(
    network: nn.Module,
    task: type,
    optimizer: optim.Optimizer,
    settings: Mapping[str, Any],
    device: str,
    callbacks: Sequence[pl.Callback] = (),
) -> str:
    """Why the compiled steps cannot train such networks; "" where they can. ``settings`` are those of ``trainer``."""
    reasons = (*_of_parts(network, task, optimizer), *_of_settings(settings, device), *_of_callbacks(callbacks))
    return next(iter(reasons), "")


def _of_parts(network: nn.Module, task: type, optimizer: optim.Optimizer) -> Iterator[str]:
    if type(network) is not DotProduct or type(network.scale) not in (nn.Identity, SigmoidRange):
        yield f"the compiled steps are those of dot products (model=dot_product), and not of {type(network).__name__}"
    if task not in (Rating, ColdStart):
        yield f"the compiled steps are those of task=rating and task=cold_start, and not of {task.__name__}"
    rule = rule_of(optimizer)
    if isinstance(rule, str):
        yield rule


def _of_settings(settings: Mapping[str, Any], device: str) -> Iterator[str]:
    if device != "cpu":
        yield "the compiled steps are for a CPU, and this trains on a GPU (trainer.accelerator)"
    if settings["precision"] not in PRECISIONS:
        yield f"the compiled steps are of 32-bit floats, and trainer.precision={settings['precision']}"
    if settings.get("detect_anomaly"):
        yield "trainer.detect_anomaly=true watches PyTorch's own operations"


def _of_callbacks(callbacks: Sequence[pl.Callback]) -> Iterator[str]:
    for callback in callbacks:
        for hook in HOOKS:
            if getattr(type(callback), hook) is not getattr(pl.Callback, hook):
                yield f"{type(callback).__name__} observes single steps, by {hook}"

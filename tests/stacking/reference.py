"""An independent reference: one seed by a plain PyTorch loop that knows nothing of stacking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from seedbed.data.network_inputs import Pictures
from seedbed.data.splits import Rows
from seedbed.data.table import Table
from seedbed.randomness import derive


@dataclass
class PlainRun:
    """Batch losses in order, mean training loss and validation loss by epoch, and the network at the end."""

    batch_losses: list[float]
    train_losses: list[float]
    val_losses: list[float]
    network: nn.Module


def plain_loop(
    network: nn.Module,
    table: Table,
    rows: Rows,
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    optimizer: torch.optim.Optimizer,
    dtype: torch.dtype,
    class_weights: torch.Tensor | None = None,
    clip_norm: float | None = None,
    batches: int | None = None,
    max_steps: int | None = None,
) -> PlainRun:
    """``batches`` are those of an epoch at most; the epoch in which a seed has taken ``max_steps`` is its last, and is validated."""
    features = torch.from_numpy(table.features).to(dtype)
    if table.features.dtype == np.uint8:
        features = features / 255
    labels = torch.from_numpy(table.labels)
    loss_function = nn.CrossEntropyLoss(weight=class_weights)
    result = PlainRun([], [], [], network)
    for epoch in range(epochs):
        network.train()
        generator = torch.Generator().manual_seed(derive(seed, "order", epoch))
        order = torch.from_numpy(rows.train)[torch.randperm(len(rows.train), generator=generator)]
        total = count = 0.0
        for batch in order.split(batch_size)[:batches]:
            if len(result.batch_losses) == max_steps:
                break
            loss = loss_function(network(features[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            if clip_norm is not None:
                nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
            optimizer.step()
            result.batch_losses.append(loss.item())
            weight = len(batch) if class_weights is None else float(class_weights[labels[batch]].sum())
            total, count = total + loss.item() * weight, count + weight
        result.train_losses.append(total / count)
        network.eval()
        with torch.no_grad():
            logits = network(features[rows.val])
            result.val_losses.append(nn.functional.cross_entropy(logits, labels[rows.val]).item())
        if len(result.batch_losses) == max_steps:
            break
    return result


def made_up_table(rows: int = 120, features: int = 12, seed: int = 0) -> Table:
    """Two noisy clouds, 30 % of the rows in the rarer class; every row is a group of its own."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(rows) % 10 < 3).astype(np.int64)
    points = rng.standard_normal((rows, features)).astype(np.float32) + labels[:, None] * 0.8
    return Table(
        name="clouds",
        digest="0" * 64,
        features=points.astype(np.float32),
        labels=labels,
        classes=("ham", "spam"),
        groups=np.arange(rows),
        texts=tuple(f"message number {row}" for row in range(rows)),
        counts={},
        notes=(),
    )


def made_up_pictures(rows: int = 90, channels: int = 2, height: int = 9, width: int = 8) -> Table:
    """Noise of bytes, and in a third of the pictures a brighter patch somewhere; every one is a group of its own."""
    rng = np.random.default_rng(5)
    labels = (np.arange(rows) % 3 == 0).astype(np.int64)
    pictures = rng.integers(0, 180, (rows, channels, height, width), dtype=np.uint8)
    for picture, (top, left) in zip(pictures[labels == 1], rng.integers(0, 5, (rows, 2)), strict=False):
        picture[:, top : top + 4, left : left + 3] += 75
    return Table(
        name="patches",
        digest="1" * 64,
        features=pictures,
        labels=labels,
        classes=("empty", "patch"),
        groups=np.arange(rows),
        texts=None,
        counts={},
        notes=(),
        of_features=Pictures(channels, height, width),
    )

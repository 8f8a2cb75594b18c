"""Building blocks of the tests' own experiments: a data set and a strategy that fails on purpose."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from seedbed.data.encoders import HashEncoder, encode_cached
from seedbed.data.table import Progress, Table, count_rows, group_numbers, normalise
from seedbed.imbalance.base import Encode, Resampled, Strategy, TrainingRows


class Messages:
    """Short messages with words that give spam away, some of them twice; no file is read."""

    def __init__(self, *, rows: int = 80, spam: int = 20, digest: str = "d" * 64, path: str | None = None) -> None:
        self.rows, self.spam, self.digest = rows, spam, digest
        self.encoder = HashEncoder(dimensions=16)

    def load(self, progress: Progress | None = None) -> Table:
        rng = np.random.default_rng(3)
        words = np.array(["meet", "lunch", "home", "later", "call", "thanks", "train", "rain"])
        baits = np.array(["win", "prize", "free", "cash", "urgent", "call", "claim", "now"])
        labels = (np.arange(self.rows) < self.spam).astype(np.int64)
        texts = [
            f"{' '.join(rng.choice(baits if spam else words, 6))} {number // 2}" for number, spam in enumerate(labels)
        ]
        texts[-1] = texts[-2].upper()
        groups = group_numbers(normalise(text) for text in texts)
        return Table(
            name="messages",
            digest=self.digest,
            features=encode_cached(self.encoder, texts, progress),
            labels=labels,
            classes=("ham", "spam"),
            groups=groups,
            texts=tuple(texts),
            counts=count_rows(labels, groups, ("ham", "spam")),
            notes=("Made-up messages.",),
            encode=partial(encode_cached, self.encoder),
            made_with={"encoder": self.encoder.name},
        )


class FailsFor(Strategy):
    """Cannot make the rows of one seed."""

    def __init__(self, *, seed: int) -> None:
        self.seed = seed

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        if seed == self.seed:
            raise RuntimeError(f"no rows for seed {seed}")
        return super().apply(rows, seed, encode)


class Signals(Strategy):
    """Sends this process a signal, as a user, a scheduler or the kernel would, unless ``SEEDBED_TEST_SPARE`` is set.

    It waits ``after`` seconds: records of the variant before are still being written, and SIGKILL waits for nothing.
    """

    def __init__(self, *, name: str, after: float = 0) -> None:
        self.name, self.after = name, after

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        if "SEEDBED_TEST_SPARE" not in os.environ:
            time.sleep(self.after)
            os.kill(os.getpid(), getattr(signal, self.name))
        return super().apply(rows, seed, encode)


class SignalsWhileItTrains(nn.Module):
    """Sends this process a signal from within a training step, unless ``SEEDBED_TEST_SPARE`` is set."""

    def __init__(self, in_features: int, out_features: int, *, name: str) -> None:
        super().__init__()
        self.layer, self.number = nn.Linear(in_features, out_features), getattr(signal, name)

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training and torch.is_grad_enabled() and "SEEDBED_TEST_SPARE" not in os.environ:
            os.kill(os.getpid(), self.number)
        outputs: Tensor = self.layer(inputs)
        return outputs


def broken_network(in_features: int, out_features: int) -> Callable[[Sequence[float]], float]:
    raise ValueError("a network that cannot be built")

"""Building blocks of the tests' own experiments: a data set and a strategy that fails on purpose."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from seedbed.data.encoders import HashEncoder
from seedbed.data.encoding_cache import encode_cached
from seedbed.data.published import cifar10
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


def write_tables(folder: Path) -> None:
    """``labelled.csv`` (text, x, y, label), ``mixed.csv`` (x, colour, shape, label), ``ratings.csv`` (user, item, rating, time), and
    pictures of two classes in parts.

    One row in four is of the rarer class, whose texts and pictures can be told.
    """
    rng = np.random.default_rng(5)
    rare = np.arange(80) % 4 == 0
    words = np.array([["meet", "lunch", "home", "later"], ["prize", "cash", "claim", "free"]])
    rows = [
        f"{' '.join(rng.choice(words[int(is_rare)], 4))} {number},{rng.normal():.4f},{is_rare + rng.normal():.4f},{'ab'[int(is_rare)]}"
        for number, is_rare in enumerate(rare)
    ]
    (folder / "labelled.csv").write_text("\n".join(["text,x,y,label", *rows]) + "\n")
    mixed = [
        f"{number / 7:.2f},{('red', 'blue', 'grey')[number % 3]},{('round', 'flat')[number % 5 % 2]},{'ab'[int(is_rare)]}"
        for number, is_rare in enumerate(rare)
    ]
    (folder / "mixed.csv").write_text("\n".join(["x,colour,shape,label", *mixed]) + "\n")
    ratings = ["user,item,rating,time", *(",".join(map(str, rating)) for rating in some_ratings())]
    (folder / "ratings.csv").write_text("\n".join(ratings) + "\n")
    for part, count in (("train", 12), ("test", 6)):
        for label, shade in (("a", 60), ("b", 180)):
            pictures = folder / "pictures" / part / label
            pictures.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(shade, shade + 60, (16, 16, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(pictures / f"{number}.png")


def some_ratings() -> list[tuple[int, int, int, int]]:
    """User, item, rating and time of 30 users and 30 items, half of all pairs."""
    rng = np.random.default_rng(6)
    pairs = rng.permutation([(user, item) for user in range(1, 31) for item in range(1, 31)])[:450]
    return [(int(user), int(item), int(rng.integers(1, 6)), time) for time, (user, item) in enumerate(pairs, 1)]


def write_movielens(folder: Path) -> None:
    """These ratings as every edition of MovieLens has them."""
    ratings = some_ratings()
    items, users = sorted({item for _, item, _, _ in ratings}), sorted({user for user, _, _, _ in ratings})
    no_genres = "|".join("0" * 19)
    files = {
        "ml-100k/u.data": ["\t".join(map(str, rating)) for rating in ratings],
        "ml-100k/u1.test": ["\t".join(map(str, rating)) for rating in ratings[:90]],
        "ml-100k/u.item": [f"{item}|Movie {item} (1990)|01-Jan-1990||http://x|{no_genres}" for item in items],
        "ml-100k/u.user": [f"{user}|{20 + user}|F|writer|00000" for user in users],
        "ml-1m/users.dat": [f"{user}::F::25::1::00000" for user in users],
    }
    for edition in ("ml-1m", "ml-10m"):
        files[f"{edition}/ratings.dat"] = ["::".join(map(str, rating)) for rating in ratings]
        files[f"{edition}/movies.dat"] = [f"{item}::Movie {item} (1990)::Drama" for item in items]
    for edition in ("ml-20m", "ml-25m", "ml-32m", "ml-latest-small", "ml-latest-small-2016"):
        rows = [",".join(map(str, rating)) for rating in ratings]
        files[f"{edition}/ratings.csv"] = ["userId,movieId,rating,timestamp", *rows]
        files[f"{edition}/movies.csv"] = [
            "movieId,title,genres",
            *(f"{item},Movie {item} (1990),Drama" for item in items),
        ]
    for name, lines in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(lines) + "\n")


CIFAR10_ROWS = 20
"""Of each of its files."""


def write_cifar10(folder: Path) -> None:
    """Its six files, of ``CIFAR10_ROWS`` pictures each."""
    folder.mkdir(parents=True)
    for number, name in enumerate(cifar10.DIGESTS):
        records = np.random.default_rng(number).integers(0, 256, (CIFAR10_ROWS, cifar10.RECORD), dtype=np.uint8)
        records[:, 0] = np.arange(CIFAR10_ROWS) % len(cifar10.CLASSES)
        records.tofile(folder / name)
    (folder / cifar10.META).write_text("\n".join(cifar10.CLASSES) + "\n")


def write_keel(path: Path, rare: str = "positive", common: str = "negative") -> None:
    """Rows of a number and a category with classes of these names, in the shape of KEEL's data sets; some rows stand there twice."""
    header = [
        "@relation made_up",
        "@attribute size real [0.0, 10.0]",
        "@attribute colour {red, green, blue}",
        f"@attribute Class {{{rare}, {common}}}",
        "@data",
    ]
    rows = [
        f"{number % 40 / 4}, {('red', 'green', 'blue')[number % 40 % 3]}, {common if number % 4 else rare}"
        for number in range(80)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*header, *rows]) + "\n")


def write_sms_spam(path: Path) -> None:
    """A few messages in the shape of the SMS Spam Collection."""
    spam = [f"spam\tclaim your prize {number}" for number in range(20)]
    path.write_text("\n".join([*spam, *(f"ham\tlunch at home {number}" for number in range(40))]) + "\n")

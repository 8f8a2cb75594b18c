"""The spam benchmark by hand, the floor of ``scripts/compare_bench``: all seeds of all variants, in no more operations than it takes.

No Lightning, no Hydra, no MLflow, no report: messages are read, encoded and resampled, the seeds of a variant trained as one
stack whose gradients are written out, and of validation and test rows the accuracy alone is measured. Vectors, changed copies
and random streams are seedbed's. ``python bench_by_hand.py RECIPE ANSWER`` reads a recipe and writes what came of it as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor, nn
from torch.nn import functional

from seedbed.data.universal_sentence_encoder import SharingModel
from seedbed.imbalance.text_augment import TextAugment
from seedbed.randomness import derive
from seedbed.torch_random import global_stream, torch_generator

SECONDS_UNTIL_IMPORTED = time.time() - psutil.Process().create_time()
CLASSES = ("ham", "spam")
SPAM = 1
EVALUATED_AT_ONCE = 200
"""Rows of a seed whose inputs lie in a core's cache."""


@dataclass(frozen=True)
class Recipe:
    """What both sides train by."""

    file: str
    rows: Mapping[str, Mapping[str, Sequence[int]]]
    """By seed, those of "train", "val" and "test"."""
    variants: Sequence[str]
    hidden: Sequence[int]
    lr: float
    weight_decay: float
    epochs: int
    batch_size: int
    copies: int
    neighbours: int


class Clock:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.seconds = defaultdict[str, float](float)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - start


@dataclass
class Messages:
    texts: list[str]
    labels: np.ndarray
    vectors: np.ndarray
    copies: Mapping[tuple[int, int], list[str]] = field(default_factory=dict)
    """The changed ones, by the number of a message and the seed."""
    of_copies: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Their vectors, by text."""


@dataclass(frozen=True)
class Training:
    """What one seed trains on."""

    rows: np.ndarray
    made: np.ndarray | None = None
    """Vectors (M, F) of new rows, all of them spam."""


def main() -> None:
    recipe, answer = Path(sys.argv[1]), Path(sys.argv[2])
    answer.write_text(json.dumps(run(Recipe(**json.loads(recipe.read_text())))))


def run(recipe: Recipe) -> dict[str, Any]:
    """Seconds of each part, and test accuracies by variant and seed."""
    clock = Clock()
    with clock("reading"):
        texts, labels = read(Path(recipe.file))
    with clock("encoding"):
        model = SharingModel()
        messages = Messages(texts, labels, encoded(model, texts))
    accuracies = {}
    for variant in recipe.variants:
        if variant == "text_augment":
            with clock("changing messages"):
                messages.copies = changed(messages, recipe)
            with clock("encoding changed messages"):
                distinct = list(dict.fromkeys(chain.from_iterable(messages.copies.values())))
                messages.of_copies = dict(zip(distinct, model.encode(distinct), strict=True))
        with clock("resampling"):
            data = [resampled(variant, messages, recipe, int(seed)) for seed in recipe.rows]
        with clock(f"training {variant}"):
            found = train(data, messages, recipe, weighted=variant == "class_weights")
            accuracies[variant] = dict(zip(recipe.rows, found, strict=True))
    return {"seconds": {"imports": SECONDS_UNTIL_IMPORTED, **clock.seconds}, "accuracies": accuracies}


# ---- messages --------------------------------------------------------------------------------------------------------


def read(file: Path) -> tuple[list[str], np.ndarray]:
    """Texts and labels: a label, a tab and a text a line."""
    lines = file.read_bytes().decode().removesuffix("\n").split("\n")
    labels, texts = zip(*(line.split("\t", 1) for line in lines), strict=True)
    return list(texts), np.array([CLASSES.index(label) for label in labels])


def encoded(model: SharingModel, texts: Sequence[str]) -> np.ndarray:
    distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return model.encode(list(distinct))[[distinct[text] for text in texts]]


def changed(messages: Messages, recipe: Recipe) -> dict[tuple[int, int], list[str]]:
    """Those of a message follow one another, as the encoder computes once what neighbours share."""
    augment = TextAugment(copies=recipe.copies)
    trained = {int(seed): set(rows["train"]) for seed, rows in recipe.rows.items()}
    return {
        (row, seed): augment.changed_copies(messages.texts[row], seed, row)
        for row in np.flatnonzero(messages.labels == SPAM).tolist()
        for seed in trained
        if row in trained[seed]
    }


# ---- strategies ------------------------------------------------------------------------------------------------------


def resampled(variant: str, messages: Messages, recipe: Recipe, seed: int) -> Training:
    """The rows that a seed trains on, drawn as imbalanced-learn draws them."""
    rows = np.array(recipe.rows[str(seed)]["train"])
    spam, ham = (rows[messages.labels[rows] == label] for label in (SPAM, 1 - SPAM))
    draws = np.random.RandomState(derive(seed, "resample") % 2**32)
    more = len(ham) - len(spam)
    if variant == "undersample":
        return Training(np.concatenate([ham[draws.choice(range(len(ham)), len(spam), replace=False)], spam]))
    if variant == "oversample":
        return Training(np.concatenate([rows, draws.choice(spam, more)]))
    if variant == "smote":
        return Training(rows, between(messages.vectors[spam], recipe.neighbours, more, draws))
    if variant == "text_augment":
        copies = chain.from_iterable(messages.copies[row, seed] for row in spam.tolist())
        return Training(rows, np.stack([messages.of_copies[copy] for copy in copies]))
    return Training(rows)


def between(vectors: np.ndarray, neighbours: int, count: int, draws: np.random.RandomState) -> np.ndarray:
    """SMOTE: so many points on the lines from some vectors to some of their nearest neighbours."""
    squares = (vectors**2).sum(1)
    distances = squares[:, None] + squares - 2 * vectors @ vectors.T
    nearest = np.argsort(distances, axis=1, kind="stable")[:, 1 : neighbours + 1]
    chosen = draws.randint(0, nearest.size, count)
    at, which = np.divmod(chosen, neighbours)
    steps = draws.uniform(size=count)[:, None]
    made: np.ndarray = vectors[at] + steps * (vectors[nearest[at, which]] - vectors[at])
    return made.astype(vectors.dtype)


# ---- training --------------------------------------------------------------------------------------------------------


def train(data: Sequence[Training], messages: Messages, recipe: Recipe, *, weighted: bool) -> list[float]:
    """Train a stack of all seeds; their test accuracies."""
    made = [of_seed.made for of_seed in data if of_seed.made is not None]
    features = torch.from_numpy(np.concatenate([messages.vectors, *made]))
    labels = torch.from_numpy(np.concatenate([messages.labels, np.full(sum(map(len, made)), SPAM)]))
    rows, count = [], len(messages.labels)
    for of_seed in data:
        new = 0 if of_seed.made is None else len(of_seed.made)
        rows.append(torch.from_numpy(np.concatenate([of_seed.rows, np.arange(count, count + new)])))
        count += new
    stack = Stack([int(seed) for seed in recipe.rows], features, labels, recipe)
    validation, test = ([torch.tensor(of_seed[side]) for of_seed in recipe.rows.values()] for side in ("val", "test"))
    weights = [balanced(labels[of_seed]) if weighted else torch.ones(len(CLASSES)) for of_seed in rows]
    for epoch in range(recipe.epochs):
        stack.epoch(epoch, rows, weights)
        stack.accuracies(validation)
    return stack.accuracies(test)


def balanced(labels: Tensor) -> Tensor:
    """The inverse frequency of each class."""
    return (len(labels) / len(CLASSES) / labels.bincount(minlength=len(CLASSES))).float()


class Stack:
    """Networks of S seeds, and their optimizer."""

    def __init__(self, seeds: Sequence[int], features: Tensor, labels: Tensor, recipe: Recipe) -> None:
        self.seeds, self.features, self.labels, self.batch_size = seeds, features, labels, recipe.batch_size
        self.one_hot = functional.one_hot(labels, len(CLASSES)).float()
        sizes = [features.shape[1], *recipe.hidden, len(CLASSES)]
        networks = [first_weights(seed, sizes) for seed in seeds]
        self.weights = [torch.stack([each.weight.T for each in layers]).contiguous() for layers in zip(*networks, strict=True)]  # fmt: skip
        self.biases = [torch.stack([each.bias for each in layers]).unsqueeze(1) for layers in zip(*networks, strict=True)]  # fmt: skip
        parameters = [*self.weights, *self.biases]
        for parameter in parameters:
            parameter.grad = torch.empty_like(parameter)
        self.optimizer = torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, fused=True)

    def epoch(self, epoch: int, rows: Sequence[Tensor], weights: Sequence[Tensor]) -> None:
        """As many steps as the seed with the fewest rows takes; ``weights`` are of the classes, by seed."""
        steps = min(-(-len(of_seed) // self.batch_size) for of_seed in rows)
        index = torch.zeros(len(rows), steps * self.batch_size, dtype=torch.int64)
        weight = torch.zeros(index.shape)
        for position, (seed, of_seed) in enumerate(zip(self.seeds, rows, strict=True)):
            order = torch.randperm(len(of_seed), generator=torch_generator(seed, "order", epoch))[: index.shape[1]]
            index[position, : len(order)] = of_seed[order]
            weight[position, : len(order)] = weights[position][self.labels[of_seed[order]]]
        batches = zip(*(torch.split(part, self.batch_size, 1) for part in (index, weight)), strict=True)
        for batch, of_rows in batches:
            self.step(batch, of_rows / of_rows.sum(1, keepdim=True))

    def step(self, index: Tensor, weight: Tensor) -> None:
        """Of AdamW, by the gradient of the weighted cross-entropy of the rows ``index`` (S, B)."""
        layers = self.forward(index)
        target = self.one_hot.index_select(0, index.flatten()).view_as(layers[-1])
        gradient = layers[-1].softmax(-1).sub_(target).mul_(weight.unsqueeze(-1))
        for at in range(len(self.weights) - 1, -1, -1):
            torch.bmm(layers[at].transpose(1, 2), gradient, out=self.weights[at].grad)
            torch.sum(gradient, 1, keepdim=True, out=self.biases[at].grad)
            if at:
                gradient = torch.bmm(gradient, self.weights[at].transpose(1, 2)).mul_(layers[at] > 0)
        self.optimizer.step()

    def forward(self, index: Tensor) -> list[Tensor]:
        """What goes into each layer, and what comes out of the last."""
        layers = [self.features.index_select(0, index.flatten()).view(*index.shape, -1)]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            if len(layers) > 1:
                layers[-1].relu_()
            layers.append(torch.baddbmm(bias, layers[-1], weight))
        return layers

    def accuracies(self, rows: Sequence[Tensor]) -> list[float]:
        """Of each seed's own rows."""
        index = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
        said = [self.forward(part)[-1].argmax(-1) for part in torch.split(index, EVALUATED_AT_ONCE, 1)]
        right = torch.cat(said, 1) == self.labels[index]
        return [float(of_seed[: len(own)].double().mean()) for of_seed, own in zip(right, rows, strict=True)]


def first_weights(seed: int, sizes: Sequence[int]) -> list[nn.Linear]:
    with global_stream(seed, "weights"), torch.no_grad():
        return [nn.Linear(*of_layer) for of_layer in pairwise(sizes)]


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()

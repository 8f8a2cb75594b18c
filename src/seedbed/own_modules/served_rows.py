"""Which rows the data loaders of a seed serve, as digests: whether seeds, or variants, have the same ones is found, not asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, Subset

from seedbed.torch_random import isolated_streams, seed_streams

PARTS = ("train", "val", "test")
LARGEST_BATCH = 64
"""Rows of the first and of the last batch that are read."""
READ_TWICE = 4
"""Rows of each that are read once more, since what differs from one look to the next says nothing of the rows."""


@dataclass(frozen=True)
class Part:
    """What can be seen of the rows of one part."""

    rows: int | None
    """How many there are; None where the data do not say it, as those of an ``IterableDataset``."""
    digest: str | None
    """Of their places in a larger data set, or of the first and the last batch without shuffling; None: cannot be seen."""

    def __str__(self) -> str:
        return f"{'rows' if self.rows is None else f'{self.rows} rows'}{f' of digest {self.digest}' if self.digest else ''}"


ServedRows = dict[str, Part]
"""By part; one that there is none of is left out."""


def as_plain(rows: ServedRows) -> dict[str, dict[str, Any]]:
    """As JSON holds it; ``from_plain`` reads it."""
    return {name: asdict(part) for name, part in rows.items()}


def from_plain(content: Mapping[str, Mapping[str, Any]]) -> ServedRows:
    """What ``as_plain`` has made."""
    return {name: Part(**part) for name, part in content.items()}


def part_of(loaders: Any) -> Part | None:
    """The rows that a data loader, or several in lists and mappings, serve; None where there is no loader."""
    found = list(_loaders(loaders))
    if not found:
        return None
    datasets = [loader.dataset if isinstance(loader, DataLoader) else None for loader in found]
    lengths = [_length(dataset) for dataset in datasets]
    rows = None if None in lengths else sum(length for length in lengths if length is not None)
    sizes = [min(getattr(loader, "batch_size", None) or 1, LARGEST_BATCH) for loader in found]
    digests = [_seen(dataset, size) for dataset, size in zip(datasets, sizes, strict=True)]
    if None in digests:
        return Part(rows, None)
    return Part(rows, hashlib.sha256(" ".join(map(str, digests)).encode()).hexdigest()[:16])


def _loaders(loaders: Any) -> Iterator[Any]:
    loaders = getattr(loaders, "iterables", loaders)  # of Lightning's CombinedLoader
    if isinstance(loaders, Mapping):
        loaders = list(loaders.values())
    if isinstance(loaders, list | tuple):
        for each in loaders:
            yield from _loaders(each)
    elif loaders is not None:
        yield loaders


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except Exception:  # has none, or none that it knows
        return None


def _seen(dataset: Any, batch: int) -> str | None:
    few = min(batch, READ_TWICE)
    return _digest(dataset, batch) if _digest(dataset, few) == _digest(dataset, few) else None


def _digest(dataset: Any, batch: int) -> str | None:
    if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
        return None
    told = hashlib.sha256()
    try:
        # What a transform draws at random is to be the same under every seed.
        with isolated_streams():
            seed_streams(0)
            if isinstance(dataset, Subset):
                told.update(np.asarray(_places(dataset), dtype=np.int64).tobytes())
            else:
                rows = len(dataset)
                for place in dict.fromkeys([*range(min(batch, rows)), *range(max(rows - batch, 0), rows)]):
                    _tell(told, dataset[place])
    except Exception:  # whatever a user's data do when they are asked for a row by its number
        return None
    return told.hexdigest()


def _places(dataset: Any) -> Sequence[int]:
    """The places of its rows in the data set that it is cut from, through any number of cuts."""
    places = [int(place) for place in dataset.indices]
    if not isinstance(dataset.dataset, Subset):
        return places
    outer = _places(dataset.dataset)
    return [outer[place] for place in places]


def _tell(told: Any, item: Any) -> None:
    """Add what an item holds to a digest; raises ``TypeError`` for what does not say what it holds."""
    if isinstance(item, Tensor):
        item = item.detach().cpu()
        item = item.float().numpy() if item.dtype == torch.bfloat16 else item.numpy()
    if isinstance(item, str | bytes | bool | int | float | complex | None):
        told.update(f"{type(item).__name__} {item!r};".encode())
    elif isinstance(item, Mapping):
        for key in item:
            _tell(told, key)
            _tell(told, item[key])
    elif isinstance(item, list | tuple):
        told.update(f"{len(item)}:".encode())
        for each in item:
            _tell(told, each)
    else:
        array = np.asarray(item)
        if array.dtype == object:
            raise TypeError(type(item).__name__)
        told.update(f"{array.dtype} {array.shape};".encode())
        told.update(array.tobytes())

"""Rows of data loaders are told apart by their places, or by what the first and the last batch hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from seedbed.own_modules.planned import Pairing, _where, unlike
from seedbed.own_modules.served_rows import Part, as_plain, from_plain, part_of

ROWS = TensorDataset(torch.arange(20.0).reshape(20, 1), torch.arange(20))


class Items(Dataset[Any]):
    def __init__(self, make: Any, rows: int = 6) -> None:
        self.make, self.rows = make, rows

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, place: int) -> Any:
        return self.make(place)


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Any:
        return iter(range(3))


def digest(dataset: Any, batch: int = 4) -> str | None:
    part = part_of(DataLoader(dataset, batch, collate_fn=list))
    assert part is not None
    return part.digest


def test_a_subset_is_known_by_its_places_whatever_a_transform_makes_of_it() -> None:
    augmented = TensorDataset(ROWS.tensors[0] * 2, ROWS.tensors[1])
    assert digest(Subset(ROWS, [3, 5])) == digest(Subset(augmented, [3, 5])) != digest(Subset(ROWS, [3, 6]))
    assert digest(Subset(Subset(ROWS, [3, 5, 7]), [0, 1])) == digest(Subset(ROWS, [3, 5]))


def test_other_data_sets_are_known_by_their_first_and_last_batch() -> None:
    changed = ROWS.tensors[0].clone()
    changed[9] = -1  # between these batches
    assert digest(ROWS) == digest(TensorDataset(changed, ROWS.tensors[1]))
    changed[17] = -1
    assert digest(ROWS) != digest(TensorDataset(changed, ROWS.tensors[1]))
    assert digest(ROWS) == digest(TensorDataset(*(tensor.clone() for tensor in ROWS.tensors)))


@pytest.mark.parametrize(
    "make",
    [
        lambda place: {"text": f"row {place}", "label": place},
        lambda place: (np.full((2, 2), place), None, [1.5, True]),
        lambda place: Image.new("L", (3, 3), place),
        lambda place: torch.full((2,), place, dtype=torch.bfloat16),
        lambda place: (place, torch.rand(2)),  # drawn from the global stream, as augmentation is
    ],
    ids=["mapping", "arrays", "picture", "bfloat16", "random"],
)
def test_items_of_many_kinds_are_read(make: Any) -> None:
    seen = digest(Items(make))
    assert seen is not None
    torch.manual_seed(5)
    assert digest(Items(make)) == seen != digest(Items(lambda place: make(place + 1)))


def test_what_cannot_be_seen_has_no_digest() -> None:
    own = np.random.default_rng(0)
    for dataset in (Items(lambda _: own.random()), Items(lambda _: object()), Items(lambda _: 1 / 0)):
        assert part_of(DataLoader(dataset, 2)) == Part(6, None)
    assert part_of(DataLoader(Stream())) == Part(None, None)
    assert part_of([1, 2]) == Part(None, None)
    assert part_of(DataLoader([1, 2, 3], 2)).rows == 3  # type: ignore[arg-type, union-attr]
    assert digest([1, 2, 3]) != digest([1, 2, 4]) != None  # noqa: E711
    assert part_of(None) is None
    assert part_of([]) is None


def test_several_loaders_are_one_part() -> None:
    first, second = DataLoader(ROWS, 4), DataLoader(Subset(ROWS, [1, 2]), 4)
    both = part_of({"a": first, "b": [second]})
    assert both is not None
    assert both.rows == 22
    assert both == part_of([first, second]) != part_of([second, first])


def test_the_streams_are_left_as_they_were() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    part_of(DataLoader(Items(lambda _: torch.rand(1)), 2))
    assert torch.equal(torch.rand(2), expected)


def test_rows_are_compared_as_far_as_they_are_seen() -> None:
    rows = {"train": Part(6, "a"), "val": Part(2, None), "test": Part(2, "b")}
    assert unlike(rows, from_plain(as_plain(rows))) == []
    assert unlike(rows, {"train": Part(6, "x"), "val": Part(3, None), "test": Part(2, None)}) == ["train", "val"]
    pairing = Pairing()
    pairing.check("one", 0, as_plain(rows))
    pairing.check("two", 0, as_plain(rows))
    pairing.check("two", 1, as_plain({"train": Part(6, "c")}))
    with pytest.raises(Exception, match=r"'three' serves other rows than 'one' under seed 0 \(test\)"):
        pairing.check("three", 0, as_plain({**rows, "test": Part(2, "d")}))


@pytest.mark.parametrize("error", [FileNotFoundError("d.csv not found."), FileNotFoundError(2, "none", "data/d.csv")])
def test_of_a_file_that_is_not_there_it_is_said_where_relative_paths_start(error: FileNotFoundError) -> None:
    assert f"A relative path is of {Path.cwd().resolve()}" in _where(error)
    assert _where(FileNotFoundError(2, "none", "/data/d.csv")) == _where(ValueError("x")) == ""

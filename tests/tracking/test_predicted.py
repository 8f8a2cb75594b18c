"""Predictions counted in a grid: on the same axes for all variants, with outliers at the edge."""

from __future__ import annotations

import numpy as np
import pytest

from seedbed.errors import TrackingError
from seedbed.tracking.predicted import CELLS, counted
from seedbed.tracking.scores import Scores


def test_rows_of_all_seeds_are_counted_in_one_grid() -> None:
    targets = np.array([0.0, 48.0, 24.5, 24.5])
    good = [(targets, targets), (targets[:2], targets[:2])]
    found = counted({"good": good, "none": []}, "price", {"none": 2})
    assert found is not None
    assert (found.target, found.low, found.high, found.cells) == ("price", 0.0, 48.0, CELLS)
    assert list(found.variants) == ["good"]
    cells = found.variants["good"]
    assert (cells.columns, cells.rows, cells.counts) == ([0, 24, 47], [0, 24, 47], [2, 2, 2])
    assert (cells.seeds, cells.beyond, found.lacking) == (2, 0, {"none": 2})


def test_a_prediction_far_off_does_not_stretch_the_axes() -> None:
    targets = np.linspace(0, 10, 2000)
    predictions = targets.copy()
    predictions[7] = 1e9
    found = counted({"one": [(targets, predictions)]}, "price", {})
    assert found is not None
    assert found.high == 10
    assert found.variants["one"].beyond == 1
    assert sum(found.variants["one"].counts) == 2000


def test_nothing_is_counted_of_nothing() -> None:
    assert counted({"one": []}, "price", {"one": 1}) is None


def test_a_damaged_file_is_named(tmp_path) -> None:
    (tmp_path / "scores.npz").write_bytes(b"no zip")
    with pytest.raises(TrackingError, match=r"scores\.npz cannot be read"):
        Scores.read(tmp_path / "scores.npz")
    whole = Scores({"rows": np.arange(3), "predictions": np.array([0.1, 0.2, 1 / 3])})
    (tmp_path / "scores.npz").write_bytes(whole.content())
    assert Scores.read(tmp_path / "scores.npz").arrays["predictions"].tolist() == [0.1, 0.2, 1 / 3]

"""CIFAR-10: 60000 colour pictures of 32 x 32 pixels in ten classes, 10000 of them published for tests.

Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images"; its "binary version".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seedbed.data.outcomes import Outcomes
from seedbed.data.pictures import is_whole, keep, kept, picture_table
from seedbed.data.published import cifar10 as published
from seedbed.data.published_splits import TEST, TRAIN
from seedbed.data.table import Progress, Table


class Cifar10(published.Cifar10Files):
    """The pictures as a table; nothing is read before ``locate`` or ``load``."""

    def load(self, progress: Progress | None = None) -> Table:
        """Map the pictures into memory, from a file in the cache that is made once; raises ``DataError``."""
        source = self.locate()
        stored = kept(f"{published.NAME}-{source.digest[:16]}")
        files = [source.path / name for name in published.DIGESTS]
        shape = (len(files) * published.ROWS_OF_A_FILE, *published.SHAPE)
        if not is_whole(stored, shape):
            keep(stored, shape, lambda whole: _fill(whole, files, progress))
        parts = [TEST if file.name == published.TEST_FILE else TRAIN for file in files]
        labels = np.concatenate([published.records(file)[:, 0] for file in files])
        return picture_table(
            stored,
            name=source.name,
            digest=source.digest,
            outcomes=Outcomes(labels.astype(np.int64), published.CLASSES),
            parts=np.repeat(parts, published.ROWS_OF_A_FILE).astype(np.int8),
            notes=source.notes,
        )


def _fill(whole: np.ndarray, files: list[Path], progress: Progress | None) -> int:
    for number, path in enumerate(files):
        first = number * published.ROWS_OF_A_FILE
        whole[first : first + published.ROWS_OF_A_FILE] = published.records(path)[:, 1:].reshape(
            published.ROWS_OF_A_FILE, *published.SHAPE
        )
        if progress is not None:
            progress(number + 1, len(files))
    return len(whole)

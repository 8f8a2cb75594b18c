"""An approximate index of item vectors: it names candidates for the highest products, which are then scored exactly."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedbed.errors import ConfigError, TrackingError

FILE = "items.faiss"
ITEMS_PER_CENTROID = 39
"""FAISS wants as many vectors at least to place a centroid."""
TRAINED_ON = 64
"""Vectors for each centroid that they are placed by."""
PROBED, LEAST_PROBED = 1 / 8, 32
"""Share of the lists that a query looks into, and how many at least: of few lists, an eighth misses much."""


class FaissIndex:
    """Inverted lists of FAISS, by inner product.

    Source: Johnson, Douze and Jegou 2019, "Billion-scale similarity search with GPUs". About 4 sqrt(I) lists of vectors
    around centroids from k-means; a query looks into the eighth of them whose centroids have the highest products, and
    into 32 at least.
    """

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: NDArray[np.float32]) -> FaissIndex:
        """Index the item vectors (I, D)."""
        faiss = _faiss()
        items, width = vectors.shape
        lists = max(1, min(round(4 * items**0.5), items // ITEMS_PER_CENTROID))
        index = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, lists, faiss.METRIC_INNER_PRODUCT)
        every = max(1, items // (TRAINED_ON * lists))
        index.train(np.ascontiguousarray(vectors[::every]))
        index.add(vectors)
        made = cls(index)
        made.look_into(max(PROBED, LEAST_PROBED / lists))
        return made

    def look_into(self, probed: float) -> None:
        """Set the share of the lists that a query looks into: one of them at least, from 1 on all."""
        self._index.nprobe = max(1, min(round(probed * self._index.nlist), self._index.nlist))

    def candidates(self, vector: NDArray[np.float32], count: int) -> NDArray[np.intp]:
        """The rows of at most ``count`` items with the highest products among those looked at, sorted by row."""
        _, [rows] = self._index.search(vector[np.newaxis], count)
        candidates: NDArray[np.intp] = np.sort(rows[rows >= 0]).astype(np.intp)
        return candidates

    def save(self, folder: Path) -> None:
        _faiss().write_index(self._index, str(folder / FILE))

    @classmethod
    def load(cls, folder: Path) -> FaissIndex:
        """Read what ``save`` wrote; raises ``TrackingError`` for a file that is missing or damaged."""
        try:
            return cls(_faiss().read_index(str(folder / FILE)))
        except RuntimeError as error:
            raise TrackingError(f"{folder / FILE} cannot be read: {' '.join(str(error).split())[:300]}") from error


def check_faiss() -> None:
    """Raise ``ConfigError`` where the package is not installed."""
    if find_spec("faiss") is None:
        raise ConfigError("--index faiss: the package is not installed. Type pip install 'seedbed[faiss]'.")


def _faiss() -> Any:
    check_faiss()
    import faiss  # noqa: PLC0415 - optional

    return faiss

"""Tables of pictures: bytes in one file, mapped into memory once for all seeds and processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from seedbed.data import sources
from seedbed.data.dry import place
from seedbed.data.network_inputs import Pictures
from seedbed.data.outcomes import Outcomes
from seedbed.data.table import Table, group_numbers, mapped

SUFFIX = ".npy"


def picture_table(
    stored: Path,
    *,
    name: str,
    digest: str,
    outcomes: Outcomes,
    parts: np.ndarray | None,
    counts: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
    made_with: Mapping[str, str] | None = None,
) -> Table:
    """The table of the pictures (N, C, H, W) in the file ``stored``; pictures of equal bytes share a group."""
    pictures = mapped(stored)
    groups = group_numbers(hashlib.blake2b(picture, digest_size=16).digest() for picture in pictures)
    return Table(
        name=name,
        digest=digest,
        features=pictures,
        groups=groups,
        texts=None,
        counts={**outcomes.counts(groups), **(counts or {})},
        notes=(*notes, *outcomes.notes),
        of_features=Pictures(*pictures.shape[1:]),
        made_with=made_with or {},
        parts=parts,
        stored=stored,
        **outcomes.fields,
    )


def kept(key: str) -> Path:
    """The file that keeps the pictures identified by ``key`` once they are read."""
    path = sources.cache_dir() / "pictures" / f"{key}{SUFFIX}"
    return place(path, is_there=is_whole(path))


def is_whole(path: Path, shape: Sequence[int] | None = None) -> bool:
    """Whether the file is there, with all bytes that its head promises (and of that shape)."""
    try:
        pictures = mapped(path)
    except (OSError, ValueError):  # none, or cut off: NumPy maps no more than there is
        return False
    return pictures.dtype == np.uint8 and (shape is None or pictures.shape == tuple(shape))


def keep(path: Path, shape: Sequence[int], fill: Callable[[np.ndarray], int]) -> None:
    """Write pictures of ``shape`` (N, C, H, W) to a .npy file, which gets its name when it is whole.

    ``fill`` puts them into the array that it is given, and says how many of the N there are in the end.
    """

    def write(part: Path) -> None:
        whole = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=tuple(shape))
        count = fill(whole)
        whole.flush()
        if count < len(whole):
            shorter = part.with_name(f"shorter{SUFFIX}")
            fewer = np.lib.format.open_memmap(shorter, mode="w+", dtype=np.uint8, shape=(count, *shape[1:]))
            fewer[:] = whole[:count]
            fewer.flush()
            shorter.replace(part)

    sources.write_atomically(path, write)

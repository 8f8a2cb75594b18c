"""Random generators that belong to one seed and one purpose, never to a global stream.

A seed's split, weights, batch order, dropout and resampling each have a generator of their own, so that a seed
gives the same result alone, among thirty others, or added later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def derive(seed: int, *purpose: object) -> int:
    """A 63-bit number that depends on the seed and on what it is used for, and on nothing else."""
    text = ":".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def numpy_generator(seed: int, *purpose: object) -> np.random.Generator:
    return np.random.default_rng(derive(seed, *purpose))


def torch_generator(seed: int, *purpose: object, device: torch.device | str = "cpu") -> torch.Generator:
    return torch.Generator(device=device).manual_seed(derive(seed, *purpose))


@contextmanager
def global_stream(seed: int, *purpose: object) -> Iterator[None]:
    """Lend the global PyTorch stream to one seed and one purpose, and put it back afterwards.

    For code that can draw from the global stream only: the initialisation of an ordinary ``nn.Module``.
    """
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, *purpose))
        yield

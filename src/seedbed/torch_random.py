"""PyTorch's random numbers for one seed and one purpose, and its global stream lent to one of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from seedbed.randomness import derive


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


@contextmanager
def isolated_streams() -> Iterator[None]:
    """Put the global streams of PyTorch, NumPy and Python back afterwards, also after an error."""
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002 (whatever a user's code draws from)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)


def seed_streams(seed: int) -> None:
    """Seed the global streams of PyTorch, NumPy and Python, for a user's code that draws from them."""
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (whatever a user's code draws from)
    random.seed(seed)


# Odd constants of splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"), signed.
_GAMMA, _MIX_1, _MIX_2 = -7046029254386353131, -4658895280553007687, -7723592293110705685


def keep_mask(keys: Tensor, draws: Tensor, count: int, probability: float) -> Tensor:
    """(S, count) booleans, each True with ``probability``, from (S,) int64 keys and numbers of the draw.

    A pure function of its arguments by integer arithmetic, so that every device gives the same and no generator has
    to be asked seed by seed: splitmix64, started anew for each key and draw.
    """
    return _bits(keys, draws, count) < int(probability * 2.0**63)


def whole_numbers(keys: Tensor, draws: Tensor, count: int, below: int) -> Tensor:
    """(S, count) int64 from 0 to ``below`` - 1, each as likely, by the same rules as ``keep_mask``.

    The remainder of 63 bits: of a million numbers, none is likelier than another by more than 1e-12.
    """
    return _bits(keys, draws, count) % below


def _bits(keys: Tensor, draws: Tensor, count: int) -> Tensor:
    """(S, count) int64 of 63 random bits."""
    start = _mixed(keys + _GAMMA * draws).unsqueeze(1)
    return _mixed(start + _GAMMA * torch.arange(count, device=keys.device)) & (2**63 - 1)


def _mixed(z: Tensor) -> Tensor:
    """The finalizer of splitmix64; PyTorch's shift keeps the sign, hence the masks."""
    z = (z ^ (z >> 30 & (1 << 34) - 1)).mul_(_MIX_1)
    z ^= z >> 27 & (1 << 37) - 1
    z.mul_(_MIX_2)
    z ^= z >> 31 & (1 << 33) - 1
    return z

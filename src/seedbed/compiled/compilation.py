"""Has the kernels compiled, which takes some twenty seconds and stays in the cache folder, or loads them from there.

Imports no PyTorch, so that the process that compiles starts fast.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

from seedbed.compiled import kernels
from seedbed.compiled.kernels import Objective
from seedbed.compiled.tables import new_batches, new_rates, new_tables, with_room


def compile_all() -> float | None:
    """Have all kernels at hand in this process; the seconds that it takes now where they are not in the cache folder, else None."""
    return None if _compiled.cache_info().currsize else _compiled()


@cache
def _compiled() -> float | None:
    """The seconds of the first time; None where the kernels are in the cache folder."""
    start = time.perf_counter()
    kernels.total_loss(new_batches(np.ones(1, np.int64), 1), 0)  # the shortest one tells where they are
    in_cache = kernels.total_loss.stats.cache_hits
    if not in_cache:
        _compile_apart()
    call_all()
    return None if in_cache and kernels.train.stats.cache_hits else time.perf_counter() - start


def _compile_apart() -> None:
    """Have another process fill the cache folder, since a process keeps what compiling takes, about 100 MB.

    Where that fails, they are compiled when this process calls them.
    """
    if folder := kernels.total_loss.stats.cache_path:
        call = [sys.executable, "-P", "-c", f"from {__name__} import call_all; call_all()"]
        there = {**os.environ, "NUMBA_CACHE_DIR": str(Path(folder).parent)}
        with suppress(OSError):
            subprocess.run(call, env=there, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def call_all() -> None:
    """Call each kernel once, on a single rating."""
    tables = with_room(new_tables(1, 1, 1, biased=True), 1)
    ids, floats = np.zeros(1, np.int32), np.zeros(1, np.float32)
    batches = new_batches(np.ones(1, np.int64), 1)
    objective, rates = Objective(False, np.float32(0), np.float32(1), 0.0), new_rates(1)
    weights = [np.zeros((1, 1), np.float32) for _ in range(4)]
    kernels.load(tables, *weights)
    kernels.plan(rates)
    kernels.look_up(np.zeros((1, 1), np.int32), ids, ids, floats, tables, batches, 0, 1)
    kernels.train(kernels.SGD, tables, batches, objective, rates, np.zeros(1))
    kernels.store(tables, *weights)
    # Those of one step that several threads share.
    kernels.catch_up(kernels.SGD, tables, batches, rates, 0, 0, 1)
    kernels.compare(tables, batches, objective, 0, 0, 1)
    kernels.update(kernels.SGD, tables, batches, objective, rates, 0, 0, 1)
    kernels.finish(kernels.SGD, tables, rates, 0, 1)
    kernels.total_loss(batches, 0)

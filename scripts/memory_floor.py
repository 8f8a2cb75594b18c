"""What the run of ``ratings_data_sets`` holds in memory at the least: the packages of its processes, and five networks in training.

Nothing of seedbed's: one process that tracks by MLflow and steps by Numba, one that workers are forked from, two workers. One of
these holds what five seeds of the experiment's largest network need: weights, gradients, two moments, and the weights that an
epoch began with, to which a seed that diverges returns.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from multiprocessing.connection import Connection

SEEDS, ITEMS, FACTORS = 5, 9067, 263
COPIES = 5


def hold(stacks: int, here: Connection) -> None:
    """As a worker does: ``stacks`` stacks of networks in training, until told to end."""
    import torch  # noqa: PLC0415 - as what this was forked from

    kept = [torch.ones(SEEDS, ITEMS, FACTORS) for _ in range(stacks * COPIES)]
    here.send(sum(tensor.nbytes for tensor in kept))
    here.recv()


def main() -> int:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pytorch_lightning"])
    pairs = [context.Pipe() for _ in range(2)]
    workers = [context.Process(target=hold, args=(1 - place, there)) for place, (_, there) in enumerate(pairs)]
    for worker, (_, there) in zip(workers, pairs, strict=True):
        worker.start()
        there.close()  # so that the end of a worker is seen
    held = sum(here.recv() for here, _ in pairs)
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401, PLC0415 - once the workers are there
    import numba  # noqa: PLC0415
    import pandas as pd  # noqa: F401, PLC0415
    import pytorch_lightning as pl  # noqa: F401, PLC0415

    numba.njit(lambda number: number + 1)(1)
    print(f"{held / 1e9:.2f} GB are stacks", flush=True)
    time.sleep(2)  # for the watching process to sample
    for here, _ in pairs:
        here.send(None)
    for worker in workers:
        worker.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())

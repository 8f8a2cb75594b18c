"""A Lightning Trainer of this process alone, whatever batch system started it and whatever lies in the current folder."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytorch_lightning as pl
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.utilities import registry
from lightning_fabric.utilities.rank_zero import rank_zero_only


class OneProcess(LightningEnvironment):
    """A cluster of one process; Lightning, which is given it, looks for no other and sets no handlers for one.

    Of the base class, this leaves out what reads a launcher's variables (``LOCAL_RANK``, ``NODE_RANK``) and removes one of
    them (``WORLD_SIZE``).
    """

    def local_rank(self) -> int:
        return 0

    def node_rank(self) -> int:
        return 0

    def teardown(self) -> None:
        pass


@contextmanager
def one_process_trainer(**arguments: Any) -> Iterator[pl.Trainer]:
    """A ``Trainer`` with these arguments, for as long as the context lasts.

    Its folder is a temporary one: on SLURM, Lightning loads ``hpc_ckpt_1.ckpt`` from it into every fit. All other
    arguments are Lightning's own defaults, and not what variables such as ``PL_TRAINER_MAX_STEPS`` say.
    """
    defaults = {name: parameter.default for name, parameter in inspect.signature(pl.Trainer).parameters.items()}
    with _rank_zero(), warnings.catch_warnings(), TemporaryDirectory(prefix="seedbed-") as folder:
        # Which processes there are is not Lightning's to say here.
        warnings.filterwarnings("ignore", message=".*`srun` command is available on your system but is not used")
        with _packages_read_once():
            trainer = pl.Trainer(**{**defaults, "plugins": [OneProcess()], "default_root_dir": folder, **arguments})
        yield trainer


_entry_points = cache(entry_points)


@contextmanager
def _packages_read_once() -> Iterator[None]:
    """Each Trainer looks for callbacks in all installed packages, which takes ten times as long as the rest of it."""
    holder = cast(Any, registry)
    before, holder.entry_points = holder.entry_points, _entry_points
    try:
        yield
    finally:
        holder.entry_points = before


@contextmanager
def _rank_zero() -> Iterator[None]:
    """Lightning has read the process's rank from ``RANK`` or ``SLURM_PROCID``, and says and writes nothing above 0."""
    holder = cast(Any, rank_zero_only)  # an attribute of the function
    before, holder.rank = holder.rank, 0
    try:
        yield
    finally:
        holder.rank = before

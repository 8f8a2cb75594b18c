"""Is variant A really better than variant B, or was it the seed?

``seedbed.run("spam_imbalance", ["seeds=30"])`` trains what is missing and returns the results as data frames;
``seedbed.load("spam_imbalance")`` reads tracked results only. The command line is a thin layer over both.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING

from seedbed.errors import ConfigError, DataError, SeedbedError, TrackingError

if TYPE_CHECKING:
    from seedbed.results import Results
    from seedbed.runner import Outcome

__all__ = ["ConfigError", "DataError", "SeedbedError", "TrackingError", "load", "run"]


# The heavy packages are imported by the functions that need them, so that `seedbed --help` answers at once.


def run(name: str, overrides: Sequence[str] = (), config_dir: str | PathLike[str] | None = None) -> Outcome:
    """Train the missing cells of experiment ``name``; see ``seedbed.runner.run``."""
    from seedbed.runner import run as run_experiment

    return run_experiment(name, overrides, config_dir)


def load(name: str, run: str | None = None, config_dir: str | PathLike[str] | None = None) -> Results:
    """The tracked results of experiment ``name``: of its latest launch, or of the launch with id ``run``."""
    from seedbed.tracking import find_launch, open_project_store, read_results

    store = open_project_store(name, config_dir)
    return read_results(store, find_launch(store, run))

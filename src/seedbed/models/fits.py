"""One fit of an estimator of scikit-learn's kind; imports no PyTorch, so that a process which does nothing else starts fast."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

SAMPLE_WEIGHT = "sample_weight"


@dataclass(frozen=True)
class FittedOnce:
    """What comes of a ``Fit``."""

    estimator: Any
    seconds: float
    warnings: tuple[str, ...] = ()
    """The warnings of the fit, each once: "ConvergenceWarning: ..."."""


@dataclass(frozen=True)
class Fit:
    """An estimator with the rows that it is to be fitted to."""

    estimator: Any
    """Not fitted; with its random states."""
    rows: np.ndarray
    """(N, F) float64"""
    targets: np.ndarray
    """(N,)"""
    weights: np.ndarray | None = None
    """(N,) float64"""
    stream: int = 0
    """Below 2**32: what the global streams are seeded with, from which parts without a random state draw, such as folds."""

    def run(self) -> FittedOnce:
        """Fit it, by one thread: several would add up in another order, and other seeds are fitted beside it."""
        name = weight_argument(self.estimator)
        if self.weights is not None and name is None:
            raise ValueError(
                f"{type(self.estimator).__name__} takes no sample_weight in fit, and class weights would be lost"
            )
        further = {} if self.weights is None else {str(name): self.weights}
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as warned, threadpool_limits(1), _global_streams(self.stream):
            warnings.simplefilter("always")
            self.estimator.fit(self.rows, self.targets, **further)
        seconds = time.perf_counter() - start
        return FittedOnce(self.estimator, seconds, _said(warned))


def weight_argument(estimator: Any) -> str | None:
    """The argument of ``fit`` by which each row gets a weight, of a pipeline that of its last step; None: there is none."""
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = None if resamples(estimator) else weight_argument(last)
        return None if inner is None else f"{name}__{inner}"
    return SAMPLE_WEIGHT if has_fit_parameter(estimator, SAMPLE_WEIGHT) else None


def resamples(estimator: Any) -> bool:
    """Whether it is a pipeline of imbalanced-learn, one of whose steps gives other rows to those after it."""
    from sklearn.pipeline import Pipeline

    return isinstance(estimator, Pipeline) and any(hasattr(step, "fit_resample") for _, step in estimator.steps)


def starts_others(estimator: Any) -> bool:
    """Whether the user lets it work in several threads or processes, by n_jobs."""
    params = estimator.get_params()
    return any(value not in (None, 1) for key, value in params.items() if key.rpartition("__")[2] == "n_jobs")


def run(fit: Fit) -> FittedOnce:
    return fit.run()


@contextmanager
def _global_streams(seed: int) -> Iterator[None]:
    """Seed the global streams of NumPy and Python, and put them back afterwards."""
    of_numpy, of_python = np.random.get_state(), random.getstate()  # noqa: NPY002 (whatever an estimator draws from)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(of_numpy)  # noqa: NPY002
        random.setstate(of_python)


def _said(warned: list[warnings.WarningMessage]) -> tuple[str, ...]:
    said = [
        f"{each.category.__name__}: {' '.join(str(each.message).split())}"
        for each in warned
        if not issubclass(each.category, DeprecationWarning | PendingDeprecationWarning)
    ]
    return tuple(dict.fromkeys(said))

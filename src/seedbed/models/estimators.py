"""Estimators of scikit-learn's kind as models: fitted to a seed's rows, and asked as a network is."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from seedbed.errors import ConfigError
from seedbed.models.fits import Fit, FittedOnce
from seedbed.models.fitted import FittedModel
from seedbed.randomness import derive

Gives = Literal["probabilities", "scores", "labels", "numbers"]
"""What a fitted estimator can say of a row: probabilities of the classes, scores that put rows in order, only a label; of a
regressor, a number."""
LEAST = float(np.finfo(np.float64).tiny)
"""What a probability of 0 counts as, so that it has a logarithm."""


class FittedEstimator(FittedModel):
    """Gives what a network does: of a classifier (B, C) logits of ``outputs`` classes, of a regressor (B, 1) numbers.

    A classifier is fitted to class numbers from 0 on. Rows are (B, ...), each flattened to a vector of float64.
    """

    EVALUATED_AT_ONCE = 2**16

    def __init__(self, estimator: Any, outputs: int) -> None:
        """Raises ``ConfigError`` for an estimator with a random state of its own."""
        super().__init__()
        self.estimator, self.outputs = estimator, outputs
        self.name = type(_last(estimator)).__name__
        self.is_classifier, self.is_regressor = _is("classifier", estimator), _is("regressor", estimator)
        self.said: tuple[str, ...] = ()
        """The warnings of its fit."""
        _refuse_random_states(estimator)

    # ---- fitting -----------------------------------------------------------------------------------------------------

    def to_fit(self, rows: Tensor, targets: np.ndarray, seed: int, weights: np.ndarray | None = None) -> Fit:
        """The fit to rows (N, ...) and targets (N,), with weights (N,); what the estimator draws is the seed's."""
        from sklearn.base import clone

        estimator = _with_random_states(clone(self.estimator), seed)
        return Fit(estimator, vectors(rows), targets, weights, derive(seed, "estimator", "stream") % 2**32)

    def take(self, fitted: FittedOnce) -> None:
        """Become what was fitted."""
        self.estimator, self.said = fitted.estimator, fitted.warnings

    # ---- what the fitted estimator says ------------------------------------------------------------------------------

    @property
    def gives(self) -> Gives:
        if not self.is_classifier:
            return "numbers"
        if hasattr(self.estimator, "predict_proba"):
            return "probabilities"
        return "scores" if hasattr(self.estimator, "decision_function") and self._decides_by_class else "labels"

    @property
    def _decides_by_class(self) -> bool:
        """Whether there is a decision value of each class, and not of each pair of classes."""
        return getattr(_last(self.estimator), "decision_function_shape", "ovr") != "ovo" or len(self._classes) == 2

    @property
    def _classes(self) -> np.ndarray:
        return np.asarray(self.estimator.classes_).astype(np.int64)

    def forward(self, rows: Tensor) -> Tensor:
        """As a network gives them: of probabilities the logarithms, whose softmax they are."""
        values = self.values(rows)
        return values.clamp(min=LEAST).log() if self.gives == "probabilities" else values

    def values(self, rows: Tensor) -> Tensor:
        """What the estimator ``gives``: probabilities or scores (B, C), NaN where it is labels alone, or numbers (B, 1)."""
        with threadpool_limits(1):
            return torch.from_numpy(np.ascontiguousarray(self._values(vectors(rows))))

    def labels(self, rows: Tensor) -> Tensor:
        """(B,) the class numbers that a classifier predicts, which need not be those of the highest probability."""
        with threadpool_limits(1):
            return torch.from_numpy(np.asarray(self.estimator.predict(vectors(rows))).astype(np.int64))

    def _values(self, rows: np.ndarray) -> np.ndarray:
        gives = self.gives
        if gives == "numbers":
            return self._finite(np.asarray(self.estimator.predict(rows), dtype=np.float64).reshape(len(rows), -1))
        if gives == "labels":
            return np.full((len(rows), self.outputs), np.nan)
        if gives == "probabilities":
            return self._by_class(np.asarray(self.estimator.predict_proba(rows), dtype=np.float64), absent=0.0)
        decided = np.asarray(self.estimator.decision_function(rows), dtype=np.float64)
        if decided.ndim == 1:  # of two classes, for the second one
            decided = np.stack([-decided, decided], axis=1)
        return self._by_class(decided, absent=np.finfo(np.float64).min)

    def _by_class(self, values: np.ndarray, absent: float) -> np.ndarray:
        """(B, outputs): columns by class number; a class without a row in the fit gets the value ``absent``."""
        every = np.full((len(values), self.outputs), absent)
        every[:, self._classes] = self._finite(values)
        return every

    def _finite(self, values: np.ndarray) -> np.ndarray:
        if not np.isfinite(values).all():
            raise ValueError(f"{self.name} gives values that are not finite numbers")
        return values


def vectors(rows: Tensor) -> np.ndarray:
    """(B, ...) rows as an estimator takes them, (B, F) float64."""
    array: np.ndarray = rows.flatten(1).to(torch.float64).numpy()
    return array


def in_place_of(name: str, module: str, ending: str, other: str) -> str | None:
    """An estimator of the other kind that is called alike: of RandomForestRegressor RandomForestClassifier; None: there is none."""
    known = {
        "LinearRegression": "LogisticRegression",
        "Ridge": "RidgeClassifier",
        "SVR": "SVC",
        "LinearSVR": "LinearSVC",
    }
    known |= {to: of for of, to in known.items()}
    guess = known.get(name) or (f"{name.removesuffix(ending)}{other}" if name.endswith(ending) else "")
    public = ".".join(part for part in module.split(".") if not part.startswith("_"))
    with contextlib.suppress(ImportError):
        if guess and hasattr(importlib.import_module(public), guess):
            return guess
    return None


def refuse_other_kind(network: FittedEstimator, *, classifies: bool) -> None:
    """Raise ``ConfigError`` for a regressor where classes are to be told, and for a classifier where numbers are."""
    if network.is_classifier if classifies else network.is_regressor:
        return
    module = type(_last(network.estimator)).__module__
    if classifies and network.is_regressor:
        other = in_place_of(network.name, module, "Regressor", "Classifier") or "a classifier"
        raise ConfigError(f"model: {network.name} predicts numbers. Use task=regression, or {other} as model._target_.")
    if not classifies and network.is_classifier:
        other = in_place_of(network.name, module, "Classifier", "Regressor") or "a regressor"
        raise ConfigError(
            f"model: {network.name} predicts classes. Use task=classification, or {other} as model._target_."
        )
    wanted = "classifier" if classifies else "regressor"
    raise ConfigError(
        f"model: {network.name} is not a {wanted} in scikit-learn's sense (sklearn.base.is_{wanted}). Name one in "
        f"model._target_, such as {'sklearn.linear_model.LogisticRegression' if classifies else 'sklearn.linear_model.Ridge'}."
    )


def _is(kind: Literal["classifier", "regressor"], estimator: Any) -> bool:
    from sklearn import base

    try:
        return bool(getattr(base, f"is_{kind}")(estimator))
    except AttributeError:  # without scikit-learn's tags
        return bool(getattr(estimator, "_estimator_type", None) == kind)


def _last(estimator: Any) -> Any:
    """The last step of a pipeline, and what is no pipeline itself."""
    steps: Sequence[tuple[str, Any]] | None = getattr(estimator, "steps", None)
    return _last(steps[-1][1]) if steps else estimator


# ---- random states ---------------------------------------------------------------------------------------------------


def _random_states(estimator: Any) -> dict[str, Any]:
    return {key: value for key, value in estimator.get_params().items() if key.rpartition("__")[2] == "random_state"}


def _with_random_states(estimator: Any, seed: int) -> Any:
    """Each part that draws gets a random state of its own, by the seed and its name."""
    chosen = {key: derive(seed, "estimator", *key.split("__")[:-1]) % 2**32 for key in _random_states(estimator)}
    return estimator.set_params(**chosen) if chosen else estimator


def _refuse_random_states(estimator: Any) -> None:
    params = estimator.get_params()
    for key, value in _random_states(estimator).items():
        owner = params.get(key.rpartition("__")[0], estimator)
        argument = inspect.signature(type(owner)).parameters.get("random_state")
        # Of some the default is a number.
        if value is not None and (argument is None or value != argument.default):
            raise ConfigError(
                f"model.{key.replace('__', '.')}={value}: each seed gives the estimator a random state of its own. Remove the "
                "key; to repeat a fit, repeat the seed."
            )

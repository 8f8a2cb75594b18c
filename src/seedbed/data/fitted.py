"""Transformers of scikit-learn: by the config of the data, and what one has learnt, to plain JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline

from seedbed.errors import ConfigError


def transformer_of(missing: str, scaler: Any) -> Pipeline | None:
    """What is fitted to the training rows of a seed, by data.missing and data.scaler; None: nothing."""
    steps = []
    if missing != "drop":
        # A column may have values in the file and none in the training rows of a seed.
        steps.append(SimpleImputer(strategy=missing, keep_empty_features=True))
    if scaler is not None:
        steps.append(_repeatable(scaler))
    return make_pipeline(*steps) if steps else None


def learnt(fitted: Pipeline) -> list[dict[str, Any]]:
    """What each step has learnt, by attribute; raises ``ConfigError`` where that is more than numbers and texts."""
    return [_learnt(step) for _, step in fitted.steps]


def with_learnt(pipeline: Pipeline, state: list[dict[str, Any]]) -> Pipeline:
    """A copy of ``pipeline``, which is not fitted, with what ``learnt`` gave."""
    copy = clone(pipeline)
    for (_, step), of_step in zip(copy.steps, state, strict=True):
        for name, value in of_step.items():
            setattr(step, name, _from_json(value))
    return copy


def _repeatable(scaler: Any) -> Any:
    """The scaler with a fixed random state where it has one: what it draws must not change from run to run."""
    free = [
        key for key, value in scaler.get_params().items() if key.split("__")[-1] == "random_state" and value is None
    ]
    return clone(scaler).set_params(**dict.fromkeys(free, 0))


def _learnt(step: BaseEstimator) -> dict[str, Any]:
    own = {name: value for name, value in vars(step).items() if name not in step.get_params(deep=False)}
    return {name: _to_json(value, f"{type(step).__name__}.{name}") for name, value in own.items()}


def _to_json(value: Any, where: str) -> Any:
    if isinstance(value, np.dtype):
        return {"dtype": value.str}
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biuf":
        return {"dtype": value.dtype.str, "values": value.tolist()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ConfigError(
        f"data.scaler: {where} is a {type(value).__name__}, which is not stored with a model. Export a variant with "
        "another scaler, such as sklearn.preprocessing.StandardScaler, or with none."
    )


def _from_json(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    dtype = np.dtype(value["dtype"])
    if "values" not in value:
        return dtype
    array = np.array(value["values"], dtype=dtype)
    return array if array.ndim else array[()]

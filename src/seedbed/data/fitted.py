"""What a transformer of scikit-learn has learnt, as plain JSON, and the transformer with it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from seedbed.errors import ConfigError


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

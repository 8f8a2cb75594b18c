"""A model from its config and what a table says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

from torch import nn

from seedbed.config.signatures import Arguments, arguments_of

OUTPUTS = "out_features"
"""Among what is offered: how many numbers a network is to give for a row."""


def build_network(model: Any, offered: Mapping[str, Any]) -> nn.Module:
    """The network that ``model`` makes of those ``offered`` arguments that it asks for; an estimator as a ``FittedEstimator``.

    ``model`` is what the config has given: what makes a network, an estimator of scikit-learn's kind, its class, or what
    makes one. Raises ``TypeError`` where it can make none.
    """
    arguments = wanted_arguments(model, offered)
    made = model if is_estimator(model) else model(**arguments)
    if not is_estimator(made):
        return cast(nn.Module, made)
    if OUTPUTS not in offered:
        raise TypeError("an estimator of scikit-learn's kind takes labelled rows, and these data are none")
    from seedbed.models.estimators import FittedEstimator  # noqa: PLC0415 - a served network needs no scikit-learn

    return FittedEstimator(made() if _is_class(made) else made, offered[OUTPUTS])


def is_estimator(made: Any) -> bool:
    """Whether it is an estimator that predicts, as scikit-learn defines these, or the class of one, with settings or without."""
    kind = made.func if isinstance(made, partial) else made if inspect.isclass(made) else type(made)
    # Of the class: an object may have some of its methods only once it is fitted.
    return inspect.isclass(kind) and all(hasattr(kind, method) for method in ("fit", "get_params", "predict"))


def _is_class(made: Any) -> bool:
    return isinstance(made, partial) or inspect.isclass(made)


def wanted_arguments(model: Any, offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those ``offered`` that ``model`` has arguments for, by their names; all where it takes any. An estimator has none.

    Raises ``TypeError`` where it needs one that is not among them, or is set what it does not take, or what is offered.
    """
    if is_estimator(model):
        return {name: value for name, value in offered.items() if name == OUTPUTS}
    if not callable(model):
        raise TypeError(
            f"{type(model).__name__} has no fit and predict as an estimator of scikit-learn's kind has them, and makes no "
            "network. Name a network, what makes one (with _partial_: true), or an estimator"
        )
    asked = _arguments(model)
    settings = model.keywords if isinstance(model, partial) else {}
    required = [name for name, each in asked.parameters.items() if each.default is each.empty and name not in settings]
    if lacking := [name for name in required if name not in offered]:
        raise TypeError(
            f"it asks for {', '.join(lacking)}, and these data offer {', '.join(offered)}. Set what is missing in its "
            "config, or use a model for such data"
        )
    if twice := [name for name in settings if name in offered]:
        said = ", ".join(f"model.{name}={settings[name]}" for name in twice)
        raise TypeError(
            f"these data say what {', '.join(twice)} must be, so that {said} would do nothing. Leave it out: "
            f"{' '.join(f'~model.{name}' for name in twice)}; where it means another thing, give the argument another name"
        )
    return {name: value for name, value in offered.items() if asked.takes_any or name in asked.parameters}


def _arguments(model: Callable[..., nn.Module]) -> Arguments:
    """Those that are not given by position already; any where there is no telling."""
    called, given = (model.func, len(model.args)) if isinstance(model, partial) else (model, 0)
    asked = arguments_of(called) or Arguments(takes_any=True)
    return replace(asked, parameters=dict(list(asked.parameters.items())[given:]))

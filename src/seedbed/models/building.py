"""A network from a model's config and what a table says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn


def build_network(model: Callable[..., nn.Module], offered: Mapping[str, Any]) -> nn.Module:
    """The network that ``model`` makes of those ``offered`` arguments that it asks for."""
    return model(**wanted_arguments(model, offered))


def wanted_arguments(model: Callable[..., nn.Module], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those ``offered`` that ``model`` has arguments for, by their names; all where it takes any.

    Raises ``TypeError`` where it needs one that is not among them, or is set what it does not take, or what is offered.
    """
    wanted = _parameters(model)
    required = [parameter.name for parameter in wanted if _is_required(parameter)]
    if lacking := [name for name in required if name not in offered]:
        raise TypeError(
            f"it asks for {', '.join(lacking)}, and these data offer {', '.join(offered)}. Set what is missing in its "
            "config, or take a model for such data"
        )
    settings = model.keywords if isinstance(model, partial) else {}
    if twice := [name for name in settings if name in offered]:
        said = ", ".join(f"model.{name}={settings[name]}" for name in twice)
        raise TypeError(
            f"these data say what {', '.join(twice)} must be, so that {said} would do nothing. Leave it out: "
            f"{' '.join(f'~model.{name}' for name in twice)}; where it means another thing, give the argument another name"
        )
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in wanted):
        return dict(offered)
    names = {parameter.name for parameter in wanted}
    return {name: value for name, value in offered.items() if name in names}


def _parameters(model: Callable[..., nn.Module]) -> list[inspect.Parameter]:
    if not isinstance(model, partial):
        return list(inspect.signature(model).parameters.values())
    # Of a partial with arguments that are not taken there is no signature.
    taken = inspect.signature(model.func).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    if not takes_any and (unknown := [name for name in model.keywords if name not in taken]):
        settings = ", ".join(f"model.{name}" for name in unknown)
        drop = " ".join(f"~model.{name}" for name in unknown)
        raise TypeError(f"it takes no such settings as {settings}, which the experiment has. Leave them out: {drop}")
    return list(inspect.signature(model).parameters.values())


def _is_required(parameter: inspect.Parameter) -> bool:
    by_name = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return by_name and parameter.default is parameter.empty

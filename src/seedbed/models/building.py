"""A network from a model's config and what a table says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from seedbed.config.signatures import Arguments, arguments_of


def build_network(model: Callable[..., nn.Module], offered: Mapping[str, Any]) -> nn.Module:
    """The network that ``model`` makes of those ``offered`` arguments that it asks for."""
    return model(**wanted_arguments(model, offered))


def wanted_arguments(model: Callable[..., nn.Module], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those ``offered`` that ``model`` has arguments for, by their names; all where it takes any.

    Raises ``TypeError`` where it needs one that is not among them, or is set what it does not take, or what is offered.
    """
    asked = _arguments(model)
    settings = model.keywords if isinstance(model, partial) else {}
    required = [name for name, each in asked.parameters.items() if each.default is each.empty and name not in settings]
    if lacking := [name for name in required if name not in offered]:
        raise TypeError(
            f"it asks for {', '.join(lacking)}, and these data offer {', '.join(offered)}. Set what is missing in its "
            "config, or take a model for such data"
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

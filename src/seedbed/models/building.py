"""A network from a model's config and what a table says of itself."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn


def build_network(model: Callable[..., nn.Module], offered: Mapping[str, Any]) -> nn.Module:
    """The network that ``model`` makes of those ``offered`` arguments that it asks for."""
    return model(**wanted_arguments(model, offered))


def wanted_arguments(model: Callable[..., nn.Module], offered: Mapping[str, Any]) -> dict[str, Any]:
    """Those ``offered`` that ``model`` has arguments for, by their names; all where it takes any."""
    wanted = inspect.signature(model).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in wanted):
        return dict(offered)
    names = {parameter.name for parameter in wanted}
    return {name: value for name, value in offered.items() if name in names}

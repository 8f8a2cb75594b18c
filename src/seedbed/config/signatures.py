"""What a dotted name in a config means, and which arguments that takes."""

from __future__ import annotations

import ast
import inspect
import logging
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from seedbed.config.code import read_code

OF_HYDRA = ("_target_", "_partial_", "_recursive_", "_convert_", "_args_")
"""Keys beside a ``_target_`` that say how it is called, and are no arguments of it."""


@dataclass(frozen=True)
class Arguments:
    """The arguments by name that something can be called with."""

    parameters: Mapping[str, inspect.Parameter] = field(default_factory=dict)
    takes_any: bool = False
    """Whether it takes others too."""


def look_up(target: Any) -> Any:
    """What a ``_target_`` names; None where that cannot be found, which is said when it is built."""
    if not isinstance(target, str):
        return None
    from hydra.utils import get_object  # what only reads recipes calls nothing of this

    try:
        read_code(target)  # before it is imported, so that a later change of the file is noticed
        with hydra_says_nothing():
            return get_object(target)
    except (Exception, SystemExit):
        return None


@contextmanager
def hydra_says_nothing() -> Iterator[None]:
    """Keep Hydra from logging why a name is not found, where the caller says it in a sentence of its own."""
    logger = logging.getLogger("hydra.utils")
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled


def arguments_of(called: Any) -> Arguments | None:
    """The arguments of a class or function, with those of base classes that its ``**`` hands on; None if there is no telling."""
    if inspect.isclass(called) or inspect.isfunction(called):
        return _kept_arguments(called)
    return _arguments(called)


def _arguments(called: Any) -> Arguments | None:
    try:
        own = _by_name(called)
    except (Exception, SystemExit):
        return None
    if not own.takes_any or not inspect.isclass(called):
        return own
    return _of_class(called) or own


_kept_arguments: Callable[[Any], Arguments | None] = lru_cache(
    _arguments
)  # asked for with every variant on every data set


def _of_class(kind: type) -> Arguments | None:
    """Arguments of a class: those of its ``__init__`` and of each base's that this one passes arguments on to."""
    parameters: dict[str, inspect.Parameter] = {}
    set_below: set[str] = set()
    for function in (vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base)):
        try:
            arguments = _by_name(function)
        except (Exception, SystemExit):
            return None
        theirs = {name: each for name, each in arguments.parameters.items() if name not in set_below}
        parameters = theirs | parameters
        if not arguments.takes_any:
            return Arguments({name: each for name, each in parameters.items() if name != "self"})
        handed_on = _set_in_call_of_base(function)
        if handed_on is None:
            break
        set_below |= handed_on
    return Arguments({name: each for name, each in parameters.items() if name != "self"}, takes_any=True)


def _by_name(called: Callable[..., Any]) -> Arguments:
    try:
        parameters = inspect.signature(called, eval_str=True).parameters.values()
    except NameError:  # of an annotation that only a type checker reads
        parameters = inspect.signature(called).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return Arguments(
        {each.name: each for each in parameters if each.kind in kinds},
        any(each.kind is each.VAR_KEYWORD for each in parameters),
    )


def _set_in_call_of_base(function: Callable[..., Any]) -> set[str] | None:
    """What ``__init__`` itself gives its base class beside its ``**``; None where it does anything else with the latter."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    definition = tree.body[0]
    rest = definition.args.kwarg if isinstance(definition, ast.FunctionDef) else None
    uses = [node for node in ast.walk(tree) if rest is not None and isinstance(node, ast.Name) and node.id == rest.arg]
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") == "__init__"
        and any(item.arg is None and item.value in uses for item in node.keywords)
    ]
    if len(uses) != 1 or len(calls) != 1:
        return None
    return {item.arg for item in calls[0].keywords if item.arg is not None}

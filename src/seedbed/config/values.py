"""Which kind of value each key of a config takes: true or false, a number, text, a list, one of a few choices.

A value of another kind would count as something that nobody meant, such as the text "flase" as true, or fail in training.
"""

from __future__ import annotations

import inspect
import math
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seedbed.checks import shown
from seedbed.config.keys import MODULES, NAMED, OBJECTS, parameters_of
from seedbed.config.lightning_modules import trains_modules
from seedbed.config.signatures import OF_HYDRA, look_up
from seedbed.errors import near_misses
from seedbed.lr_finder import AUTO

# Keys that are arguments of nothing, and whose values no other check is about.
SETTINGS: dict[str, Any] = {
    "question": str | None,
    "variant": str | int | list[str | int] | None,
    "callbacks": dict[str, Any] | None,
    "loggers": dict[str, Any] | None,
    "report": dict[str, Any],
    "published": dict[str, Any] | None,
    "trainer.precision": str | int,
    "trainer.accelerator": str,
    "trainer.devices": int | str | list[int],
    "trainer.deterministic": bool | Literal["warn"] | None,
    "trainer.benchmark": bool | None,
    "trainer.detect_anomaly": bool,
    "trainer.max_steps": int | None,
    "trainer.limit_train_batches": float | None,
    "search.params": dict[str, Any] | None,
    "search.metrics": str | list[str] | None,
    "search.objective": str,
    "search.holdout": float,
    "search.fresh_seeds": int,
    "search.seed": int,
    "search.study": str | int | None,
    "search.storage": str | None,
    "search.trials": int | None,
    "search.first": list[dict[str, Any]],
    "search.seconds": float | None,
}
OF_CALLS: dict[str, Any] = {"_partial_": bool, "_recursive_": bool}
"""Of ``OF_HYDRA``, the switches."""
CHECKED_PACKAGES = ("seedbed", "torch", "optuna", "sklearn", "imblearn")
"""Their annotations say all that an argument takes; those of others are taken at their word for plain values only."""
MEANT_TRUE, MEANT_FALSE = ("true", "yes", "on", "y", "t", "1"), ("false", "no", "off", "n", "f", "0", "none")
NODE = "a node with a _target_"
PLAIN: dict[Any, list[str]] = {
    bool: ["true", "false"],
    int: ["a whole number"],
    float: ["a number"],
    str: ["text"],
    type(None): ["null"],
}
LISTS = (list, tuple, Sequence)
MAPPINGS = (dict, Mapping)


@dataclass(frozen=True)
class Misfit:
    """A dotted key whose value is of another kind than it takes, and what to give."""

    key: str
    value: Any
    wanted: str


def misfit(config: Mapping[str, Any]) -> Misfit | None:
    """The first value of a whole config that is of another kind than its key takes; None where there is none."""
    return next(_misfits(config), None)


def _misfits(config: Mapping[str, Any]) -> Iterator[Misfit]:
    modules = trains_modules(config)
    for key, annotation in SETTINGS.items():
        value = _NOTHING if modules and key.startswith("trainer.") else _at(config, key)
        if value is not _NOTHING and not fits(value, annotation):
            yield Misfit(key, value, wanted(value, annotation))
    nodes = {name: config.get(name) for name in (*OBJECTS, *MODULES, *NAMED)}
    search = config.get("search")
    if isinstance(search, Mapping):
        nodes |= {f"search.{name}": search.get(name) for name in ("sampler", "pruner")}
    for place, node in nodes.items():
        yield from _misfit_arguments(node, place)


_NOTHING = object()


def _at(config: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(config, Mapping) or part not in config:
            return _NOTHING
        config = config[part]
    return config


def _misfit_arguments(node: Any, place: str) -> Iterator[Misfit]:
    """Misfits in the node and in those inside it, by the annotations of what each ``_target_`` names."""
    if isinstance(node, list):
        for position, entry in enumerate(node):
            yield from _misfit_arguments(entry, f"{place}[{position}]")
    if not isinstance(node, Mapping):
        return
    called = look_up(node.get("_target_"))
    parameters = parameters_of(called)
    for key, value in node.items():
        known = parameters.get(str(key))
        if key in OF_HYDRA:
            annotation, strict = OF_CALLS.get(str(key), Any), True
        else:
            annotation = Any if known is None else known.annotation
            strict = _package(called) in CHECKED_PACKAGES
        if f"{place}.{key}" == "optimizer.lr" and annotation is not Any:
            annotation |= Literal[AUTO]
        if not fits(value, annotation, strict=strict):
            yield Misfit(f"{place}.{key}", value, wanted(value, annotation))
        elif refused := _refused_by_scikit_learn(called, str(key), value):
            yield Misfit(f"{place}.{key}", value, refused)
        yield from _misfit_arguments(value, f"{place}.{key}")


def _refused_by_scikit_learn(called: Any, key: str, value: Any) -> str:
    """What classes of scikit-learn's kind take instead, which have rules in place of annotations; "" where it fits."""
    rules = getattr(called, "_parameter_constraints", None)
    if not isinstance(rules, Mapping) or not isinstance(value, str | int | float) or key not in rules:
        return ""
    if key == "sampling_strategy":  # imbalance/ has a clearer sentence
        return ""
    if rules[key] == ["boolean"]:
        return "" if isinstance(value, bool) else wanted(value, bool)
    from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

    try:
        validate_parameter_constraints({key: rules[key]}, {key: value}, called.__name__)
    except InvalidParameterError as error:
        return str(error).partition("must be ")[2].partition(". Got ")[0]
    except Exception:  # rules of another version's form: it says at fit what it does not take
        return ""
    return ""


def _package(called: Any) -> str:
    return str(getattr(called, "__module__", "")).partition(".")[0]


# ---- values and annotations ------------------------------------------------------------------------------------------


def fits(value: Any, annotation: Any, *, strict: bool = True) -> bool:
    """Whether a value of a config is of a kind that the annotation of an argument names.

    Not ``strict``: only text for a switch or a number, and a list or mapping for a single value, are of another kind.
    """
    members = members_of(annotation)
    if strict:
        return any(_fits_member(value, member) for member in members)
    if not set(members) <= set(PLAIN):
        return True
    return not isinstance(value, list | Mapping) and (not isinstance(value, str) or str in members)


def members_of(annotation: Any) -> list[Any]:
    """The kinds of a union, those of unions in it among them."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return [member for each in typing.get_args(annotation) for member in members_of(each)]
    return [type(None) if annotation is None else annotation]


def _fits_member(value: Any, kind: Any) -> bool:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in PLAIN:
        return _is_plain(value, kind)
    if origin is Literal:
        return any(type(value) is type(choice) and value == choice for choice in arguments)
    if (origin or kind) in LISTS:
        return isinstance(value, list) and _fit_entries(value, origin, arguments)
    if (origin or kind) in MAPPINGS or (origin or kind) is Callable or is_object(kind):
        return isinstance(value, Mapping)
    return True


def _is_plain(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return type(value) is kind


def _fit_entries(values: Sequence[Any], origin: Any, arguments: tuple[Any, ...]) -> bool:
    if origin is tuple and Ellipsis not in arguments:
        return len(values) == len(arguments) and all(map(fits, values, arguments))
    return not arguments or all(fits(value, arguments[0]) for value in values)


def is_object(kind: Any) -> bool:
    """Whether it is a class whose objects a config can only give as a node with a ``_target_``."""
    known = inspect.isclass(kind) and kind not in (Any, object, inspect.Parameter.empty)
    return known and kind.__module__ != "builtins"


def wanted(value: Any, annotation: Any) -> str:
    """What to give in place of a value that does not fit: "true or false, did you mean false?"."""
    return wanted_of(value, members_of(annotation))


def wanted_of(value: Any, members: Sequence[Any]) -> str:
    """As ``wanted``, of the members of a union."""
    options = list(dict.fromkeys(option for member in members for option in _said(member)))
    *others, last = [option for option in options if option != NODE] or options
    said = f"{', '.join(others)} or {last}" if others else last
    if guess := _guess(value, members):
        return f"{said}, {guess}"
    lists = [member for member in members if (typing.get_origin(member) or member) in LISTS]
    if lists and not isinstance(value, list | Mapping) and fits([value], lists[0]):
        return f"{said}, such as [{shown(value)}]"
    return said


def _said(kind: Any) -> list[str]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in PLAIN:
        return PLAIN[kind]
    if origin is Literal:
        return list(map(str, arguments))
    if (origin or kind) in LISTS:
        entries = arguments[:1] if Ellipsis in arguments or origin is not tuple else arguments
        return ["a list" + (f" of {_several(entries)}" if entries and entries != (Any,) else "")]
    return ["a mapping, such as {key: value}" if (origin or kind) in MAPPINGS else NODE]


_SEVERAL = {
    bool: "true or false",
    int: "whole numbers",
    float: "numbers",
    str: "texts",
    type(None): "null",
    dict: "mappings, such as {key: value}",
}


def _several(entries: Iterable[Any]) -> str:
    kinds = dict.fromkeys(member for entry in entries for member in members_of(entry))
    return " or ".join(dict.fromkeys(_SEVERAL.get(typing.get_origin(kind) or kind, "lists") for kind in kinds))


def _guess(value: Any, members: Sequence[Any]) -> str:
    """Which of the choices was meant, where that can be told; "" where not."""
    choices = [str(choice) for member in members if typing.get_origin(member) is Literal for choice in typing.get_args(member)]  # fmt: skip
    text = shown(value)
    if bool in members:
        plain = text.strip().lower()
        if plain in MEANT_TRUE or plain in MEANT_FALSE:
            return f"did you mean {'true' if plain in MEANT_TRUE else 'false'}?"
        choices += ["true", "false"]
    if not choices or not isinstance(value, str):
        return ""
    guess = near_misses(text, choices)
    return guess.replace("'", "") if guess.startswith("did you mean") else ""

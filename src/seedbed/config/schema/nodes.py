"""Schemas of the nodes of a config: those that are built of a ``_target_``, and those of settings."""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal

from seedbed.config.code import is_users
from seedbed.config.keys import AFTER, ENTRIES, GIVEN_TO_TASKS, PUBLISHED, arguments_taken, is_task, parameters_of
from seedbed.config.lightning_modules import PACKAGES
from seedbed.config.schema.choices import Known, Written
from seedbed.config.schema.json_types import REFERENCE, Schema, of_annotation, of_rules, offered
from seedbed.config.schema.meanings import of_arguments, of_fields
from seedbed.config.settings import ReportSettings, TrackingSettings, TrainerSettings
from seedbed.config.signatures import OF_HYDRA, look_up
from seedbed.config.trainer import PRECISIONS
from seedbed.config.values import CHECKED_PACKAGES, OF_CALLS, SETTINGS
from seedbed.lr_finder import AUTO, RULES, FinderSettings

_TYPED = {
    "trainer": TrainerSettings,
    "report": ReportSettings,
    "tracking": TrackingSettings,
    "lr_finder": FinderSettings,
}
"""Nodes of settings without a ``_target_``, and what their keys are fields of."""
# Choices that the checks know and annotations do not say.
_CHOICES: dict[str, Any] = {
    "lr_finder.rule": Literal[tuple(RULES)],
    "trainer.precision": Literal[tuple(map(str, PRECISIONS[:6]))] | int,
}
_BELOW = {"data": "encoder", "imbalance": AFTER}
"""Groups inside the node of another one."""
A_REFERENCE: Schema = {"type": ["object", "string"], "pattern": REFERENCE}
"""A node, or a reference to one."""


def node_of(written: Sequence[Written], place: str, *, named: bool) -> Schema:
    """A node with a ``_target_``, of each that is known its arguments; with ``named``, of one that is written there."""
    by_target: dict[str, list[Written]] = {}
    for each in written:
        by_target.setdefault(str(each.content.get("_target_", "")), []).append(each)
    by_target.pop("", None)
    branches = [
        {
            "if": {"properties": {"_target_": {"const": target}}} | ({"required": ["_target_"]} if named or len(by_target) > 1 else {}),
            "then": of_target(target, several, place),
        }
        for target, several in by_target.items()
    ]  # fmt: skip
    target = {
        "type": "string",
        "description": "The class or function that is built, by its dotted name.",
        **offered(dict.fromkeys(by_target, "")),
    }
    schema: Schema = {"properties": {"_target_": target}}
    return schema | (branches[0] if len(branches) == 1 else {"allOf": branches} if branches else {})


def of_target(target: str, written: Sequence[Written], place: str) -> Schema:
    """The keys beside one ``_target_``; no others where all are known that it takes."""
    package = target.partition(".")[0]
    # Whether an optional package is installed changes nothing of what is shipped.
    called = look_up(target) if package in (*CHECKED_PACKAGES, *PACKAGES) or is_users(target) else None
    parameters = parameters_of(called)
    listed = [str(key) for each in written for key in each.content if key not in OF_HYDRA]
    optional = [name for name, each in parameters.items() if each.default is not each.empty]
    given = GIVEN_TO_TASKS if is_task(called) else ()
    names = [name for name in dict.fromkeys([*listed, *optional]) if name not in given]
    # In the words of seedbed and of the user: those of other packages are theirs to hand on.
    meanings = of_arguments(called) if called is not None and (package == "seedbed" or is_users(target)) else {}
    properties: Schema = {"_target_": True} | {key: of_annotation(OF_CALLS.get(key, Any)) for key in OF_HYDRA[1:]}
    for name in names:
        parameter = parameters.get(name)
        usual = {} if parameter is None or not _is_plain(parameter.default) else {"default": parameter.default}
        values = argument(name, parameter, called, written, place)
        properties[name] = values | usual | said_of(name, written, meanings.get(name, ""))
    if place in _BELOW and (_BELOW[place] in parameters or place == "imbalance"):
        properties.setdefault(_BELOW[place], {"type": ["object", "null", "string"], "pattern": REFERENCE})
    closed = package in CHECKED_PACKAGES and called is not None and arguments_taken(target) is not None
    return {"properties": properties} | ({"additionalProperties": False} if closed else {})


def _is_plain(value: Any) -> bool:
    """Whether a default can stand in YAML."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or (isinstance(value, bool | int | float | str) and value not in (math.inf, -math.inf))


def argument(
    name: str, parameter: inspect.Parameter | None, called: Any, written: Sequence[Written], place: str
) -> Schema:
    """The values of one argument: by its node, the rules of scikit-learn, or its annotation."""
    nodes = [node for each in written if (node := each.below(name)) is not None]
    if nodes:
        return node_of(nodes, "", named=False) | {"type": ["object", "null", "string"], "pattern": REFERENCE}
    rules = getattr(called, "_parameter_constraints", None)
    if isinstance(rules, Mapping) and isinstance(rules.get(name), list) and name != "sampling_strategy":
        return of_rules(rules[name])
    if parameter is None or parameter.annotation is parameter.empty:
        return {}
    strict = str(getattr(called, "__module__", "")).partition(".")[0] in CHECKED_PACKAGES
    annotation = parameter.annotation
    if f"{place}.{name}" == "optimizer.lr":
        annotation |= Literal[AUTO]
    return {} if isinstance(annotation, str) else of_annotation(annotation, strict=strict)


def said_of(name: str, written: Sequence[Written], meaning: str) -> Schema:
    """What a key means, and what it has where a choice's file sets it."""
    said = next((each.comments[name] for each in written if name in each.comments), meaning)
    values = [each.content[name] for each in written if name in each.content]
    plain = bool(values) and not isinstance(values[0], Mapping) and values[0] != "???"
    return ({"description": said} if said else {}) | ({"default": values[0]} if plain else {})


# ---- settings --------------------------------------------------------------------------------------------------------


def of_settings(name: str, values: Mapping[str, Any], comments: Mapping[str, str]) -> Schema:
    """A node whose keys are the fields of a dataclass."""
    kind = _TYPED[name]
    hints, meanings = typing.get_type_hints(kind), of_fields(kind)
    properties: Schema = {}
    for each in fields(kind):
        said = comments.get(each.name) or meanings.get(each.name, "")
        properties[each.name] = of_annotation(_CHOICES.get(f"{name}.{each.name}", hints[each.name])) | (
            {"description": said} if said else {}
        )
        if each.name in values and values[each.name] != "???":
            properties[each.name]["default"] = values[each.name]
    return _closed(properties)


def _closed(properties: Schema) -> Schema:
    return {**A_REFERENCE, "properties": properties, "additionalProperties": False}


def beneath(key: str, comments: Mapping[str, str]) -> dict[str, str]:
    """The comments on the keys of a node, by their names in it."""
    return {name.removeprefix(f"{key}."): said for name, said in comments.items() if name.startswith(f"{key}.")}


def of_trainer(known: Known) -> Schema:
    """The node of the settings of training, but of ``task=lightning``."""
    written = known.written("trainer", "default")
    return of_settings("trainer", written.content, written.comments) | {"description": written.header}


def of_tracking(known: Known) -> Schema:
    """The node of what is recorded."""
    written = known.written("tracking", "mlflow")
    return of_settings("tracking", written.content, written.comments) | {"description": written.header}


def of_search(known: Known) -> Schema:
    """The node of searches, with any sampler."""
    base, comments = known.base["search"], known.comments
    written = [known.written("search", choice) for choice in known.groups["search"]]
    properties: Schema = {
        key: of_annotation(SETTINGS.get(f"search.{key}", Any)) | {"default": value}
        | ({"description": comments[f"search.{key}"]} if f"search.{key}" in comments else {})
        for key, value in base.items()
    }  # fmt: skip
    properties["trials"] = of_annotation(SETTINGS["search.trials"]) | said_of("trials", written, "")
    properties["sampler"] = argument("sampler", None, None, written, "") | {
        "description": "What chooses the points to try."
    }
    properties["pruner"] = A_REFERENCE | {"description": "What ends trials early: see the group search/pruner."}
    return _closed(properties)


def of_published() -> Schema:
    """The node of what a source states."""
    described = {
        "source": "Where it was published.",
        "recipe": "How it was trained.",
        "unstated": "What it leaves open, and what is done here.",
    }
    properties: Schema = {key: {"description": described[key]} if key in described else {} for key in PUBLISHED}
    for name, keys in ENTRIES.items():
        entry = {"type": "object", "properties": dict.fromkeys(keys, True), "additionalProperties": False}
        properties[name] = {"items": entry}
    return {"type": ["object", "null", "string"], "properties": properties, "additionalProperties": False}

"""What an experiment's file sets for its own choice of a config group, where another choice is made: it holds if it fits."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from seedbed.config.override_grammar import same_or_inside
from seedbed.config.signatures import OF_HYDRA, arguments_of, look_up
from seedbed.paths import resources


@dataclass(frozen=True)
class Setting:
    """A key of a config and the value that an experiment's file gives it, such as ``split.val`` and 0.2."""

    key: str
    value: Any


def config_of(group: str, choice: str, folders: Sequence[Path]) -> DictConfig:
    """The file of a choice, after those of the same group that its defaults list names; empty where there is none."""
    paths = [folder / group / f"{choice}.yaml" for folder in (resources() / "conf", *folders)]
    path = next((path for path in paths if path.is_file()), None)
    content = OmegaConf.create() if path is None else deepcopy(_parsed(path, path.read_bytes()))
    if not isinstance(content, DictConfig):
        return OmegaConf.create()
    defaults = content.pop("defaults", [])
    parents = [entry.removeprefix(f"/{group}/") for entry in defaults if isinstance(entry, str) and entry != "_self_"]
    return typing.cast(DictConfig, OmegaConf.merge(*(config_of(group, each, folders) for each in parents), content))


@lru_cache  # a file is asked for with every variant
def _parsed(path: Path, content: bytes) -> DictConfig | ListConfig:
    return OmegaConf.load(path)


def has_other_target(by_file: DictConfig, group: str, choice: DictConfig) -> bool:
    """Whether the experiment's file sets another ``_target_`` for the group than the choice has."""
    theirs = OmegaConf.select(by_file, group.replace("/", "."))
    return isinstance(theirs, DictConfig) and _names_another(theirs, choice)


def note(name: str, group: str, choice: str, left_out: Sequence[Setting]) -> str:
    """A sentence about what the file of experiment ``name`` sets for its own choice of the group."""
    settings = ", ".join(f"{setting.key}={_text(setting.value)}" for setting in left_out)
    return f"experiments/{name}.yaml sets these for its own choice of {group}, and {group}={choice} has no such settings, so they are left out: {settings}."


def leave_out(
    composed: DictConfig, by_file: DictConfig, chosen: Mapping[str, DictConfig], given: Iterable[str]
) -> dict[str, list[Setting]]:
    """Take what does not fit out of ``composed``, and return it by group.

    ``by_file`` is what the experiment's file sets, ``chosen`` the config of each choice that is not the file's own, by
    group, and ``given`` the dotted keys that overrides set: these stay, to be refused where they don't fit. A setting
    fits where the ``_target_`` takes an argument of that name and, by its annotation, a value of that kind; beside a
    ``_target_`` of the file's own, which is not what was chosen, none does. In place of one that doesn't fit, what the
    choice itself says counts.
    """
    left_out: dict[str, list[Setting]] = {}
    for group, choice in chosen.items():
        place = group.replace("/", ".")
        node, theirs = OmegaConf.select(composed, place), OmegaConf.select(by_file, place)
        if not isinstance(node, DictConfig) or not isinstance(theirs, DictConfig):
            continue
        kept = {key for key in given if same_or_inside(key, place)}
        unfit = [
            key for key in _unfit(node, theirs, choice) if not any(_overlap(f"{place}.{key}", own) for own in kept)
        ]
        for key in unfit:
            left_out.setdefault(group, []).append(Setting(f"{place}.{key}", OmegaConf.select(theirs, key)))
            _put_back(node, key, choice)
    return left_out


def _unfit(node: DictConfig, theirs: DictConfig, choice: DictConfig, prefix: str = "") -> Iterator[str]:
    """Keys of ``theirs``, dotted below the group, that do not fit the choice."""
    if _names_another(theirs, choice):
        yield from (
            f"{prefix}{key}" for key in map(str, theirs) if node._get_node(key, validate_access=False) is not None
        )
        return
    target = str(node.get("_target_", ""))
    for key in map(str, theirs):
        own, value = node._get_node(key, validate_access=False), theirs._get_node(key)
        if own is None or key in OF_HYDRA:  # None: an override took it out
            continue
        # The configs of seedbed's own classes list all that they take.
        listed = key in choice or not (target.startswith("seedbed.") and "_target_" in choice)
        if target and not takes(target, key, _plain(value), unless_known=listed):
            yield f"{prefix}{key}"
        elif isinstance(own, DictConfig) and isinstance(value, DictConfig):
            yield from _unfit(own, value, _below(choice, key), f"{prefix}{key}.")


def _names_another(theirs: DictConfig, choice: DictConfig) -> bool:
    """Whether the file has a ``_target_`` in a node for which the choice says that it is another, or that there is none."""
    return bool(choice) and "_target_" in theirs and theirs._get_node("_target_") != choice._get_node("_target_")


def _below(choice: DictConfig, key: str) -> DictConfig:
    value = None if OmegaConf.is_missing(choice, key) else choice.get(key)
    return value if isinstance(value, DictConfig) else OmegaConf.create()


def _plain(value: Any) -> Any:
    """A value as it stands in the file; None for an interpolation, whose kind is not known yet."""
    if isinstance(value, DictConfig | ListConfig):
        return OmegaConf.to_container(value)
    return None if value._is_interpolation() else value._value()


def _text(value: Any) -> str:
    plain = OmegaConf.to_container(value) if isinstance(value, DictConfig | ListConfig) else value
    return json.dumps(plain, ensure_ascii=False).replace('"', "")


def _put_back(node: DictConfig, key: str, choice: DictConfig) -> None:
    *above, last = key.split(".")
    for part in above:
        node, choice = node[part], choice.get(part, OmegaConf.create())
    with open_dict(node):
        if last in choice:
            node[last] = choice._get_node(last)
        else:
            del node[last]


def _overlap(one: str, other: str) -> bool:
    return same_or_inside(one, other) or same_or_inside(other, one)


def takes(target: str, name: str, value: Any, *, unless_known: bool = True) -> bool:
    """Whether what ``_target_`` names takes the argument, and a value of this kind; ``unless_known`` where it takes any.

    By its kind a fraction is refused for whole numbers and texts (0.2, a share, for a number of rows), a text for whole
    numbers, a list for single values, and a number for lists.
    """
    arguments = arguments_of(look_up(target))
    if arguments is None:  # what is wrong with a target is said when it is built
        return True
    if arguments.takes_any:
        return unless_known
    known = arguments.parameters.get(name)
    return known is not None and not _is_of_another_kind(value, known.annotation)


def _is_of_another_kind(value: Any, annotation: Any) -> bool:
    union = isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union
    meant = set(typing.get_args(annotation) if union else [annotation]) - {type(None)}
    if typing.get_origin(annotation) is typing.Literal:
        meant = {type(choice) for choice in typing.get_args(annotation)}
    lists = {kind for kind in meant if typing.get_origin(kind) in (list, tuple, Sequence)}
    if isinstance(value, str):
        return meant <= {int, bool} | lists
    if isinstance(value, list):
        return meant <= {int, float, str, bool}
    return isinstance(value, int | float) and (
        meant <= lists or (isinstance(value, float) and meant <= {int, str, bool} | lists)
    )

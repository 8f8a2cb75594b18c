"""Which data, tasks, splits and models go together, by the kind of table that they give or take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_type_hints

from omegaconf import OmegaConf

from seedbed.config.signatures import arguments_of, look_up
from seedbed.errors import ConfigError
from seedbed.paths import resources

TABLE, RATINGS = "seedbed.data.table.Table", "seedbed.data.ratings.RatingTable"
KINDS = {TABLE: "labelled rows", RATINGS: "ratings"}
"""What rows of each kind of table are called, by the dotted name of its class, which is not imported here."""
MOST = 6
"""Choices that are named."""
# What only a model of such data asks for, among its arguments.
ASKED = {
    TABLE: {"in_features", "channels", "vocabulary", "out_features"},
    RATINGS: {"users", "items"},
}
# The method that gives the table or takes it, and the name of what it gives or takes.
_SIGNATURES = {"data": ("load", "return"), "task": ("seed_data", "table"), "split": ("rows", "table")}


def check_kinds(config: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` where task, split or model is for another kind of table than the data give.

    A class that says nothing of it, such as one of the user's, goes with all.
    """
    given = _kind("data", config["data"])
    for group in ("task", "split", "model"):
        taken = _kind(group, config[group])
        if given is not None and taken is not None and given != taken:
            raise ConfigError(
                f"{group}: {_name(config[group])} is for {KINDS[taken]}, and data: {_name(config['data'])} gives "
                f"{KINDS[given]}. Choose a {group} for {KINDS[given]} ({group}={_choices(group, given)}), or data of "
                f"{KINDS[taken]} (data={_choices('data', taken)})."
            )


def _kind(group: str, config: Mapping[str, Any]) -> str | None:
    """Kind by the annotation of a method, or for a model by its arguments; None if that says nothing."""
    if group == "model":
        return _kind_of_model(config)
    method, name = _SIGNATURES[group]
    try:
        kind = get_type_hints(getattr(look_up(config.get("_target_")), method)).get(name)
    except Exception:  # what is wrong with a target is said when it is built
        return None
    dotted = f"{getattr(kind, '__module__', '')}.{getattr(kind, '__qualname__', '')}"
    return dotted if dotted in KINDS else None


def _kind_of_model(config: Mapping[str, Any]) -> str | None:
    arguments = arguments_of(look_up(config.get("_target_")))
    if arguments is None:  # what is wrong with a target is said when it is built
        return None
    needed = {name for name, each in arguments.parameters.items() if each.default is each.empty} - set(config)
    kinds = [kind for kind, names in ASKED.items() if needed & names]
    return kinds[0] if len(kinds) == 1 else None


def _choices(group: str, kind: str) -> str:
    """seedbed's own choices of a group for this kind of table, some of them where they are many."""
    paths = sorted((resources() / "conf" / group).glob("*.yaml"))
    targets = {path.stem: OmegaConf.select(OmegaConf.load(path), "_target_") for path in paths}
    names = [name for name, target in targets.items() if _kind(group, {"_target_": target}) == kind]
    return ", ".join(names[:MOST]) + (", ..." if len(names) > MOST else "")


def _name(config: Mapping[str, Any]) -> str:
    return str(config["_target_"]).rpartition(".")[2]

"""Which keys a config can have: those of ``conf/config.yaml``, and beside a ``_target_`` the arguments of what it names.

Any other key would do nothing, or fail when the object is called, after data are loaded or seeds are trained.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from seedbed.config.lightning_modules import TASK, trains_modules
from seedbed.config.signatures import OF_HYDRA, arguments_of, look_up
from seedbed.config.trainer import INSTEAD, LIGHTNING_ARGUMENTS, OWN_SETTINGS, check_keys
from seedbed.errors import ConfigError, near_misses
from seedbed.paths import resources

PUBLISHED = ("source", "recipe", "unstated", "claims", "numbers", "curves", "findings", "learned")
ENTRIES = {
    "numbers": ("variant", "label", "metric", "value", "epoch"),
    "curves": ("variant", "label", "metric", "values"),
    "claims": ("text", "check"),
}
"""Of ``published``: the keys of each entry of a list."""
OBJECTS = ("data", "split", "model", "task", "imbalance", "optimizer", "schedule")
"""Nodes that are built of what their ``_target_`` names."""
AFTER = "after"
"""Of ``imbalance``: a node of its own beside the arguments of any strategy."""
NAMED = ("callbacks", "loggers")
"""Mappings from names to such nodes."""
MODULES = ("module", "datamodule")
"""Such nodes of ``task=lightning``."""
OF_MODULES = (*MODULES, "metrics")
"""What stands at the top of configs of ``task=lightning`` only."""
STACKED = "seedbed.tasks.base.Task"
"""The base class of the tasks that train all seeds at once."""
READING = "seedbed.data.files.reading.Reading"
"""How a user's file is read: what data sets made of one take beside their own arguments."""
OF_OPTUNA_SWEEPER = {
    "study_name": "search.study",
    "storage": "search.storage",
    "n_trials": "search.trials",
    "n_jobs": "hydra.sweeper.n_jobs, with -m and hydra/sweeper=optuna",
    "direction": "search.metrics, each of which has its better end",
    "sampler": "search, such as search=tpe",
    "params": "search.params",
    "search_space": "search.params",
    "seed": "search.seed",
    "custom_search_space": "search.params",
    "max_failure_rate": "not needed (trials that fail are recorded, and others go on)",
}
"""What the settings of Hydra's own Optuna sweeper are called in seedbed."""
OF_SWEEPER = ("n_jobs", "n_trials", "params")
"""Of these, what ``conf/hydra/sweeper/optuna.yaml`` takes by the same name."""
# Arguments of a task that it gets from elsewhere in the config, or from the data, whatever its own node says.
GIVEN_TO_TASKS = (
    "network", "optimizer", "inputs", "seeds", "clip_norm", "schedule", "epochs", "steps_per_epoch", "after", "shares",
)  # fmt: skip


@dataclass(frozen=True)
class Unknown:
    """A dotted key that nothing reads, and why."""

    key: str
    why: str


def unknown_key(config: Mapping[str, Any], referred_to: Collection[str] = ()) -> Unknown | None:
    """The first key of a whole config that nothing reads; None where there is none.

    ``referred_to`` are top-level keys that other values are made of, by interpolation: they may have any name.
    """
    return next(_unknown_keys(config, referred_to), None)


def unknown_keys(config: Mapping[str, Any], referred_to: Collection[str] = ()) -> list[Unknown]:
    """The keys of a whole config that nothing reads, in its order; ``referred_to`` as for ``unknown_key``."""
    return list(_unknown_keys(config, referred_to))


def interpolated(text: str) -> set[str]:
    """The first parts of the keys that interpolations in a config's YAML refer to: of ``${a.b}``, ``a``."""
    inside = (part for inner in re.findall(r"\$\{([^}]*)", text) for part in re.split(r"[^\w.]+", inner))
    return {part.lstrip(".").split(".")[0] for part in inside if part.strip(".")}


def unknown_argument(node: Mapping[str, Any], place: str) -> Unknown | None:
    """The first key in the node ``place``, or in one inside it, that its ``_target_`` has no argument for."""
    return next(_unknown_arguments(node, place), None)


def refuse_names_of_optuna_sweeper(keys: Iterable[str], taken: Collection[str] = OF_SWEEPER) -> None:
    """Raise ``ConfigError`` for a key of ``hydra.sweeper`` that Hydra's own Optuna sweeper has, and this one, with keys ``taken``, has not."""
    for key in keys:
        if key in OF_OPTUNA_SWEEPER and key not in taken:
            raise ConfigError(f"hydra.sweeper.{key}: {_why_not(key)}")


def _why_not(key: str) -> str:
    return f"there is no such setting. What Hydra's own Optuna sweeper calls {key} is {OF_OPTUNA_SWEEPER[key]} here."


def refuse_unknown_argument(node: Mapping[str, Any], place: str) -> None:
    """Raise ``ConfigError`` for a key that ``unknown_argument`` finds."""
    if unknown := unknown_argument(node, place):
        raise ConfigError(f"{unknown.key}: {unknown.why}")


def _unknown_keys(config: Mapping[str, Any], referred_to: Collection[str]) -> Iterator[Unknown]:
    known = _known()
    modules = trains_modules(config)
    top = {*known[""], *(OF_MODULES if modules else ())}
    for key in config:
        if key not in top and key not in referred_to:
            why = _of_trainer(str(key)) or _of_modules(str(key))
            yield Unknown(str(key), why or f"there is no such setting, {near_misses(str(key), top)}")
    yield from _unknown_of_modules(config) if modules else _unknown_of_trainer(config.get("trainer"))
    for name in ("report", "tracking", "search", "lr_finder", "published"):
        yield from _beyond(config.get(name), known[name], f"{name}.")
    for name in NAMED:
        yield from _unknown_arguments(config.get(name), name)
    yield from _unknown_entries(config.get("published"))
    for name in OBJECTS:
        node = config.get(name)
        if isinstance(node, Mapping) and node and "_target_" not in node:
            yield Unknown(
                f"{name}.{next(iter(node))}", f"nothing is chosen that has this setting. {where_to_choose(name)}"
            )
        if name == "imbalance" and isinstance(node, Mapping):
            yield from _unknown_arguments(node.get(AFTER), f"{name}.{AFTER}")
            node = {key: value for key, value in node.items() if key != AFTER}
        yield from _unknown_arguments(node, name)


def where_to_choose(group: str) -> str:
    """What to write where a config makes no choice of a group."""
    known = sorted(path.stem for path in (resources() / "conf" / group).glob("*.yaml"))
    return (
        f"Add '- override /{group}: CHOICE' to the defaults of the experiment's file, or type {group}=CHOICE. "
        f"Known: {', '.join(known)}."
    )


def _unknown_of_trainer(trainer: Any) -> Iterator[Unknown]:
    for key in trainer if isinstance(trainer, Mapping) else ():
        try:
            check_keys([key])
        except ConfigError as error:
            yield Unknown(f"trainer.{key}", str(error).removeprefix(f"trainer.{key}: "))


def _unknown_of_modules(config: Mapping[str, Any]) -> Iterator[Unknown]:
    """Keys of the nodes of ``task=lightning``; those of its trainer are Lightning's own, and checked with the modules."""
    for name in MODULES:
        yield from _unknown_arguments(config.get(name), name)


def _of_modules(key: str) -> str:
    """What to write for a setting of ``task=lightning`` under another task; "" for another key."""
    if key not in OF_MODULES:
        return ""
    return (
        "it is a setting of task=lightning, which trains a LightningModule and a LightningDataModule as they are. Add "
        "'override /task: lightning' to the experiment's defaults, or leave it out."
    )


def _of_trainer(key: str) -> str:
    """What to write for a setting of ``trainer`` that stands beside it; "" for another key."""
    if key in INSTEAD:
        return f"seedbed does not take this setting of Lightning's; {INSTEAD[key]}."
    return f"it is a setting of trainer: write trainer.{key}." if key in (*OWN_SETTINGS, *LIGHTNING_ARGUMENTS) else ""


@cache
def _known() -> dict[str, set[str]]:
    """The keys of each node that seedbed reads by itself, "" for the top level, as its own configs have them."""
    plain, groups = _own("config"), []
    for entry in plain.pop("defaults"):
        groups += list(entry) if isinstance(entry, dict) else []
    return {
        "": {*plain, *NAMED, *(group for group in groups if "/" not in group and group != "experiments")},
        "report": set(plain["report"]),
        "tracking": set(_own("tracking/mlflow")),
        "search": {*plain["search"], *_own("search/tpe"), "pruner"},
        "lr_finder": set(plain["lr_finder"]),
        "published": set(PUBLISHED),
    }


def _own(name: str) -> dict[str, Any]:
    return dict(OmegaConf.to_container(OmegaConf.load(resources() / "conf" / f"{name}.yaml")))  # type: ignore[arg-type]


def _beyond(node: Any, known: Collection[str], prefix: str) -> Iterator[Unknown]:
    for key in node if isinstance(node, Mapping) else ():
        if key not in known:
            swept = prefix == "search." and key in OF_OPTUNA_SWEEPER
            why = _why_not(key) if swept else f"there is no such setting, {near_misses(str(key), known)}"
            why = f"it belongs beside {prefix[:-1]}, not in it: write {key}." if key in NAMED else why
            yield Unknown(f"{prefix}{key}", why)


def _unknown_entries(published: Any) -> Iterator[Unknown]:
    for name, known in ENTRIES.items():
        entries = published.get(name) if isinstance(published, Mapping) else None
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            yield from _beyond(entry, known, f"published.{name}[{place}].")


def _unknown_arguments(node: Any, place: str) -> Iterator[Unknown]:
    if isinstance(node, list):
        for position, entry in enumerate(node):
            yield from _unknown_arguments(entry, f"{place}[{position}]")
    if not isinstance(node, Mapping):
        return
    if isinstance(target := node.get("_target_"), str) and (known := arguments_taken(target)) is not None:
        for key in node:
            if key not in known and key not in OF_HYDRA:
                yield Unknown(f"{place}.{key}", f"{target} has no such setting, {near_misses(str(key), known)}")
    for key, value in node.items():
        yield from _unknown_arguments(value, f"{place}.{key}")


def arguments_taken(target: str) -> set[str] | None:
    """Names of the arguments of what ``target`` names; None where it takes any, or where that cannot be known."""
    called = look_up(target)
    if is_task(called):
        return _arguments_of_task(called)
    arguments = arguments_of(called)
    if arguments is None or (arguments.takes_any and not _hands_on_reading(called)):
        return None
    return set(parameters_of(called))


def parameters_of(called: Any) -> dict[str, inspect.Parameter]:
    """The arguments that a config can give to a class or function, by name, as far as they can be known."""
    arguments = arguments_of(called)
    parameters = {} if arguments is None else dict(arguments.parameters)
    if is_task(called):
        return {name: each for name, each in _of_tasks(called).items() if name not in GIVEN_TO_TASKS}
    if arguments is not None and arguments.takes_any and _hands_on_reading(called):
        reading = arguments_of(look_up(READING))
        parameters |= {} if reading is None else reading.parameters
    return parameters


def _hands_on_reading(called: Any) -> bool:
    """Whether further arguments say how a file is read, as those of seedbed's data sets made of a user's file."""
    of_class = inspect.signature(called).parameters.values()
    return any(each.kind is each.VAR_KEYWORD and each.name == "reading" for each in of_class)


def is_task(called: Any) -> bool:
    """Whether what a ``_target_`` names is a class of seedbed's tasks, which are not imported here."""
    return any(f"{kind.__module__}.{kind.__name__}" in (STACKED, TASK) for kind in getattr(called, "__mro__", ()))


def _arguments_of_task(kind: type) -> set[str] | None:
    """Names of a task's arguments; None where a class of the user's takes any."""
    if f"{kind.__module__}.{kind.__name__}" == TASK:
        return {"metrics"}
    for base in kind.__mro__:
        if "__init__" in vars(base) and not _hands_on(base):
            return set(_of_tasks(kind)) - set(GIVEN_TO_TASKS)
        if "__init__" in vars(base) and not base.__module__.startswith("seedbed."):
            return None
    return None


def _of_tasks(kind: type) -> dict[str, inspect.Parameter]:
    """A task's arguments by name: seedbed's tasks hand on to their base class what they have no argument of their own for."""
    parameters: dict[str, inspect.Parameter] = {}
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        # What the data give has no default.
        own = {name: each for name, each in _parameters(base).items() if each.default is not each.empty}
        parameters = own | parameters
        if not _hands_on(base):
            break
    return parameters


def _hands_on(base: type) -> bool:
    return any(each.kind is each.VAR_KEYWORD for each in inspect.signature(base).parameters.values())


def _parameters(base: type) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(base, eval_str=True).parameters
    except NameError:  # of an annotation that only a type checker reads
        return inspect.signature(base).parameters

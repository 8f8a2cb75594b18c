"""Configs of ``task=lightning``: what they hold, and what of seedbed's other settings a LightningModule says by itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf

from seedbed.checks import is_number, is_whole, require, shown
from seedbed.config.building import build
from seedbed.config.choice_settings import config_of
from seedbed.config.compose import Request
from seedbed.config.lightning_modules import PACKAGES, SEED, package_of
from seedbed.config.metric_checks import metrics_of
from seedbed.config.override_grammar import same_or_inside
from seedbed.config.settings import ReportSettings, TrackingSettings
from seedbed.config.signatures import hydra_says_nothing, look_up
from seedbed.errors import ConfigError, near_misses
from seedbed.metrics import name_with_side, wanted_of_own
from seedbed.paths import resources

OF_DATA = "the data module says which data there are, how they are split, and what becomes of them"
OF_MODULE = "the module holds its network, and configure_optimizers says its optimizer and schedule"
OF_CALLBACKS = "a callback says so, such as pytorch_lightning.callbacks.{} under callbacks"
INSTEAD = {
    "data": OF_DATA,
    "split": OF_DATA,
    "imbalance": OF_DATA,
    "model": OF_MODULE,
    "optimizer": OF_MODULE,
    "schedule": OF_MODULE,
    "lr_finder": OF_CALLBACKS.format("LearningRateFinder"),
    "patience": OF_CALLBACKS.format("EarlyStopping"),
    "monitor": OF_CALLBACKS.format("ModelCheckpoint") + ", whose monitor select=best goes by",
}
"""Settings of the tasks that train stacks, and what says the same here."""
INSTEAD_IN_TRAINER = {
    "batch_size": "the data module makes the batches, say by datamodule.batch_size",
    "steps_per_chunk": "each seed has a Trainer of its own, which takes one batch at a time",
    "engine": "a module of your own trains by PyTorch, as it is written",
    "callbacks": "name them under callbacks, beside trainer",
    "logger": "name loggers under loggers, beside trainer; MLflow gets everything anyway",
}
OF_LENGTH = ("max_steps", "max_time")
"""Arguments of Trainer that say how long it trains, so that the default of ``max_epochs`` would cut it short."""
KEPT = ("max_epochs", "accelerator", "devices", "seeds_at_once")
"""Of the defaults of ``trainer``, those that hold here; all else is as Lightning has it."""


# ---- from what is composed to what is meant --------------------------------------------------------------------------


def resolved(composed: DictConfig, request: Request) -> dict[str, Any]:
    """The config of ``task=lightning`` without what only other tasks read, in which ``SEED`` stands for the seed.

    Raises ``ConfigError`` where something of the latter was set.
    """
    if "seed" in composed:
        raise ConfigError(
            f"{request.place}: seed={shown(composed.seed)}: under task=lightning ${{seed}} is the seed of the cell, and seeds "
            "says which there are. Leave seed out."
        )
    config = request.base.resolved(composed)
    for key, default in _defaults().items():
        value = config.pop(key, default)
        if value != default and value is not None:
            raise ConfigError(
                f"{request.place}: {key}: not under task=lightning, where {INSTEAD[key]}. Leave {key} out."
            )
    config["trainer"] = _trainer(config.get("trainer") or {}, request)
    for name in ("module", "datamodule"):
        config.setdefault(name, None)
    for name in ("callbacks", "loggers"):
        nodes = config.get(name) or {}
        require(isinstance(nodes, Mapping), name, nodes, "a mapping from names to nodes with a _target_")
        config[name] = {key: node for key, node in nodes.items() if node is not None}
    config["metrics"] = config["task"]["metrics"] = _renamed(config.get("metrics") or {})
    report = config.get("report") or {}
    config["report"] = {**report, "metric": name_with_side(str(report.get("metric")))}
    _check_classes(config)
    config["monitor"] = _watched(config)
    return config


def _watched(config: Mapping[str, Any]) -> str:
    """The metric that ``select=best`` goes by; under ``select=last`` the one whose curves are shown."""
    chosen_by = monitored(config) if config["select"] == "best" else None
    declared = (name for name in config["metrics"] if name.startswith("val/"))
    return name_with_side(chosen_by) if chosen_by else next(declared, "val/loss")


def at_seed(value: Any, seed: int) -> Any:
    """A value of a config with the seed in place of ``${seed}``: a number where nothing stands beside it."""
    if value == SEED:
        return seed
    if isinstance(value, str):
        return value.replace(SEED, str(seed))
    if isinstance(value, Mapping):
        return {key: at_seed(each, seed) for key, each in value.items()}
    return [at_seed(each, seed) for each in value] if isinstance(value, list) else value


@cache
def _defaults() -> dict[str, Any]:
    """What the config has for ``INSTEAD`` where nobody sets it."""
    plain: Any = OmegaConf.to_container(OmegaConf.load(resources() / "conf" / "config.yaml"))
    choices: dict[str, Any] = {}
    for entry in plain.pop("defaults"):
        choices |= entry if isinstance(entry, dict) else {}
    chosen = {key: choice for key, choice in choices.items() if key in INSTEAD}
    configs = {key: OmegaConf.to_container(config_of(key, choice, ())) for key, choice in chosen.items() if choice}
    return {key: configs.get(key, plain.get(key)) for key in INSTEAD}


def _trainer(given: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """The arguments of Trainer that somebody has set, and the defaults that hold here too."""
    default: Any = OmegaConf.to_container(OmegaConf.load(resources() / "conf" / "trainer" / "default.yaml"))
    if str(given.get("_target_")).endswith(".Trainer"):  # as configs of Lightning's with Hydra have it
        given = {key: value for key, value in given.items() if key != "_target_"}
    said = {key for key, value in given.items() if default.get(key) != value or _is_said(f"trainer.{key}", request)}
    of_length = said & set(OF_LENGTH)
    kept = {key for key in KEPT if key != "max_epochs" or not of_length}
    for key in said & INSTEAD_IN_TRAINER.keys():
        raise ConfigError(
            f"{request.place}: trainer.{key}: not under task=lightning, where {INSTEAD_IN_TRAINER[key]}. Leave it out."
        )
    return {key: value for key, value in given.items() if key in said | kept}


def _is_said(key: str, request: Request) -> bool:
    """Whether the experiment's file, the command or the variant sets a key."""
    by_file = OmegaConf.select(request.base.own_settings, key, default=_NOTHING, throw_on_missing=False)
    typed = (item.key_or_group.replace("/", ".") for item, _ in request.said())
    return by_file is not _NOTHING or any(same_or_inside(key, each) for each in typed)


_NOTHING = object()


def _renamed(metrics: Any) -> dict[str, Any]:
    named = isinstance(metrics, Mapping)
    require(named, "metrics", metrics, "a mapping from what self.log logs to lower, higher, none or a number")
    names = {name: name_with_side(str(name)) for name in metrics}
    for name, other in ((name, other) for name in names for other in names if name < other):
        if names[name] == names[other]:
            raise ConfigError(f"metrics: {name} and {other} would both be called {names[name]}. Leave one of them out.")
    return {names[name]: entry for name, entry in metrics.items()}


# ---- checks ----------------------------------------------------------------------------------------------------------


def check_modules(config: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for values of ``task=lightning`` that cannot work, as far as classes say it."""
    _check_trainer(config["trainer"], _check_classes(config) or "pytorch_lightning")
    require(config["select"] in ("last", "best"), "select", config["select"], "last or best")
    if not config["metrics"]:
        raise ConfigError(f"metrics: nothing is chosen. {_WANTED['metrics']}")
    _check_metrics(config)
    if config["select"] == "best":
        _check_monitored(config)
    tested = has_test_part(config)
    if tested is not None:
        check_side(config, tested=tested)
    TrackingSettings.of(config)
    ReportSettings.of(config)


_WANTED = {
    "module": "Name a LightningModule, such as module: {_target_: mylib.LitRegressor, hidden: 64}.",
    "metrics": "Say which of what self.log logs is compared, and which values are good, such as metrics: {val/loss: lower, "
    "test/acc: higher}.",
}


def _check_classes(config: Mapping[str, Any]) -> str:
    """The package of Lightning that the module is of, and all else must be; raises ``ConfigError`` for other classes."""
    if not config["module"]:
        raise ConfigError(f"module: nothing is chosen. {_WANTED['module']}")
    package = _check_class(config["module"], "module", "LightningModule")
    if config["datamodule"] is not None:
        _check_class(config["datamodule"], "datamodule", "LightningDataModule", package)
    for group, base in (("callbacks", "Callback"), ("loggers", "Logger")):
        for name, node in config[group].items():
            _check_class(node, f"{group}.{name}", base, package)
    return package


def _check_class(node: Any, place: str, base: str, package: str = "") -> str:
    """The package of Lightning of what a node names; raises ``ConfigError`` where that is none of ``base``'s classes.

    "" for a function, of which only its result says what it is.
    """
    require(isinstance(node, Mapping) and "_target_" in node, place, node, f"a node with the _target_ of a {base}")
    target = str(node["_target_"])
    kind = look_up(target)
    if kind is None:
        build({**node, "_partial_": True, "_recursive_": False}, place)  # says why
    if not inspect.isclass(kind):
        return package
    found = package_of(kind, base)
    if not found:
        raise ConfigError(f"{place}._target_={target}: it is not a {base}. {_INSTEAD_OF_CLASS[base]}")
    if package and found != package:
        raise ConfigError(
            f"{place}._target_={target}: it is of the package {found}, and the module of {package}: the classes of one know "
            f"nothing of the other's. Take that of {package}{'.pytorch' if package == 'lightning' else ''}, or import the "
            "module's base class from the other."
        )
    return found


_INSTEAD_OF_CLASS = {
    "LightningModule": "task=lightning trains a LightningModule by its own training_step; for a plain network take another "
    "task, such as task=classification, and name it as model._target_.",
    "LightningDataModule": "Name a LightningDataModule; a data set of seedbed's goes with another task, under data.",
    "Callback": "Name a callback of Lightning's kind.",
    "Logger": "Name a logger of Lightning's kind.",
}


def trainer_arguments(package: str) -> set[str]:
    """The arguments of the Trainer of a package of Lightning."""
    with hydra_says_nothing():
        trainer = get_class(f"{package}{'.pytorch' if package == 'lightning' else ''}.Trainer")
    return set(inspect.signature(trainer).parameters)


def _check_trainer(trainer: Mapping[str, Any], package: str) -> None:
    known = {*trainer_arguments(package), "seeds_at_once"} - INSTEAD_IN_TRAINER.keys()
    for key in trainer:
        if key not in known:
            raise ConfigError(f"trainer.{key}: Trainer of {package} has no such argument, {near_misses(key, known)}")
    count = trainer.get("seeds_at_once", "auto")
    require(count == "auto" or is_whole(count), "trainer.seeds_at_once", count, "auto, or a whole number from 1 on: the number of processes, each of which trains one seed at a time")  # fmt: skip


def _check_metrics(config: Mapping[str, Any]) -> None:
    names: dict[str, tuple[str, Any]] = {}
    for label, entry in config["metrics"].items():
        name, place = label.rpartition("/")[2], f"metrics.{label}"
        good = entry.get("good") if isinstance(entry, Mapping) else entry
        wanted = wanted_of_own(name, [other for other in names if other != name])
        require(not wanted, place, entry, wanted)
        known = good in ("lower", "higher", "none") or is_number(good)
        require(known, place, entry, "lower, higher, none, or the number that values are to be near")
        other, theirs = names.setdefault(name, (label, entry))
        require(
            theirs == entry, place, entry, f"{shown(theirs)}, as metrics.{other} says of the same metric on other rows"
        )
    metric = str(config["report"]["metric"])
    if metric.rpartition("/")[2] not in metrics_of(config["task"]):
        raise ConfigError(
            f"report.metric={metric}: metrics declares nothing of that name, {near_misses(metric, config['metrics'])} Say "
            f"which of its values are good: metrics: {{{metric}: lower}}, or higher, none, or a number."
        )


def has_test_part(config: Mapping[str, Any]) -> bool | None:
    """Whether a module is tested, by the classes of it and of its data; None where these do not say it."""
    module, data = look_up(config["module"]["_target_"]), look_up((config["datamodule"] or {}).get("_target_"))
    if not inspect.isclass(module) or not (inspect.isclass(data) or config["datamodule"] is None):
        return None
    return _overrides(module, "test_step") and _overrides(data or module, "test_dataloader")


def _overrides(kind: type, hook: str) -> bool:
    """Whether a class has a hook of its own in place of the empty one of Lightning's base classes."""
    having = next(each for each in kind.__mro__ if hook in vars(each)).__module__.split(".")
    return having[0] not in PACKAGES or "core" not in having


def check_side(config: Mapping[str, Any], *, tested: bool) -> None:
    """Raise ``ConfigError`` where the metric of the report, or ``select``, asks for rows that are not there."""
    metric = str(config["report"]["metric"])
    side, _, name = metric.rpartition("/")
    if not tested and config["select"] == "best":
        raise ConfigError(
            "select=best: there is no test part (a test_step of the module and a test_dataloader of the data module): the "
            "value of the epoch that validation likes best is no fair estimate. Write select=last, or add a test part."
        )
    wanted = "test" if tested else "val"
    if side != wanted:
        why = (
            "the module is tested, and final values are those of test rows"
            if tested
            else "there is no test part (a test_step of the module and a test_dataloader of the data module)"
        )
        raise ConfigError(f"report.metric={metric}: {why}. Write report.metric={wanted}/{name}.")


def monitored(config: Mapping[str, Any]) -> str | None:
    """What the ModelCheckpoint under ``callbacks`` monitors, as it is logged; None where none does."""
    return next((str(node["monitor"]) for _, node in _checkpoints(config)), None)


def _checkpoints(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Place and node of each ModelCheckpoint with a monitor."""
    for name, node in config["callbacks"].items():
        watches = isinstance(node, Mapping) and node.get("monitor") is not None
        if watches and package_of(look_up(node.get("_target_")), "ModelCheckpoint"):
            yield f"callbacks.{name}", node


def _check_monitored(config: Mapping[str, Any]) -> None:
    found = list(_checkpoints(config))
    if len(found) != 1:
        there = " and ".join(place for place, _ in found) or "none of callbacks does"
        raise ConfigError(
            f"select=best: the epoch that is tested is the one that a ModelCheckpoint keeps by what it monitors, and "
            f"{there}{' do' if found else ''}. Give exactly one a monitor, such as callbacks: {{best: {{_target_: "
            "pytorch_lightning.callbacks.ModelCheckpoint, monitor: val/loss}}, or write select=last."
        )
    [(place, node)] = found
    name = name_with_side(str(node["monitor"])).rpartition("/")[2]
    metric = metrics_of(config["task"]).get(name)
    mode = str(node.get("mode", "min"))
    if metric is None or not metric.is_ranked:
        raise ConfigError(
            f"{place}.monitor={node['monitor']}: select=best goes by it, and metrics does not say which of its values are "
            f"good. Add metrics.{node['monitor']}: {'lower' if mode == 'min' else 'higher'}."
        )
    wanted = {"lower": "min", "higher": "max"}.get(str(metric.good), mode)
    require(mode == wanted, f"{place}.mode", mode, f"{wanted}, as metrics says that {metric.better} for {name}")

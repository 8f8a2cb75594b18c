"""Builds what a seed is trained by, from a config of ``task=lightning``: data module, module, callbacks, loggers, Trainer."""

from __future__ import annotations

import importlib
import inspect
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from tempfile import TemporaryDirectory
from typing import Any

import torch

from seedbed.config.building import build
from seedbed.config.keys import parameters_of
from seedbed.config.lightning_modules import package_of
from seedbed.config.own_modules import at_seed
from seedbed.config.signatures import look_up
from seedbed.errors import ConfigError
from seedbed.torch_random import isolated_streams, seed_streams

OF_STREAMS = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS")
"""What ``seed_everything`` leaves in the environment, for the workers of data loaders and for processes that are started."""
# Of Lightning's packages, which say at every Trainer which devices there are.
TALKATIVE = ("pytorch_lightning", "lightning", "lightning.pytorch", "lightning.fabric", "lightning_fabric")
BEGIN_AT_ONCE = ("CometLogger",)
"""Loggers that begin an experiment on a server when they are made."""
# What no user could change, or what every fit would say anew.
WARNINGS = (
    ".*LeafSpec.*is deprecated",
    ".*does not have many workers.*",
    ".*smaller than the logging interval.*",
    ".*Checkpoint directory .* exists and is not empty.*",
)


class SeedParts:
    """What one seed of a variant is trained by; each part is built when it is asked for first."""

    def __init__(self, config: Mapping[str, Any], seed: int) -> None:
        self.config, self.seed = at_seed(config, seed), seed
        # Imported before the surroundings are made quiet: Lightning sets the levels of its loggers as it is imported.
        self._named = look_up(self.config["module"]["_target_"])

    @cached_property
    def package(self) -> str:
        """The package of Lightning that the module is written for: ``pytorch_lightning`` or ``lightning``."""
        kind = self._named if inspect.isclass(self._named) else type(self.module)
        return package_of(kind, "LightningModule")

    @cached_property
    def lightning(self) -> Any:
        """The namespace of that package which holds Trainer and callbacks."""
        return importlib.import_module("lightning.pytorch" if self.package == "lightning" else "pytorch_lightning")

    @cached_property
    def module(self) -> Any:
        """The LightningModule; raises ``ConfigError`` where the config gives something else."""
        return _of_kind(self.config["module"], "module", "LightningModule")

    @cached_property
    def datamodule(self) -> Any:
        """The LightningDataModule, None where the module serves its data itself.

        Its ``setup`` draws by the seed and nothing else, whatever the module has drawn before: variants under one seed share
        their rows.
        """
        if self.config["datamodule"] is None:
            return None
        datamodule = _of_kind(self.config["datamodule"], "datamodule", "LightningDataModule")
        datamodule.setup = partial(_set_up, datamodule.setup, self.seed)
        return datamodule

    def callbacks(self) -> list[Any]:
        """New ones, without those that only show what is going on: seedbed has a display of its own."""
        made = [_of_kind(node, f"callbacks.{name}", "Callback") for name, node in self.config["callbacks"].items()]
        return [
            each for each in made if not any(package_of(type(each), kind) for kind in ("ProgressBar", "ModelSummary"))
        ]

    def loggers(self, name: str, version: str) -> list[Any]:
        """New ones, as ``_logger`` makes them; else one that keeps nothing: callbacks such as LearningRateMonitor ask for a logger."""
        if not self.config["loggers"]:
            return [silent_logger(self.lightning, name, version)]
        return [_logger(node, f"loggers.{key}", name, version) for key, node in self.config["loggers"].items()]

    def try_loggers(self, name: str) -> None:
        """Raise ``ConfigError`` for loggers that cannot be made; those are left out that begin something when they are made.

        What they write goes into a temporary folder where they take ``save_dir``.
        """
        with TemporaryDirectory(prefix="seedbed-") as folder:
            for key, node in self.config["loggers"].items():
                kind = look_up(node["_target_"])
                if not (inspect.isclass(kind) and any(base.__name__ in BEGIN_AT_ONCE for base in kind.__mro__)):
                    takes_folder = "save_dir" in parameters_of(kind) and isinstance(node.get("save_dir", ""), str)
                    elsewhere = {"save_dir": folder} if takes_folder else {}
                    _logger({**node, **elsewhere}, f"loggers.{key}", name, "planned")

    def seed_everything(self) -> None:
        """Seed all global streams, those of data loaders' workers among them."""
        self.lightning.seed_everything(self.seed, workers=True, verbose=False)

    @contextmanager
    def trainer(self, callbacks: Sequence[Any], loggers: Sequence[Any]) -> Iterator[Any]:
        """A ``Trainer`` by all arguments of the config; raises ``ConfigError`` for those that it refuses.

        Its folder is a temporary one where the config names none: a checkpoint that lies in it is of this seed.
        """
        given = {key: value for key, value in self.config["trainer"].items() if key != "seeds_at_once"}
        if given.get("enable_checkpointing") is False and not any(map(_keeps_checkpoints, callbacks)):
            del given["enable_checkpointing"]  # the recorder counts as a checkpoint callback, and keeps none
        with TemporaryDirectory(prefix="seedbed-") as folder:
            quiet = {"enable_progress_bar": False, "enable_model_summary": False, "default_root_dir": folder}
            node = {"_target_": f"{self.lightning.__name__}.Trainer", "_partial_": True, **quiet, **given}
            make: Callable[..., Any] = build(node, "trainer")
            try:
                trainer = make(callbacks=list(callbacks), logger=list(loggers) or False)
            except Exception as error:  # whatever it says, it is about these arguments
                raise ConfigError(f"trainer: {self.package}.Trainer refuses these settings: {error}") from error
            yield trainer


def _of_kind(node: Mapping[str, Any], place: str, base: str) -> Any:
    built = build(node, place)
    if not package_of(type(built), base):
        raise ConfigError(
            f"{place}._target_={node['_target_']} gives {type(built).__name__}, which is no {base}. Name one."
        )
    return built


def _logger(node: Mapping[str, Any], place: str, name: str, version: str) -> Any:
    """A new one, called by the variant and the seed's run where its node does not say how."""
    taken = parameters_of(look_up(node["_target_"]))
    named = {"name": name, "version": version}
    named = {argument: text for argument, text in named.items() if argument in taken and argument not in node}
    return _of_kind({**named, **node}, place, "Logger")


def _keeps_checkpoints(callback: Any) -> bool:
    return bool(package_of(type(callback), "ModelCheckpoint"))


def silent_logger(lightning: Any, name: str, version: str) -> Any:
    """A logger of this namespace that keeps nothing: what is logged is recorded by a callback."""

    class Silent(lightning.loggers.Logger):  # type: ignore[misc]
        @property
        def name(self) -> str:
            return name

        @property
        def version(self) -> str:
            return version

        def log_metrics(self, *_: Any, **__: Any) -> None: ...

        def log_hyperparams(self, *_: Any, **__: Any) -> None: ...

    return Silent()


def _set_up(set_up: Callable[..., None], seed: int, *args: Any, **kwargs: Any) -> None:
    with isolated_streams():
        seed_streams(seed)
        set_up(*args, **kwargs)


@contextmanager
def surroundings() -> Iterator[None]:
    """What a seed changes of its process is put back afterwards; Lightning says only what goes wrong."""
    before = {name: os.environ.get(name) for name in OF_STREAMS}
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    levels = {name: logging.getLogger(name).level for name in TALKATIVE}
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with isolated_streams(), warnings.catch_warnings():
            for message in WARNINGS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        torch.backends.cudnn.benchmark = benchmark
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

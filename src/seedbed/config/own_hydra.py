"""Hydra with seedbed's configs, apart from the Hydra that the calling program may have initialised for its own."""

from __future__ import annotations

import io
import logging
import pickle
import re
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from hydra import compose, initialize_config_dir
from hydra._internal import defaults_list as hydras_defaults
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import InputDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.plugins.config_source import ConfigResult
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer

from seedbed.paths import current_folder, resources

FREE = "data.columns"
"""A mapping whose keys are names of the user's data."""
# What initialising Hydra sets anew; of plugins, it only registers more.
_SET_ANEW = (GlobalHydra, HydraConfig, JobRuntime, VersionBase)
_OF_HYDRA = ("hydra", "_dummy_empty_config_.yaml")
"""What Hydra and its plugins have in the config store."""


@contextmanager
def own_hydra(job_name: str = "app") -> Iterator[GlobalHydra]:
    """Hydra on the shipped configs. The caller's (a notebook's, ``@hydra.main``'s, a job's) is back as it was afterwards."""
    current_folder()  # Hydra asks for it, too
    before: dict[type, Singleton] = {
        kind: Singleton._instances[kind] for kind in _SET_ANEW if kind in Singleton._instances
    }
    resolvers = dict(BaseContainer._resolvers)
    for kind in _SET_ANEW:
        Singleton._instances.pop(kind, None)
    try:
        with (
            _without_own_configs(),
            _choices_mapped_where_asked_for(),
            initialize_config_dir(str(resources() / "conf"), job_name=job_name, version_base="1.3"),
        ):
            hydra = GlobalHydra.instance()
            loader = cast(ConfigLoaderImpl, hydra.config_loader())
            loader.repository = _Repository(loader.config_search_path)
            yield hydra
    finally:
        for kind in _SET_ANEW:
            Singleton._instances.pop(kind, None)
        Singleton._instances.update(before)
        BaseContainer._resolvers.update(resolvers)  # Hydra registers "now" and "hydra" again, whoever has them


@contextmanager
def _without_own_configs() -> Iterator[None]:
    """Put aside what the caller has stored by Python: Hydra takes it for a part of configs of the same names."""
    store = ConfigStore.instance()
    before = store.repo
    store.repo = {name: node for name, node in before.items() if name in _OF_HYDRA}
    try:
        yield
    finally:
        before.update({name: node for name, node in store.repo.items() if name in _OF_HYDRA})
        store.repo = before


@contextmanager
def _choices_mapped_where_asked_for() -> Iterator[None]:
    """Have Hydra map all choices only for defaults lists with entries such as ``${data}``: saves a fifth of composing."""
    map_choices = hydras_defaults._create_interpolation_map

    def where_asked_for(
        overrides: hydras_defaults.Overrides, defaults_list: list[InputDefault], self_added: bool
    ) -> DictConfig:
        asked_for = any(entry.is_interpolation() for entry in defaults_list)
        return map_choices(overrides, defaults_list, self_added) if asked_for else OmegaConf.create()

    hydras_defaults._create_interpolation_map = where_asked_for
    try:
        yield
    finally:
        hydras_defaults._create_interpolation_map = map_choices


State = tuple[str, str, bytes | None] | None
"""Where a config's file is, and its content; None for Hydra's own, which do not change, and None where there is no file."""


class _Repository(ConfigRepository):
    """Hydra's, which parses a file again only where its content has changed, and knows what it has read."""

    def __init__(self, search_path: ConfigSearchPath) -> None:
        super().__init__(search_path)
        self.read: dict[str, tuple[_Repository, State]] = {}

    def __deepcopy__(self, memo: dict[int, object]) -> _Repository:
        """Hydra composes by a copy, which it gives sources of its own."""
        return copy(self)

    def load_config(self, config_path: str) -> ConfigResult | None:
        state = self.state(config_path)
        self.read[config_path] = self, state
        if state is None or state[2] is None:
            return super().load_config(config_path)
        if (config_path, state) not in _LOADED:
            _LOADED[config_path, state] = pickle.dumps(super().load_config(config_path))
        loaded: ConfigResult = pickle.loads(_LOADED[config_path, state])  # composing takes nodes out of it
        return loaded

    def state(self, config_path: str) -> State:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is None:
            return None
        path = Path(source.path, source._normalize_file_name(config_path))
        content = path.read_bytes() if source.scheme() == "file" else b"" if source.path == "hydra.conf" else None
        return source.provider, source.path, content


# Kept as bytes: a config is read from them in an eighth of the time that ``deepcopy`` takes.
_LOADED: dict[tuple[str, State], bytes] = {}


@dataclass(frozen=True)
class _Composed:
    config: bytes
    lasts: bool
    """Whether it follows from the files that were read: a copy of the environment does not."""
    read: dict[str, tuple[_Repository, State]]

    @property
    def repository(self) -> _Repository:
        """The one that the last file was read from, with all folders in which Hydra has looked."""
        return next(reversed(self.read.values()))[0]

    def is_up_to_date(self) -> bool:
        return all(repository.state(path) == state for path, (repository, state) in self.read.items())


_COMPOSED: dict[tuple[object, ...], _Composed] = {}
_KEPT = 64
"""Of the latest compositions."""


def compose_config(
    overrides: Sequence[str], *, with_hydra: bool = False, name: str | None = "config", groups: Container[str] = ()
) -> DictConfig:
    """The config that Hydra composes from file ``name`` under these overrides: a copy of the last one as long as no file has changed.

    An experiment's own config, say, is needed with each of its variants and with each job of a sweep. Which files it is made
    of depends on Hydra's own settings and on the choices of ``groups``: all other values are set in the copy, as Hydra does it
    last. Without ``groups``, and ``with_hydra``, which holds what was typed, Hydra does it all.
    """
    values = [] if with_hydra or not groups else _values(overrides, groups)
    texts = {value.input_line for value in values}
    known = _known([text for text in overrides if text not in texts], with_hydra, name)
    if any(known.repository.group_exists(value.key_or_group) for value in values):  # one of the user's own
        known, values = _known(overrides, with_hydra, name), []
    config = cast(DictConfig, pickle.loads(known.config))
    texts_of_values = _with_free_keys([str(value.input_line) for value in values], config)
    apply_overrides(config, _parsed(texts_of_values))
    return config


def _values(overrides: Sequence[str], groups: Container[str]) -> list[Override]:
    """Those of the overrides that change no choice; none of them where only Hydra can tell."""
    typed = _parsed([text for text in overrides if not text.startswith("hydra.")])
    # It refuses a key with several values, and sets a dict that is given for a choice where it stands among the values.
    if any(
        item.is_sweep_override() or (item.key_or_group in groups and isinstance(item.value(), dict)) for item in typed
    ):
        return []
    return [
        item
        for item in typed
        if item.key_or_group not in groups
        and item.package is None
        and re.split("[./]", item.key_or_group)[0] != "hydra"
    ]


def _parsed(overrides: Sequence[str]) -> list[Override]:
    parsed: list[Override] = OverridesParser.create().parse_overrides(list(overrides))
    return parsed


def _known(overrides: Sequence[str], with_hydra: bool, name: str | None) -> _Composed:
    asked = (name, *overrides, with_hydra, current_folder())
    known = _COMPOSED.pop(asked, None)
    if known is None or not known.is_up_to_date():
        known = _compose(name, overrides, with_hydra)
    if known.lasts:
        _COMPOSED[asked] = known
    if len(_COMPOSED) > _KEPT:
        _COMPOSED.pop(next(iter(_COMPOSED)))
    return known


def _compose(name: str | None, overrides: Sequence[str], with_hydra: bool) -> _Composed:
    with own_hydra() as hydra:
        if any(_is_free(override) for override in overrides):
            without = compose(name, [override for override in overrides if not _is_free(override)])
            overrides = _with_free_keys(overrides, without)
        config = compose(name, list(overrides), return_hydra_config=with_hydra)
        lasts = not (with_hydra and config.hydra.job.env_copy)
        return _Composed(
            pickle.dumps(config),
            lasts,
            cast(_Repository, cast(ConfigLoaderImpl, hydra.config_loader()).repository).read,
        )


def _is_free(override: str) -> bool:
    """Whether it sets a key that is a name of the user's own."""
    return override.startswith((f"{FREE}.", f"{FREE}="))


def _with_free_keys(overrides: Sequence[str], config: DictConfig) -> list[str]:
    """The overrides, in which those of such keys may add them where the config has the mapping that they are for."""
    is_there = any(map(_is_free, overrides)) and OmegaConf.select(config, FREE) is not None
    return [f"++{override}" if is_there and _is_free(override) else override for override in overrides]


def apply_overrides(config: DictConfig, overrides: Sequence[Override]) -> None:
    """Change a composed config as Hydra does under these overrides of values; raises Hydra's errors."""
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)


def hydras_info(kind: str, overrides: Sequence[str], name: str = "config") -> str:
    """What Hydra's ``--info KIND`` says of the config that it composes: "searchpath", "defaults" or "defaults-tree"."""
    said, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        with redirect_stdout(said), own_hydra() as hydra:
            assert hydra.hydra is not None
            hydra.hydra.show_info(kind, name, list(overrides))
    finally:  # Hydra sends all that is logged to standard output from then on
        root.handlers[:] = handlers
        root.setLevel(level)
    return said.getvalue().strip("\n")


def search_path(folders: Sequence[Path]) -> str:
    """The override that lets Hydra find configs in these folders too; it resolves no ``${...}`` in them."""
    named = (QuotedString(f"file://{folder}", Quote.single).with_quotes() for folder in folders)
    return f"hydra.searchpath=[{','.join(named)}]"

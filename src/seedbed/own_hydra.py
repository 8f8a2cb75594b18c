"""Hydra with seedbed's configs, apart from the Hydra that the calling program may have initialised for its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

from hydra import initialize_config_dir
from hydra._internal import defaults_list as hydras_defaults
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_store import ConfigStore
from hydra.core.default_element import InputDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer

from seedbed.paths import current_folder, resources

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
            _read_each_file_once()
            yield GlobalHydra.instance()
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
    """For entries such as ``${data}``, which few have, Hydra maps all choices with every defaults list: a fifth of composing."""
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


def _read_each_file_once() -> None:
    loader = GlobalHydra.instance().config_loader()
    assert isinstance(loader, ConfigLoaderImpl)
    loader.repository = _Repository(loader.config_search_path)


class _Repository(ConfigRepository):
    """Hydra's, which parses a file again only where its content has changed: that takes a third of composing."""

    def load_config(self, config_path: str) -> ConfigResult | None:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        state = None if source is None else _state(source, config_path)
        if source is None or state is None:
            return super().load_config(config_path)
        key = (source.provider, source.path, config_path, state)
        if key not in _LOADED:
            found = super().load_config(config_path)
            assert found is not None
            _LOADED[key] = found
        found = _LOADED[key]
        return replace(found, config=deepcopy(found.config))  # composing takes nodes out of it


_LOADED: dict[tuple[str, str, str, bytes], ConfigResult] = {}


def _state(source: ConfigSource, config_path: str) -> bytes | None:
    """The content of a config's file, of Hydra's own b""; None where it is no file."""
    if source.path == "hydra.conf":
        return b""
    if source.scheme() != "file":
        return None
    return Path(source.path, source._normalize_file_name(config_path)).read_bytes()


def search_path(folders: Sequence[Path]) -> str:
    """The override that lets Hydra find configs in these folders too; it resolves no ``${...}`` in them."""
    named = (QuotedString(f"file://{folder}", Quote.single).with_quotes() for folder in folders)
    return f"hydra.searchpath=[{','.join(named)}]"

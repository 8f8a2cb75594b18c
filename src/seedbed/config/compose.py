"""Hydra with seedbed's configs, apart from the Hydra that the calling program may have initialised for its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.version import VersionBase
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
            initialize_config_dir(str(resources() / "conf"), job_name=job_name, version_base="1.3"),
        ):
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


def search_path(folders: Sequence[Path]) -> str:
    """The override that lets Hydra find configs in these folders too; it resolves no ``${...}`` in them."""
    named = (QuotedString(f"file://{folder}", Quote.single).with_quotes() for folder in folders)
    return f"hydra.searchpath=[{','.join(named)}]"

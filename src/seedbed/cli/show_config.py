"""The config of an experiment as Hydra's users know it: ``--cfg job`` and ``--info``."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.errors import HydraException
from omegaconf import Container, OmegaConf

from seedbed.config.compose import BaseConfig
from seedbed.config.experiment import shown_config
from seedbed.config.override_grammar import is_node, parse_single
from seedbed.config.own_hydra import hydras_info
from seedbed.errors import ConfigError, near_misses

GLOBAL = "_global_"


def config_text(
    name: str, overrides: Sequence[str], config_dir: str | None, *, resolve: bool = False, package: str | None = None
) -> str:
    """The config as YAML; with ``resolve`` as a run uses it, and of a ``package`` such as "model" alone."""
    config = shown_config(name, overrides, config_dir, resolve=resolve).config
    if package in (None, GLOBAL):
        return OmegaConf.to_yaml(config).rstrip("\n")
    found = OmegaConf.select(config, str(package), throw_on_missing=False, throw_on_resolution_failure=False)
    if found is None:
        known = [str(key) for key in config]
        raise ConfigError(f"--package {package}: the config has no such part, {near_misses(str(package), known)}")
    if not isinstance(found, Container):
        return str(found)
    return f"# @package {package}\n{OmegaConf.to_yaml(found)}".rstrip("\n")


def info_text(name: str, kind: str, overrides: Sequence[str], config_dir: str | None) -> str:
    """Where each part of the config comes from, as Hydra says it; of the ``kind`` "config" all, and the config itself."""
    shown = shown_config(name, overrides, config_dir)
    base = BaseConfig.of_experiment(name, config_dir)
    # A node in place of a choice is merged when all else is composed, and is in no list.
    items = [item for item in parse_single(shown.overrides) if not is_node(item, base.groups)]
    given = [*base.selection, *(str(item.input_line) for item in items)]
    kinds = ("searchpath", "defaults-tree", "defaults") if kind == "config" else (kind,)
    try:
        said = [hydras_info(each, given) for each in kinds]
    except HydraException as error:
        raise ConfigError(f"--info {kind}: Hydra says: {' '.join(str(error).split())}") from error
    if kind == "config":
        said.append(f"Config\n******\n{OmegaConf.to_yaml(shown.config)}".rstrip("\n"))
    return "\n\n".join(said)

"""Objects made of config nodes, and why one cannot be made."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import traceback
from collections.abc import Mapping
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from seedbed.checks import is_installed
from seedbed.errors import ConfigError, near_misses, place_in_own_code, without_addresses
from seedbed.quoting import escaped


def build(config: Mapping[str, Any], place: str) -> Any:
    """Instantiate the object that the config node ``place`` describes; a failure is a ``ConfigError``."""
    try:
        # Escaped twice, as Hydra resolves a node before it calls what it names, and then reads it.
        return instantiate(OmegaConf.create(escaped(escaped(dict(config)))), _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, ConfigError):
            raise cause from error
        if "Error locating target" in str(error) or "Error loading" in str(cause):
            raise ConfigError(f"{place}: {_not_found(str(config.get('_target_')), f'{error} {cause}')}") from error
        message = without_addresses(" ".join(str(cause or error).split()))
        versions = _versions(message) if isinstance(cause, ImportError) else ""
        said = f"{place}: cannot build {config.get('_target_')}: "
        if cause and (line := place_in_own_code("".join(traceback.format_exception(cause)))):
            raise ConfigError(f"{said}{type(cause).__name__}: {message}{versions} ({line})") from error
        about_arguments = cause is None or isinstance(cause, TypeError)
        raise ConfigError(f"{said}{message}{versions}{_ARGUMENTS if about_arguments else ''}") from error


_ARGUMENTS = (
    " (The keys of the config node are the arguments of its _target_; for something that is called later, such as a "
    "function, add _partial_: true.)"
)
PACKAGES = {"imblearn": "imbalanced-learn", "sklearn": "scikit-learn", "torch": "torch"}
"""Of which two versions may not fit: modules and the names under which they are installed."""


def _not_found(target: str, message: str) -> str:
    """Why a ``_target_``, or one inside its node that the message names, cannot be loaded, and what to do."""
    target = next(iter(re.findall(r"Error l(?:oading|ocating target) '([\w.]+)'", message)[::-1]), target)
    module, _, name = target.rpartition(".")
    try:
        names = [known for known in vars(importlib.import_module(module)) if not known.startswith("_")]
        return f"_target_={target}: {module} has no {name!r}, {near_misses(name, names)}{_versions(module)}"
    except Exception as error:  # a module of the user's may raise anything
        why = f"_target_={target}: {module} cannot be imported: {type(error).__name__}: {error}"
    return f"{why}{_versions(why)}. A module of your own, and what it imports, lies in the folder that --config-dir names, or is installed."


def _versions(message: str) -> str:
    """Which versions are installed of packages that a message names, as two that do not fit are the usual reason."""
    named = [package for package in PACKAGES if re.search(rf"\b{package}\b", message)]
    named = list(PACKAGES)[:2] if {"imblearn", "sklearn"} & set(named) else named
    versions = []
    for package in (PACKAGES[module] for module in named):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{package} is not installed")
    return f" (installed: {', '.join(versions)})" if versions else ""


def missing_extra(config: Mapping[str, Any]) -> str:
    """The extra of seedbed that brings the package which the model says it needs; "" where it needs none, or has it."""
    module, _, name = str((config.get("model") or {}).get("_target_")).rpartition(".")
    try:
        needs = getattr(getattr(importlib.import_module(module), name, None), "NEEDS", None)
    except (ValueError, ImportError):
        return ""  # what is wrong there is found when the model is built
    return "" if needs is None or is_installed(needs[0]) else str(needs[1])

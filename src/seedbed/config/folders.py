"""The folders in which configs are looked for, and the experiments that lie there."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from seedbed.errors import ConfigError, near_misses
from seedbed.paths import current_folder, expanded, project_folder, resources


def search_folders(config_dir: str | os.PathLike[str] | None) -> list[Path]:
    """Folders that hold ``experiments/``: seedbed's own and the user's."""
    if config_dir is None:
        return [resources()]
    folder = expanded(config_dir).resolve()
    if not folder.is_dir():
        raise ConfigError(f"--config-dir {config_dir}: there is no such folder. Name one that holds experiments/.")
    return [folder, resources()]


def check_name(name: str, config_dir: str | os.PathLike[str] | None = None) -> None:
    """Raise ``ConfigError`` where there is no such experiment."""
    if name not in (known := experiment_names(config_dir)):
        if config_dir is None and (folder := project_folder()) and name in experiment_names(folder):
            raise ConfigError(
                f"There is no experiment {name!r} among seedbed's own, and {folder / 'experiments' / name}.yaml is looked for "
                f"where it is asked for: {add_config_dir(folder)}."
            )
        folders = search_folders(config_dir)
        if config_dir is not None and not (folders[0] / "experiments").is_dir():
            inside = f", such as {folders[0].parent}" if folders[0].name == "experiments" else ""
            raise ConfigError(
                f"--config-dir {config_dir}: there is no folder experiments/ in it. Name the folder that holds experiments/{inside}."
            )
        places = " or ".join(str(folder / "experiments") for folder in folders)
        typed = Path(name).stem if name.endswith(".yaml") else name  # it goes by its name, not by its file
        raise ConfigError(f"There is no experiment {name!r} in {places}: {near_misses(typed, known)}")


def add_config_dir(folder: Path) -> str:
    """What to do for configs and code in a folder to be found."""
    typed = "." if folder == current_folder() else str(folder)
    return f"add --config-dir {shlex.quote(typed)} (in Python config_dir={typed!r})"


def experiment_names(config_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """The experiments that can be run."""
    return sorted({path.stem for folder in search_folders(config_dir) for path in folder.glob("experiments/*.yaml")})

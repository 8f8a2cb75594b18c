"""What the files of all choices of the config groups set, and say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from seedbed.config.choice_settings import config_of
from seedbed.config.schema.meanings import comments_of
from seedbed.errors import ConfigError
from seedbed.paths import config_groups, resources

_NOT_GROUPS = ("experiments", "mlruns", "mlartifacts", "multirun", "outputs")
"""Folders of a project in which no configs of the user's lie."""


@dataclass(frozen=True)
class Written:
    """What the file of a choice sets, and says of it."""

    content: Mapping[str, Any]
    comments: Mapping[str, str]
    header: str = ""

    def below(self, key: str) -> Written | None:
        """The part of a key that holds a node with a ``_target_``."""
        node = self.content.get(key)
        if not isinstance(node, Mapping) or "_target_" not in node:
            return None
        return Written(node, {name.removeprefix(f"{key}."): said for name, said in self.comments.items() if name.startswith(f"{key}.")})  # fmt: skip


class Known:
    """The groups of some folders, and their choices."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        groups = config_groups(folders)
        groups.pop("experiments")
        self.groups = {group: sorted(groups[group]) for group in sorted(groups)}
        own = [folder for folder in folders if folder != resources()]
        self.further = {
            name: sorted(path.stem for path in found)
            for folder in own
            for part in sorted(folder.glob("[!._]*/"))
            if (name := part.name) not in (*_NOT_GROUPS, *self.groups) and (found := list(part.glob("*.yaml")))
        }
        """Groups of the user's own."""
        config = resources() / "conf" / "config.yaml"
        self.base = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.load(config)))
        self.usual = {
            group: choice
            for entry in self.base["defaults"]
            if isinstance(entry, dict)
            for group, choice in entry.items()
        }
        """What ``conf/config.yaml`` chooses of each group."""
        self.comments = comments_of(config).of_keys

        self._written: dict[tuple[str, str], Written] = {}

    def _path(self, group: str, choice: str) -> Path:
        folders = (resources() / "conf", *self.folders)
        return next(path for folder in folders if (path := folder / group / f"{choice}.yaml").is_file())

    def parents(self, group: str, choice: str) -> list[Any]:
        """The defaults list of a choice's file."""
        path = self._path(group, choice)
        try:
            content = OmegaConf.to_container(OmegaConf.load(path))
        except (YAMLError, UnicodeDecodeError, OmegaConfBaseException, OSError) as error:
            raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
        defaults = content.get("defaults") if isinstance(content, dict) else None
        return defaults if isinstance(defaults, list) else []

    def written(self, group: str, choice: str) -> Written:
        """What the file of a choice, and those of its group that it goes on from, set and say; raises ``ConfigError``."""
        if (group, choice) not in self._written:
            self._written[group, choice] = self._read(group, choice)
        return self._written[group, choice]

    def _read(self, group: str, choice: str) -> Written:
        parents = [each for each in self.parents(group, choice) if isinstance(each, str) and each in self.groups[group]]
        above: dict[str, str] = {}
        for parent in parents:
            above |= self.written(group, parent).comments
        own = comments_of(self._path(group, choice))
        content = OmegaConf.to_container(config_of(group, choice, self.folders))
        keys = content.items() if isinstance(content, dict) else ()
        return Written({str(key): value for key, value in keys}, above | own.of_keys, own.header)

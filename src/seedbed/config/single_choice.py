"""One choice of each config group: a list of several, which Hydra merges so that the last one wins, is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from seedbed.checks import shown
from seedbed.errors import ConfigError


def refuse_lists(overrides: Iterable[Override], groups: Collection[str], variant: str | None = None) -> None:
    """Raise ``ConfigError`` where an override, of a ``variant`` or typed, gives a config group a list of choices."""
    for item in overrides:
        group = item.key_or_group
        given = None if item.is_delete() or item.is_sweep_override() else item.value()
        if group not in groups or not isinstance(given, list):
            continue
        options = list(map(shown, given))
        whose = f" of variant {variant!r}" if variant is not None else ""
        several = ""
        if len(options) > 1 and variant is not None:
            several = "; or write a variant for each"
        elif len(options) > 1 and not group.startswith(("hydra", "search")):
            several = f"; or run one job for each: -m {group}={','.join(options)}"
        raise ConfigError(f"Override {str(item.input_line)!r}{whose}: {_one_of(group, options)}{several}.")


def refuse_lists_in_files(
    name: str, chosen: Mapping[str, Any], groups: Collection[str], folders: Sequence[Path]
) -> None:
    """Raise ``ConfigError`` where the defaults of an experiment's file, or of a user's choice, list several for a group.

    ``chosen`` is the choice of each group.
    """
    files = [("experiments", name), *((group, str(choice)) for group, choice in chosen.items() if choice is not None)]
    for group, choice in files:
        for path, entry, options in _lists(group, choice, groups, folders):
            raise ConfigError(f"{path}: its defaults list has '{entry}: {shown(options)}': {_one_of(entry, options)}.")


def _one_of(group: str, options: Sequence[Any]) -> str:
    key = group.removeprefix("override ").lstrip("/")
    if not options:
        return f"a config group has one choice, and this list has none. Name one, such as {key}=CHOICE"
    ways = " or ".join(f"{key}={shown(option)}" for option in options[:3])
    return f"a config group has one choice: of several, only the last would count. Pick one, {ways}" if len(options) > 1 else f"a config group has one choice, which is not a list. Write {ways}"  # fmt: skip


def _lists(
    group: str, choice: str, groups: Collection[str], folders: Sequence[Path]
) -> Iterator[tuple[Path, str, list[Any]]]:
    """The lists of choices in the defaults of a file, and of those of its group that it is made of."""
    path = next((file for folder in folders if (file := folder / group / f"{choice}.yaml").is_file()), None)
    for entry in () if path is None else _defaults(path):
        if isinstance(entry, str) and entry not in ("_self_", choice):
            yield from _lists(group, entry.removeprefix(f"/{group}/"), groups, folders)
        for key, options in entry.items() if isinstance(entry, dict) else ():
            named = str(key).removeprefix("optional ").removeprefix("override ").partition("@")[0].strip()
            below = [named.lstrip("/"), *([] if named.startswith("/") else [f"{group}/{named}"])]
            if isinstance(options, list) and set(below) & set(groups) and path is not None:
                yield path, str(key), options


def _defaults(path: Path) -> list[Any]:
    """The defaults list of a file; [] where it has none, or cannot be read, which is said elsewhere."""
    state = path.stat()
    return _read_defaults(path, state.st_mtime_ns, state.st_size)


@lru_cache  # a file is asked for with every variant
def _read_defaults(path: Path, changed: int, size: int) -> list[Any]:
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OmegaConfBaseException, YAMLError, OSError, ValueError):
        return []
    defaults = content.get("defaults") if isinstance(content, dict) else None
    return defaults if isinstance(defaults, list) else []

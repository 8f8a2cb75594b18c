"""An experiment's config as its YAML says it, read in milliseconds: without Hydra, interpolations are not followed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from seedbed.paths import resources

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NO_SETTINGS = ("defaults", "variants", "variant", "data_sets", "published", "seeds", "hydra")
"""At the top of a config: lists of names, and what is completed by itself."""


def mapping(path: Path) -> Mapping[str, Any]:
    """A YAML file's keys; none where it cannot be read, which the command itself will say."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class Composed:
    """The choices and settings of an experiment, under the choices that are typed."""

    name: str
    folders: Sequence[Path]
    """The user's own, in which files are looked for beside seedbed's."""
    typed: Mapping[str, str]
    """Choices of groups, as they are typed."""

    @cached_property
    def choices(self) -> dict[str, str]:
        """What is chosen of each group."""
        usual = dict(_choices(mapping(resources() / "conf" / "config.yaml")))
        chosen: dict[str, str] = {**usual, **self._chosen_by(self.name), **self.typed}
        below = {
            f"{group}/{name}": choice
            for group, made in chosen.items()
            for name, choice in _choices(self._file(group, made))
        }
        return {**below, **chosen}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The values by dotted key."""
        base = {
            key: value
            for key, value in mapping(resources() / "conf" / "config.yaml").items()
            if key not in _NO_SETTINGS
        }
        config: dict[str, Any] = dict(base)
        for group, choice in sorted(self.choices.items()):  # a group before those inside it
            node: Any = self._of_choice(group, choice)
            for part in reversed(group.split("/")):
                node = {part: node}
            config = _merged(config, node)
        own = {
            key: value for key, value in self._of_choice("experiments", self.name).items() if key not in _NO_SETTINGS
        }
        chosen = self._chosen_by(self.name)
        for group, choice in self.typed.items():
            if choice != chosen.get(group) and isinstance(node := own.get(group), dict):  # of it what fits holds
                own[group] = {key: value for key, value in node.items() if key in config.get(group, ())}
        return dict(_flat(_merged(config, own)))

    def offered(self, key: str) -> list[str]:
        """The values of a dotted key of which there are few: those that are known, or the one that it has."""
        if key in ("report.metric", "monitor"):
            return self.metrics("val" if key == "monitor" else None)
        schema, has = self._schema_of(key), self.settings.get(key)
        if isinstance(has, bool) or (schema.get("type") or [""])[0] == "boolean":
            return ["true", "false", *schema.get("examples", ())]
        if schema.get("examples"):
            return list(schema["examples"])
        text = has if isinstance(has, str) else json.dumps(has, ensure_ascii=False).replace(" ", "").replace('"', "")
        return [text] if re.fullmatch(r"[\w.\[\],+-]+", text) else []

    def metrics(self, side: str | None = None) -> list[str]:
        """The metrics of the experiment's task, of a side; without one of that which the report compares."""
        task = self.choices.get("task", "")
        known = self._schema["definitions"].get(f"metrics_of_{task}", {}).get("defaultSnippets", ())
        own = (key.split(".")[2] for key in self.settings if key.startswith("task.own_metrics."))
        names = dict.fromkeys([*(each["label"] for each in known), *own])
        stated = str(self.settings.get("report.metric")).partition("/")[0]
        side = side or (stated if stated in ("test", "val") else "test")
        return [f"{side}/{name}" for name in names]

    @cached_property
    def _schema(self) -> dict[str, Any]:
        return dict(
            json.loads((resources() / "conf" / "schema" / "experiment.schema.json").read_text(encoding="utf-8"))
        )

    def _schema_of(self, key: str) -> Mapping[str, Any]:
        """What the shipped schema says of a key; nothing of those of a user's own choices."""
        parts = key.split(".")
        group = next((name for end in (2, 1) if (name := "/".join(parts[:end])) in self.choices), "")
        node: Any = self._schema["definitions"].get(
            "trainer" if group == "trainer" else f"{group.replace('/', '.')}={self.choices.get(group)}", {}
        )
        inside = parts[len(group.split("/")) if group else 0 :]
        if not group or "properties" not in {**node, **node.get("then", {})}:
            node, inside = self._schema, parts
        for part in inside:
            node = {**node.get("properties", {}), **node.get("then", {}).get("properties", {})}.get(part, {})
            node = node if isinstance(node, dict) else {}
        return dict(node)

    def _file(self, group: str, choice: str) -> Mapping[str, Any]:
        places = (resources() / "conf" if group != "experiments" else resources(), *self.folders)
        return next((mapping(path) for folder in places if (path := folder / group / f"{choice}.yaml").is_file()), {})

    def _of_choice(self, group: str, choice: str) -> dict[str, Any]:
        """What the file of a choice sets, after those of its group that it goes on from."""
        content = self._file(group, choice)
        config: dict[str, Any] = {}
        for parent in _parents(content):
            config = _merged(config, self._of_choice(group, parent) if parent != choice else {})
        return _merged(config, {key: value for key, value in content.items() if key != "defaults"})

    def _chosen_by(self, experiment: str) -> dict[str, str]:
        content = self._file("experiments", experiment)
        chosen: dict[str, str] = {}
        for parent in _parents(content):
            chosen |= self._chosen_by(parent) if parent != experiment else {}
        return chosen | dict(_choices(content))


def _parents(content: Mapping[str, Any]) -> list[str]:
    defaults = content.get("defaults")
    return (
        [entry for entry in defaults if isinstance(entry, str) and entry != "_self_"]
        if isinstance(defaults, list)
        else []
    )


def _choices(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The groups and choices of a defaults list."""
    defaults = content.get("defaults")
    for entry in defaults if isinstance(defaults, list) else ():
        for key, choice in entry.items() if isinstance(entry, dict) else ():
            if isinstance(choice, str) and choice != "???":
                yield str(key).removeprefix("override ").partition("@")[0].lstrip("/"), choice


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif not str(key).startswith("_") and "." not in str(key):
            yield f"{prefix}{key}", value

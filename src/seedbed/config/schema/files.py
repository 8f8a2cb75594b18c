"""The schemas by file, and the line by which an editor finds one."""

from __future__ import annotations

import json
import os
from pathlib import Path

from seedbed.config.folders import search_folders
from seedbed.config.keys import NAMED
from seedbed.config.schema.choices import Known
from seedbed.config.schema.experiments import of_experiments
from seedbed.config.schema.json_types import DRAFT, Schema
from seedbed.config.schema.nodes import node_of, of_search, of_target, of_tracking, of_trainer
from seedbed.paths import make_importable

EXPERIMENT, CONFIG = "experiment.schema.json", "config.schema.json"


def schemas(config_dir: str | os.PathLike[str] | None = None) -> dict[str, Schema]:
    """The schemas by file name: of experiments, and of each config group.

    With the user's own choices in ``config_dir``; raises ``ConfigError`` where there is no such folder, or where one of
    its files cannot be read.
    """
    folders = tuple(search_folders(config_dir))
    if config_dir is not None:
        make_importable(folders[0])
    known = Known(folders)
    experiment = of_experiments(known)
    shipped = {CONFIG: _config(experiment)} if config_dir is None else {}
    return {EXPERIMENT: experiment} | shipped | {file_of(group): _of_group(group, known) for group in known.groups}


def file_of(group: str) -> str:
    """The name of the file that holds the schema of a config group, or of experiments."""
    return EXPERIMENT if group == "experiments" else f"{group.replace('/', '.')}.schema.json"


def as_text(schema: Schema) -> str:
    """A schema as its file has it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def modeline(folder: Path, group: str, schemas: Path) -> str:
    """The line by which editors find the schema of a group's files in ``folder``, where the schemas lie in another one."""
    path = os.path.relpath(schemas / file_of(group), folder / group)
    return f"# yaml-language-server: $schema={Path(path).as_posix()}"


def _config(experiment: Schema) -> Schema:
    """The schema of ``conf/config.yaml``, which has an experiment's keys and a defaults list of its own."""
    keys = {key: {"$ref": f"{EXPERIMENT}#/properties/{key}"} for key in experiment["properties"] if key != "defaults"}
    return {
        "$schema": DRAFT,
        "type": "object",
        "properties": {"defaults": {"type": "array"}} | keys,
        "additionalProperties": False,
    }


def _of_group(group: str, known: Known) -> Schema:
    """The file of a choice of a group."""
    head = {"$schema": DRAFT, "title": f"A choice of {group}", "type": ["object", "null"]}
    further: Schema = {
        "defaults": {
            "type": "array",
            "description": "Choices of groups below this one, and files that this one goes on from.",
        }
    }
    if group in ("trainer", "tracking", "search"):
        node = {"trainer": of_trainer, "tracking": of_tracking, "search": of_search}[group](known)
        properties = node["properties"] | {name: {"type": "object"} for name in NAMED if group == "tracking"}
        if group == "trainer":  # one of task=lightning has any argument of Lightning's
            own = of_target("pytorch_lightning.Trainer", [], "")["properties"]
            properties = own | properties
        return head | {"properties": properties | further, "additionalProperties": False}
    written = [known.written(group, choice) for choice in known.groups[group]]
    node = node_of(written, group, named=True)
    for branch in [node, *node.get("allOf", [])]:
        if "then" in branch:
            branch["then"]["properties"] |= {"defaults": True}
    return head | node | {"properties": node["properties"] | further}

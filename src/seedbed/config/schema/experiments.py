"""The schema of experiment files: what a key takes follows from what the file chooses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Literal

from seedbed.config.declared_metrics import declared_today
from seedbed.config.keys import MODULES, NAMED, OBJECTS
from seedbed.config.lightning_modules import TASK
from seedbed.config.schema.choices import Known, Written
from seedbed.config.schema.json_types import DRAFT, REFERENCE, Schema, matching, of_annotation, offered, one_of
from seedbed.config.schema.nodes import (
    A_REFERENCE,
    beneath,
    node_of,
    of_published,
    of_search,
    of_settings,
    of_tracking,
    of_trainer,
)
from seedbed.config.values import SETTINGS

_DESCRIBED = {
    "defaults": "What is chosen of each config group: - override /model: mlp. For groups that are not named, the usual choice holds.",
    "variants": "What is compared: names, each with the overrides that make it different, such as smote: [imbalance=smote]; [] changes nothing.",
    "report": "How the results are reported.",
    "published": "What a source states, to be compared with: source, recipe, numbers, curves, claims.",
    "question": "What the experiment asks, as the report says it.",
    "monitor": "The metric of validation rows by which select=best and patience go, such as val/loss.",
    "callbacks": "Callbacks of Lightning's, or your own, by names: {lr: {_target_: pytorch_lightning.callbacks.LearningRateMonitor}}.",
    "loggers": "Loggers of Lightning's beside MLflow, by names: {csv: {_target_: pytorch_lightning.loggers.CSVLogger, save_dir: logs}}.",
    "hydra": "Hydra's own settings, such as those of launcher and sweeper.",
    "module": "With task=lightning: the LightningModule, by its _target_, and its arguments.",
    "datamodule": "With task=lightning: the LightningDataModule, by its _target_, and its arguments.",
    "metrics": "With task=lightning: what self.log logs, and which values are good: {val/loss: lower, test/acc: higher}.",
}  # fmt: skip


def of_experiments(known: Known) -> Schema:
    """The schema of all experiments that can make the known choices."""
    definitions: Schema = {"override": _override(known.groups)}
    definitions |= {_name_of_choice(group): _choice(group, names, known) for group, names in known.groups.items()}
    choices = {group: names for group, names in known.groups.items() if not group.startswith("hydra/")}
    conditions = [_default_of(group, names, known) for group, names in choices.items() if known.usual.get(group)]
    for group, names in choices.items():
        for choice in names:
            named = f"{group.replace('/', '.')}={choice}"
            definitions[named] = _of_choice(group, choice, known)
            conditions.append({"if": _chooses(group, choice), "then": _at(group, {"$ref": f"#/definitions/{named}"})})
            conditions += _defaults_below(group, choice, known)
    for task in known.groups["task"]:
        names = _metrics(task, known)
        definitions[f"metrics_of_{task}"] = offered(dict.fromkeys(names, ""))
        conditions.append({"if": _chooses("task", task), "then": _of_metrics(names)})
    definitions["trainer"] = of_trainer(known)
    definitions["trainer_of_modules"] = node_of([Written({"_target_": "pytorch_lightning.Trainer"}, {})], "", named=False)["then"] | {"type": ["object", "string"]}  # fmt: skip
    modules = [_chooses("task", choice) for choice in known.groups["task"] if known.written("task", choice).content.get("_target_") == TASK]  # fmt: skip
    conditions.append(
        {
            "if": {"anyOf": [*modules, _HAS_PARENTS]},
            "then": {"properties": {"trainer": {"$ref": "#/definitions/trainer_of_modules"}}},
            "else": {
                "properties": {"trainer": {"$ref": "#/definitions/trainer"}}
                | dict.fromkeys((*MODULES, "metrics"), False)
            },
        }
    )
    return {
        "$schema": DRAFT,
        "type": "object",
        "properties": {"defaults": _defaults(known), **_top(known)},
        # Values that others refer to, as ${_width}: of any other name nothing would tell them from a mistake.
        "patternProperties": {"^_": {}},
        "additionalProperties": False,
        "allOf": conditions,
        "definitions": definitions,
    }


def _top(known: Known) -> Schema:
    """The keys of an experiment beside its defaults."""
    overrides = {"type": ["array", "string"], "pattern": REFERENCE, "items": {"$ref": "#/definitions/override"}}
    nodes = {"type": ["object", "null", "string"], "pattern": REFERENCE, "additionalProperties": {"type": ["object", "null", "string"], "properties": {"_target_": {"type": "string"}}}}  # fmt: skip
    collection = {"type": ["string", "array"], "examples": ["keel"], "items": {"$ref": "#/definitions/override"},
                  "description": "All data sets of a collection."}  # fmt: skip
    seeds = {"type": ["integer", "array", "string"], "minimum": 1, "items": {"type": "integer", "minimum": 0}, "minItems": 1, "uniqueItems": True}  # fmt: skip
    top: Schema = {name: {**A_REFERENCE, "type": ["object", "null", "string"]} for name in OBJECTS}
    top |= {
        "trainer": {},
        "question": of_annotation(SETTINGS["question"]),
        "seeds": seeds | matching("", "Give the number of seeds, or a list of numbers."),
        "variant": of_annotation(SETTINGS["variant"]),
        "select": of_annotation(Literal["last", "best"]),
        "monitor": {"type": "string", **matching("^val/.+", "Give a metric of validation rows, such as val/loss.")},
        "patience": of_annotation(int | None),
        "lr_finder": of_settings("lr_finder", known.base["lr_finder"], beneath("lr_finder", known.comments)),
        "data_sets": {"type": ["object", "null", "string"], "pattern": REFERENCE, "properties": {"collection": collection}, "additionalProperties": overrides},
        "variants": {"type": ["object", "string"], "pattern": REFERENCE, "minProperties": 1, "additionalProperties": overrides},
        "report": of_settings("report", known.base["report"], {}),
        "published": of_published(),
        "search": of_search(known),
        "tracking": of_tracking(known),
        **dict.fromkeys(NAMED, nodes),
        **{name: {"type": ["object", "string"], "properties": {"_target_": {"type": "string"}}} for name in MODULES},
        "metrics": {"type": ["object", "string"]},
        "hydra": {},
    }  # fmt: skip
    for name in top:
        if said := _DESCRIBED.get(name) or known.comments.get(name):
            top[name] = {**top[name], "description": said}
    top["report"]["properties"]["metric"] |= matching("^(?:train|val|test)/.+", "Give a metric with its side, such as test/accuracy.")  # fmt: skip
    return top


def _of_choice(group: str, choice: str, known: Known) -> Schema:
    """A group's node in an experiment that makes this choice."""
    written = known.written(group, choice)
    if group in ("trainer", "tracking", "search"):  # their keys are the same with every choice
        return {"description": written.header}
    node = node_of([written], group, named=False)
    if group == "imbalance" and "_target_" not in written.content:
        node = {}
    return {"title": f"{group}={choice}", "description": written.header, "type": ["object", "null", "string"], **node}


def _at(group: str, schema: Schema) -> Schema:
    """A schema of an experiment that says this of a group's node."""
    for part in reversed(group.split("/")):
        schema = {"properties": {part: schema}}
    return schema


def _entry(group: str) -> Schema:
    """An entry of a defaults list that makes a choice of a group."""
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": f"^(?:optional )?override /{group}(?:@|$)"},
    }


def _chooses(group: str, choice: str) -> Schema:
    return _has_default(_entry(group) | {"additionalProperties": {"const": choice}})


def _has_default(entry: Schema) -> Schema:
    return {"properties": {"defaults": {"contains": entry}}, "required": ["defaults"]}


_HAS_PARENTS = _has_default({"type": "string", "not": {"const": "_self_"}})
"""Another experiment is among the defaults, whose choices are not known here."""


def _default_of(group: str, names: Sequence[str], known: Known) -> Schema:
    """The choice that holds where an experiment makes none."""
    named = f"{group.replace('/', '.')}={known.usual[group]}"
    return {
        "if": {"not": {"anyOf": [_has_default(_entry(group)), _HAS_PARENTS]}},
        "then": _at(group, {"$ref": f"#/definitions/{named}"}),
    }


def _defaults_below(group: str, choice: str, known: Known) -> list[Schema]:
    """What a choice itself chooses of the groups below it, where the experiment makes no other choice of these."""
    return [
        {
            "if": {"allOf": [_chooses(group, choice), {"not": _has_default(_entry(f"{group}/{below}"))}]},
            "then": _at(f"{group}/{below}", {"$ref": f"#/definitions/{group}.{below}={chosen}"}),
        }
        for entry in known.parents(group, choice)
        if isinstance(entry, dict)
        for below, chosen in entry.items()
        if chosen in known.groups.get(f"{group}/{below}", ())
    ]


def _metrics(task: str, known: Known) -> list[str]:
    """The metrics of a task under its usual settings."""
    written = known.written("task", task).content
    content = {key: value for key, value in written.items() if not (isinstance(value, str) and "${" in value)}
    with suppress(Exception):  # one of the user's own may need settings that stand in an experiment
        return list(declared_today({"task": content | {"own_metrics": None}}))
    return []


def _of_metrics(names: Sequence[str]) -> Schema:
    """An experiment in which these metrics are measured, to be completed."""
    watched = offered({f"val/{name}": "" for name in names})
    metric = offered({f"{side}/{name}": "" for side in ("test", "val") for name in names})
    return {"properties": {"report": {"properties": {"metric": metric}}, "monitor": watched}}


def _defaults(known: Known) -> Schema:
    properties: Schema = {}
    patterns: Schema = {r"^(?:optional )?(?:override )?/?hydra/": {}}
    for group in known.groups:
        choice = {"$ref": f"#/definitions/{_name_of_choice(group)}"}
        properties[f"override /{group}"] = choice
        patterns[f"^(?:override /{group}@.*|optional override /{group}(?:@.*)?)$"] = choice
    for group, names in known.further.items():
        properties[f"/{group}"] = _choice(group, names, known)
        patterns[f"^/{group}(?:/.*)?@"] = {}
    entry = {
        "type": ["string", "object"],
        "examples": ["_self_"],
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": False,
    }
    return {"type": "array", "items": entry, "description": _DESCRIBED["defaults"]}


def _name_of_choice(group: str) -> str:
    return f"choice_of_{group.replace('/', '.')}"


def _choice(group: str, names: Sequence[str], known: Known) -> Schema:
    otherwise = f"There is no such choice of {group}: give {', '.join(names)}."
    said = {name: known.written(group, name).header if group in known.groups else "" for name in names}
    described = {"description": f"What is chosen of {group}."}
    return {"type": ["string", "null"], **described, **matching(one_of(names), otherwise), **offered(said)}


def _override(groups: Mapping[str, Iterable[str]]) -> Schema:
    """An override of a variant or a data set: of a group one of its choices, of a key any value."""
    of_groups = "|".join(f"{group}={one_of(names)[1:-1]}" for group, names in groups.items())
    named = "|".join(groups)
    pattern = rf"^(?:\+?(?:{of_groups})$|~[\w./@]+|(?!\+?(?:{named})=[\w.-]+$)\+{{0,2}}[\w./@]+=)"
    otherwise = "Give group=choice of a choice that there is, or key=value; in quotes where it holds ': ', ' #' or, in brackets, a comma or brackets."  # fmt: skip
    choices = [f"{group}={choice}" for group, names in groups.items() for choice in names]
    return {"type": "string", **matching(pattern, otherwise), **offered(dict.fromkeys(choices, ""))}

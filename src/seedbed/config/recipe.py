"""A cell's recipe: what of a config determines the result, and the fingerprint that is made of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from seedbed.config.callbacks import only_observes
from seedbed.config.code import Code
from seedbed.config.lightning_modules import trains_modules
from seedbed.lr_finder import AUTO

# Part of every fingerprint. Raise it when a change of code changes results for the same config.
RECIPE_VERSION = 2

FILES_OF_DATA = ("path", "targets")
"""Keys of ``data`` that name the user's files: where these lie changes nothing, what they hold does."""

# What cannot change a cell's result: the question, what is shown, where things lie, and what it runs on.
NOT_IN_FINGERPRINT = {
    "question", "seeds", "variant", "variants", "data_sets", "report", "published", "tracking", "loggers", "search",
    "data.root", "data.edition", "data.path", "data.targets",
    "data.encoder.threads", "data.encoder.device", "data.encoder.batch_size",
    "data.encoder.model", "data.encoder.revision",  # the encoder's name says which weights these are
    "trainer.accelerator", "trainer.devices", "trainer.deterministic",
    "trainer.seeds_at_once", "trainer.stacks_at_once", "trainer.steps_per_chunk", "trainer.engine",
}  # fmt: skip

# Of task=lightning, where a seed is trained by a Trainer of its own: what it runs on can change its result.
NOT_IN_FINGERPRINT_OF_MODULES = NOT_IN_FINGERPRINT - {"trainer.accelerator", "trainer.devices", "trainer.deterministic"} | {
    "metrics", "task.metrics", "monitor", "trainer.enable_progress_bar", "trainer.enable_model_summary",
}  # fmt: skip

_BELOW, _BELOW_OF_MODULES = (
    tuple(f"{key}." for key in keys) for keys in (NOT_IN_FINGERPRINT, NOT_IN_FINGERPRINT_OF_MODULES)
)

# Settings of seedbed's own data sets that are younger than cells which count, each with the value at which it changes
# nothing: with that value they are no part of a fingerprint.
ADDED_LATER: dict[str, Any] = {
    "labels": None, "join_labels": False, "drop_classes": [], "positive": None, "missing_values": [], "skip_lines": 0,
    "target": None, "targets": None, "file": None,
}  # fmt: skip
# Such settings of one data set alone: others have had the key from the start.
ADDED_LATER_TO: dict[str, dict[str, Any]] = {
    "seedbed.data.ratings_csv.RatingsCsv": {"decimal": "point"},
    "seedbed.data.text_csv.TextCsv": {"decimal": "point"},
    "seedbed.data.image_folder.ImageFolder": {"decimal": "point"},
    "seedbed.data.feature_csv.FeatureCsv": {"columns": {}},
}
# Values of settings that are younger than cells which count, each with the value of these that it gives the same results as.
SAME_AS = {"seedbed.data.feature_csv.FeatureCsv": {"data.decimal": {"auto": "point"}}}
# Such settings of seedbed's own splits.
SPLIT_ADDED_LATER: dict[str, Any] = {"rare_classes": "error", "strata": None}
# Such settings of tasks: of what is measured, and null where it is not.
TASK_ADDED_LATER = ("beta", "at_precision", "at_recall", "costs")
# Parts of a config that change nothing where they are null or empty.
MAY_BE_EMPTY = ("loggers", "callbacks")
# Such settings of the trainer, each with the values at which all batches of all epochs count: 1 is one batch, 1.0 are all.
TRAINER_ADDED_LATER: dict[str, tuple[Any, ...]] = {"max_steps": (None,), "limit_train_batches": (None, 1.0)}
# Others of Lightning's, of which 1 is one batch and 1.0 are all, so that these are two settings.
BATCHES_OR_SHARE = {
    f"trainer.{key}"
    for key in (
        "limit_val_batches",
        "limit_test_batches",
        "limit_predict_batches",
        "overfit_batches",
        "val_check_interval",
    )
}


def can_change_results(key: str, config: Mapping[str, Any] | None = None) -> bool:
    """Whether the setting of a dotted key, of a config of any task, is part of what a cell's result is made by."""
    modules = trains_modules(config or {})
    left_out = NOT_IN_FINGERPRINT_OF_MODULES if modules else NOT_IN_FINGERPRINT
    return key not in left_out and not key.startswith(_BELOW_OF_MODULES if modules else _BELOW)


def used(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without what changes nothing: ``lr_finder`` where no rate is found by it, and later settings as they are by default."""
    finds = (config.get("optimizer") or {}).get("lr") == AUTO
    kept = {key: value for key, value in config.items() if key != "lr_finder" or finds}
    kept = {key: value for key, value in kept.items() if key not in MAY_BE_EMPTY or value}
    if isinstance(trainer := config.get("trainer"), Mapping):
        kept["trainer"] = {key: value for key, value in trainer.items() if not _limits_nothing(key, value)}
    if isinstance(data := config.get("data"), Mapping):
        target = str(data.get("_target_"))
        later = ADDED_LATER | ADDED_LATER_TO.get(target, {}) if target.startswith("seedbed.data.") else {}
        kept["data"] = {key: value for key, value in data.items() if key not in later or value != later[key]}
    if isinstance(task := config.get("task"), Mapping):
        kept["task"] = without_later(task)
    if isinstance(imbalance := config.get("imbalance"), Mapping):
        kept["imbalance"] = {key: value for key, value in imbalance.items() if key != "after" or value}
    if isinstance(split := config.get("split"), Mapping) and str(split.get("_target_")).startswith("seedbed.data."):
        kept["split"] = _used_of_split(split)
    return kept


def _used_of_split(split: Mapping[str, Any]) -> dict[str, Any]:
    """A split's settings, and those of a split inside it, without later ones as they are by default."""
    return {
        key: _used_of_split(value) if isinstance(value, Mapping) else value
        for key, value in split.items()
        if key not in SPLIT_ADDED_LATER or value != SPLIT_ADDED_LATER[key]
    }


def without_later(task: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a task without later ones that are not set, which a task of a user's need not take."""
    return {key: value for key, value in task.items() if key not in TASK_ADDED_LATER or value is not None}


def _limits_nothing(key: str, value: Any) -> bool:
    """Whether a setting of the trainer is a later one, as it is by default."""
    return any(type(value) is type(default) and value == default for default in TRAINER_ADDED_LATER.get(key, ()))


def recipe_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that determine a cell's result, by dotted key."""
    kept = used(config)
    if not trains_modules(config):
        own = {name: node for name, node in kept.pop("callbacks", {}).items() if not only_observes(node)}
        kept |= {"callbacks": own} if own else {}
    same = SAME_AS.get(str((kept.get("data") or {}).get("_target_")), {})
    settings = {key: value for key, value in flatten(kept).items() if can_change_results(key, config)}
    return settings | {key: values.get(settings[key], settings[key]) for key, values in same.items() if key in settings}


def flatten(config: Any, prefix: str = "", *, inner: bool = False) -> dict[str, Any]:
    """Nested mappings as dotted keys; lists stay values. With ``inner``, the keys of mappings themselves too."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            if inner:
                flat[name] = value
            flat |= flatten(value, f"{name}.", inner=inner)
        else:
            flat[name] = value
    return flat


def canonical(value: Any) -> Any:
    """One spelling for equal values, so that 1, 1.0 and 1e0 are the same setting."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def fingerprint(config: Mapping[str, Any], seed: int, inputs: Mapping[str, str], code: Code | None = None) -> str:
    """SHA-256 of all that determines the result of a config under this seed.

    ``inputs`` is what the config does not say: the data's digest, the encoder's version, what a strategy found
    installed. Without ``code``, that of the recipe alone, whatever code its names stand for.
    """
    settings = recipe_of(config).items()
    recipe = {key: value if key in BATCHES_OR_SHARE else canonical(value) for key, value in settings}
    content = {"config": recipe, "seed": seed, "inputs": dict(inputs), "recipe_version": RECIPE_VERSION}
    if code is not None and code.beyond_shipped:
        content["code"] = code.beyond_shipped
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

"""Checks of a composed config: keys that nothing reads, values that cannot work."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from seedbed.checks import is_from_zero, is_number, is_positive, is_whole, require, shown
from seedbed.config import choices
from seedbed.config.code import check_code
from seedbed.config.keys import interpolated, unknown_keys
from seedbed.config.kinds import check_kinds
from seedbed.config.lightning_modules import refuse_named_network
from seedbed.config.metric_checks import check_metric, metrics_of, require_known, test_part
from seedbed.config.overrides import parse_single, same_or_inside
from seedbed.config.recipe import flatten, recipe_of
from seedbed.config.trainer import PRECISIONS, PROFILERS
from seedbed.config.values import misfit
from seedbed.errors import ConfigError, check_storable
from seedbed.lr_finder import AUTO, FinderSettings

MOST_SEEDS = 1_000_000
"""Of one experiment; a number beyond is a mistake, and would fill the memory before anything is said."""
MOST_EPOCHS = 1_000_000
"""Of one training; a number beyond is a mistake."""
LARGEST = 2**31 - 1
"""Of a number of rows or steps: a larger one is a mistake, and some are kept in 32 bits."""


def check(config: Mapping[str, Any], name: str, variants: list[str]) -> None:
    check_code(recipe_of(config))
    try:
        check_values(config, variants)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"Variant {name!r}: the config lacks a part that every run needs, or has another kind of value "
            f"there ({type(error).__name__}: {error}). Take back the override that removes it."
        ) from error


def refuse_unknown(
    composed: DictConfig,
    config: Mapping[str, Any],
    name: str,
    variant: str,
    parsed: Sequence[Override],
    own: Mapping[str, Sequence[str]],
    folders: Sequence[Path],
) -> None:
    """A key that nothing reads would seem to say something of the result, and have it trained anew."""
    refuse_named_network(config.get("model"))
    unknown = unknown_keys(config)
    if any("." not in item.key for item in unknown):
        unknown = unknown_keys(config, interpolated(OmegaConf.to_yaml(composed)))
    if not unknown:
        return
    found, key = unknown[0], re.sub(r"\[\d+\]", "", unknown[0].key)
    given = [(item, "") for item in parsed] + [
        (item, f" of variant {variant!r}") for item in parse_single(own[variant])
    ]
    by_key = {item.key_or_group.replace("/", "."): f"Override {item.input_line!r}{whose}" for item, whose in given}
    setting = [other for other in by_key if same_or_inside(key, other) or same_or_inside(other, key)]
    place = by_key[max(setting, key=len)] if setting else f"experiments/{name}.yaml, variant {variant!r}"
    node = key.rpartition(".")[0]
    chosen = OmegaConf.select(composed, node)
    has_target = isinstance(chosen, DictConfig) and "_target_" in chosen
    if has_target and key not in setting and by_key.keys() & {node, f"{node}._target_"}:  # set for another choice
        left = [item.key for item in unknown if item.key.rpartition(".")[0] == node]
        dropped = " ".join(f"~{other}" for other in left)
        by_file = OmegaConf.select(choices.settings_of_file(name, folders), key, throw_on_missing=False) is not None
        whose = f"experiments/{name}.yaml sets it" if by_file else f"The config that is chosen for {node} sets it"
        raise ConfigError(f"{place}: {found.key}: {found.why} {whose}: leave it out by {dropped}.")
    raise ConfigError(f"{place}: {found.key}: {found.why}")


def refuse_unstorable(config: Mapping[str, Any], name: str) -> None:
    """A text that the tracking store could not keep."""
    for key, value in flatten(config).items():
        text = json.dumps([key, value], ensure_ascii=False, default=str)
        if not text.isascii():
            check_storable(f"experiments/{name}.yaml: {key}={shown(value)}", text)


def refuse_misfit(
    config: Mapping[str, Any], name: str, variant: str, parsed: Sequence[Override], own: Mapping[str, Sequence[str]]
) -> None:
    """A value of another kind than its key takes would count as something that nobody meant."""
    found = misfit(config)
    if found is None:
        return
    key = re.sub(r"\[\d+\]", "", found.key)
    typed = any(same_or_inside(key, item.key_or_group.replace("/", ".")) for item in parsed)
    by_variant = next((text for text in own[variant] if same_or_inside(key, text.partition("=")[0].lstrip("+"))), None)
    place = "" if typed else f"experiments/{name}.yaml, variant {variant!r}: "
    place = f"{place}{by_variant!r}: " if by_variant and not typed else place
    raise ConfigError(
        f"{place}{found.key}={shown(found.value)}: give {found.wanted}{'' if found.wanted[-1] == '?' else '.'}"
    )


def refuse_findings(name: str, config: dict[str, Any]) -> None:
    """What was found belongs to results, and not to the experiment that any launch may run with other seeds."""
    published = config.get("published")
    if isinstance(published, dict) and "findings" in published:
        raise ConfigError(
            f"experiments/{name}.yaml: published.findings={published['findings']!r}: findings are about results, and stand "
            f"beside their report. Move them to experiments/{name}/findings.yaml, under the keys cells (the digest of those "
            "results, which 'seedbed report' gives where it is missing) and findings."
        )


def seeds_of(value: Any) -> tuple[int, ...]:
    remedy = "Give the number of seeds, such as seeds=10, or a list, such as seeds=[3,5]."
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        if value > MOST_SEEDS:
            raise ConfigError(f"seeds={value}: more than {MOST_SEEDS} seeds. {remedy}")
        return tuple(range(value))
    if isinstance(value, list) and value and all(type(seed) is int and seed >= 0 for seed in value):
        repeated = sorted({seed for seed in value if value.count(seed) > 1})
        if not repeated:
            return tuple(value)
        raise ConfigError(f"seeds={value}: seed {repeated[0]} stands there twice. {remedy}")
    raise ConfigError(
        f"seeds={shown(value)}: not a number of seeds from 1 on, nor a list of numbers from 0 on. {remedy}"
    )


def check_values(config: Mapping[str, Any], variants: list[str]) -> None:
    for group in ("data", "split", "model", "task", "imbalance", "optimizer", "trainer"):
        if not config.get(group):
            raise ConfigError(
                f"{group}: nothing is chosen. Write {group}=CHOICE, or add 'override /{group}: ...' to the experiment's defaults."
            )
    check_kinds(config)
    trainer = config["trainer"]
    for key, most in (("max_epochs", MOST_EPOCHS), ("steps_per_chunk", LARGEST)):
        number = trainer[key]
        require(is_whole(number) and number <= most, f"trainer.{key}", number, f"a whole number from 1 to {most}")
    size = trainer["batch_size"]
    require(
        size is None or (is_whole(size) and size <= LARGEST),
        "trainer.batch_size",
        size,
        f"a whole number from 1 to {LARGEST}, or null for a task whose steps take all rows",
    )
    at_once = trainer["seeds_at_once"]
    require(
        at_once == "auto" or is_whole(at_once), "trainer.seeds_at_once", at_once, "auto or a whole number from 1 on"
    )
    lr = config["optimizer"].get("lr", AUTO)
    require(lr == AUTO or is_from_zero(lr), "optimizer.lr", lr, f"a number from 0 on, or {AUTO}: what lr_finder finds")
    FinderSettings.of(config)
    clip = trainer["gradient_clip_val"]
    require(clip is None or is_positive(clip), "trainer.gradient_clip_val", clip, "null or a positive number")
    require(trainer["precision"] not in ("16-mixed", "16-true", 16, "16"), "trainer.precision", trainer["precision"],
             "32-true, bf16-mixed or 64-true: with 16-bit floats one seed's overflow would skip every seed's step")  # fmt: skip
    if trainer["precision"] not in PRECISIONS:
        require_known("trainer.precision", trainer["precision"], PRECISIONS[:4])
    profiler = trainer.get("profiler")
    require(profiler in (None, *PROFILERS), "trainer.profiler", profiler, f"null, {' or '.join(PROFILERS)}: others write files into Lightning's folder, which is removed")  # fmt: skip
    require(config["select"] in ("last", "best"), "select", config["select"], "last or best")
    patience = config["patience"]
    require(patience is None or is_whole(patience), "patience", patience, "null or a whole number from 1 on")
    for key in ("checkpoints", "pictures"):
        require(isinstance(config["tracking"][key], bool), f"tracking.{key}", config["tracking"][key], "true or false")
    metrics = metrics_of(config["task"])
    require_known("monitor", config["monitor"], [f"val/{metric}" for metric in metrics])
    report = config["report"]
    split, tested = test_part(config["split"])
    require(tested is not False or config["select"] == "last", "select", config["select"],
             f"last where there are no test rows ({split}): the value of the epoch that validation likes best is no fair estimate")  # fmt: skip
    check_metric(shown(report["metric"]), metrics, split, tested)
    require_known("report.bars", report["bars"], ["2std", "std", "ci95"])
    if report["baseline"] is not None:
        require_known("report.baseline", report["baseline"], variants)
    if report["learned"] is not None:
        require_known("report.learned", report["learned"], variants)
    for key in ("similar_to", "user"):
        name = report[key]
        require(name is None or isinstance(name, str | int), f"report.{key}", name, "null or a name in the data")
    require(report["loss"] in (True, False, "both"), "report.loss", report["loss"], "true, false, or both: training and validation")  # fmt: skip
    rope = report["rope"]
    require(rope is None or is_positive(rope), "report.rope", rope, "null or a positive number: differences up to it are too small to matter")  # fmt: skip
    axis = report["axis"]
    require(axis is None or (isinstance(axis, list) and len(axis) == 2 and all(map(is_number, axis)) and axis[0] < axis[1]),
             "report.axis", axis, "null or two rising numbers")  # fmt: skip

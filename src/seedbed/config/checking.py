"""Checks of a composed config: keys that nothing reads, values that cannot work."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from seedbed.checks import in_quotes, is_from_zero, is_whole, require, shown
from seedbed.config.callbacks import check_nodes
from seedbed.config.code import check_code
from seedbed.config.compose import Request
from seedbed.config.keys import Unknown, interpolated, unknown_keys, where_to_choose
from seedbed.config.kinds import check_kinds
from seedbed.config.lightning_modules import refuse_named_network, trains_modules
from seedbed.config.metric_checks import check_metric, check_watched, metrics_of, require_known, test_part
from seedbed.config.misplaced import NEEDED
from seedbed.config.override_grammar import same_or_inside
from seedbed.config.own_modules import at_seed, check_modules
from seedbed.config.recipe import flatten, recipe_of
from seedbed.config.settings import ReportSettings, TrackingSettings, TrainerSettings
from seedbed.config.values import misfit
from seedbed.errors import ConfigError, check_storable
from seedbed.lr_finder import AUTO, FinderSettings

MOST_SEEDS = 1_000_000
"""Of one experiment; a number beyond is a mistake, and would fill the memory before anything is said."""


def check_composed(composed: DictConfig, config: Mapping[str, Any], request: Request) -> None:
    """Raise ``ConfigError`` for what a config, as composed and resolved, holds by mistake; the message names the override."""
    _refuse_unstorable(config, request.base.place)
    _refuse_unknown(composed, config, request)
    _refuse_misfit(config, request)


def check_variant(config: Mapping[str, Any], name: str) -> None:
    """Raise ``ConfigError`` where a variant's code cannot be read, or values cannot work."""
    if not trains_modules(config):
        check_nodes(config)
    check_code(recipe_of(config))
    try:
        if trains_modules(config):
            check_modules(config)
        else:
            _check_values(config)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"Variant {name!r}: the config lacks a part that every run needs, or has another kind of value there: "
            f"{_lacking(config) or f'{type(error).__name__}: {error}'}."
        ) from error


def _lacking(config: Mapping[str, Any]) -> str:
    """The first part of a config that every run needs and that is not there, or is no mapping; "" where all are."""
    for key in sorted(NEEDED):
        node: Any = config
        for part in key.split("."):
            if not isinstance(node, Mapping):
                return f"{key.rpartition('.')[0]}={shown(node)}, which is not a mapping. Leave it out for what is usual"
            if part not in node:
                return f"{key} is taken away. Give it a value, or leave out what takes it away, ~{key}"
            node = node[part]
    return ""


def _check_values(config: Mapping[str, Any]) -> None:
    for group in ("data", "split", "model", "task", "imbalance", "optimizer", "trainer"):
        if not config.get(group):
            raise ConfigError(f"{group}: nothing is chosen. {where_to_choose(group)}")
    check_kinds(config)
    TrainerSettings.of(config)
    lr = config["optimizer"].get("lr", AUTO)
    require(lr == AUTO or is_from_zero(lr), "optimizer.lr", lr, f"a number from 0 on, or {AUTO}: what lr_finder finds")
    FinderSettings.of(config)
    require(config["select"] in ("last", "best"), "select", config["select"], "last or best")
    patience = config["patience"]
    require(patience is None or is_whole(patience), "patience", patience, "null or a whole number from 1 on")
    TrackingSettings.of(config)
    metrics = metrics_of(config["task"])
    require_known("monitor", config["monitor"], [f"val/{metric}" for metric in metrics])
    check_watched(config, metrics)
    split, tested = test_part(config["split"])
    require(tested is not False or config["select"] == "last", "select", config["select"],
             f"last where there are no test rows ({split}): the validation value of the epoch that is best on validation rows is not a fair estimate")  # fmt: skip
    task = str(config["task"]["_target_"]).rpartition(".")[2]
    check_metric(shown(config["report"]["metric"]), metrics, task, split, tested)
    ReportSettings.of(config)


def seeds_of(value: Any) -> tuple[int, ...]:
    """The seeds that ``seeds`` of a config names, by their number or one by one; raises ``ConfigError``."""
    remedy = "Give the number of seeds, such as seeds=10, or a list, such as seeds=[3,5]."
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        if value > MOST_SEEDS:
            raise ConfigError(f"seeds={value}: more than {MOST_SEEDS} seeds. {remedy}")
        return tuple(range(value))
    if isinstance(value, list) and value and all(type(seed) is int and seed >= 0 for seed in value):
        repeated = sorted({seed for seed in value if value.count(seed) > 1})
        if not repeated:
            return tuple(value)
        raise ConfigError(f"seeds={value}: seed {repeated[0]} appears twice. {remedy}")
    raise ConfigError(
        f"seeds={shown(value)}: not a number of seeds from 1 on, nor a list of numbers from 0 on. {remedy}"
    )


def refuse_findings(name: str, config: dict[str, Any]) -> None:
    """Raise ``ConfigError`` for findings: they belong to results, and not to the experiment that any launch may run with other seeds."""
    published = config.get("published")
    if isinstance(published, dict) and "findings" in published:
        raise ConfigError(
            f"experiments/{name}.yaml: published.findings={published['findings']!r}: findings are about results, and stand "
            f"beside their report. Move them to experiments/{name}/findings.yaml, under the keys cells (the digest of those "
            "results, which 'seedbed report' gives where it is missing) and findings."
        )


def _refuse_unstorable(config: Mapping[str, Any], place: str) -> None:
    """Raise ``ConfigError`` for a text that the tracking store could not keep."""
    for key, value in flatten(config).items():
        text = json.dumps([key, value], ensure_ascii=False, default=str)
        if not text.isascii():
            check_storable(f"{place}: {key}={shown(value)}", text)


def _refuse_unknown(composed: DictConfig, config: Mapping[str, Any], request: Request) -> None:
    """Raise ``ConfigError`` for a key that nothing reads: it would seem to say something of the result, and have it trained anew."""
    refuse_named_network(config.get("model"))
    unknown = unknown_keys(config)
    if any("." not in item.key for item in unknown):
        unknown = unknown_keys(config, interpolated(OmegaConf.to_yaml(composed)))
    if not unknown:
        return
    first, key = unknown[0], _without_positions(unknown[0].key)
    by_key = {item.key_or_group.replace("/", "."): said for item, said in request.said()}
    items = {item.key_or_group.replace("/", "."): item for item, _ in request.said()}
    setting = [other for other in by_key if same_or_inside(key, other) or same_or_inside(other, key)]
    place = by_key[max(setting, key=len)] if setting else request.place
    node = key.rpartition(".")[0]
    chosen = {name for name, item in items.items() if not isinstance(item.value(), Mapping)}  # and not the node itself
    of_another_choice = key not in setting and bool(chosen & {node, f"{node}._target_"})
    remedy = _how_to_leave_out(node, unknown, composed, request) if of_another_choice else ""
    raise ConfigError(f"{place}: {first.key}: {first.why}{remedy}")


def _without_positions(key: str) -> str:
    """A dotted key without the places of entries in lists."""
    return re.sub(r"\[\d+\]", "", key)


def _how_to_leave_out(node: str, unknown: Sequence[Unknown], composed: DictConfig, request: Request) -> str:
    """Who sets the first unknown key in a node for another choice, and how to leave out all; "" without a ``_target_``."""
    chosen = OmegaConf.select(composed, node)
    if not isinstance(chosen, DictConfig) or "_target_" not in chosen:
        return ""
    key = _without_positions(unknown[0].key)
    dropped = " ".join(f"~{item.key}" for item in unknown if item.key.rpartition(".")[0] == node)
    by_file = OmegaConf.select(request.base.own_settings, key, throw_on_missing=False) is not None
    whose = f"{request.base.place} sets it" if by_file else f"The config chosen for {node} sets it"
    return f" {whose}: leave it out by {dropped}."


def _refuse_misfit(config: Mapping[str, Any], request: Request) -> None:
    """Raise ``ConfigError`` for a value of another kind than its key takes: it would count as something that nobody meant."""
    # Whatever is to be a number is one when the seed stands there.
    unfit = misfit(at_seed(config, 0) if trains_modules(config) else config)
    if unfit is None:
        return
    key = _without_positions(unfit.key)
    typed = any(same_or_inside(key, item.key_or_group.replace("/", ".")) for item in request.typed)
    by_variant = next((text for text in request.own if same_or_inside(key, text.partition("=")[0].lstrip("+"))), None)
    place = "" if typed else f"{request.place}: "
    place = f"{place}{by_variant!r}: " if by_variant and not typed else place
    raise ConfigError(
        f"{place}{unfit.key}={shown(unfit.value)}: give {unfit.wanted}{'' if unfit.wanted[-1] == '?' else '.'}{in_quotes(unfit.value)}"
    )

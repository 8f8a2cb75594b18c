"""The wording of an experiment file that was mended after its launch, in the results that a record holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from seedbed.config.experiment import Experiment, listed_in, load_first
from seedbed.config.folders import experiment_names
from seedbed.config.recipe import canonical, recipe_of
from seedbed.config.settings import without_usual
from seedbed.errors import ConfigError
from seedbed.quoting import quoted
from seedbed.report.formatting import listed
from seedbed.results import Benchmark, Results, typed_about

WORDING = ("question", "report", "published")
"""Keys that cannot change what is trained, and are taken from the experiment file as it stands."""
ASKED_OF_WEIGHTS = ("learned", "similar_to", "user")
"""Keys of ``report`` that the trained weights have answered: without these, the answers stay as they are."""
SHOWN = 3


def with_current_wording(results: Results, config_dir: str | PathLike[str] | None) -> tuple[Results, list[str]]:
    """The results under the question, the report section and the published part of the experiment file, where there is one.

    And sentences on what of the file was not used. Of a search, which words its question itself, nothing is changed, nor of
    imported results, which have no file.
    Raises ConfigError for a file that cannot be read.
    """
    if results.search is not None or results.imported is not None:
        return results, []
    if results.experiment not in experiment_names(config_dir):
        return results, [_no_file(results.experiment)]
    current = _today(results, list(typed_about(results.command, WORDING)), config_dir)
    results, said = _reworded(results, current)
    return results, [*said, *_other_recipe(results, current, config_dir)]


def of_benchmark(benchmark: Benchmark, config_dir: str | PathLike[str] | None) -> tuple[Benchmark, list[str]]:
    """The same for the results on several data sets, which share the wording.

    The config is compared on the first data set that the file has still; of each other, the overrides that make it another.
    """
    if benchmark.experiment not in experiment_names(config_dir):
        return benchmark, [_no_file(benchmark.experiment)]
    listed_now = listed_in(benchmark.experiment, config_dir).data_sets
    kept = next((name for name in benchmark.data_sets if name in listed_now), "")
    about = list(typed_about(benchmark.command, WORDING))
    compared = benchmark.data_sets.get(kept)
    current = _today(compared, about, config_dir) if compared else load_first(benchmark.experiment, about, config_dir)
    read = {name: _reworded(results, current) for name, results in benchmark.data_sets.items()}
    data_sets = {name: results for name, (results, _) in read.items()}
    said = [*dict.fromkeys(text for _, unused in read.values() for text in unused)]
    changed = _other_data_sets(benchmark, listed_now)
    if compared:
        said += _other_recipe(data_sets[kept], current, config_dir, changed)
    else:
        said += _not_the_one(benchmark.experiment, changed)
    return replace(benchmark, data_sets=data_sets), said


def _other_data_sets(benchmark: Benchmark, listed_now: Mapping[str, Sequence[str]]) -> list[str]:
    """What the file says of the data sets that it did not say when they were trained on."""
    recorded = {
        name: (results.config.get("data_sets") or {}).get(name) for name, results in benchmark.data_sets.items()
    }
    gone = [name for name in recorded if name not in listed_now]
    changed = [
        name
        for name, own in recorded.items()
        if name in listed_now and own is not None and list(own) != list(listed_now[name])
    ]
    said = [f"it has no data set {listed(gone)}"] if gone else []
    return [*said, *([f"the overrides of data set {listed(changed)}"] if changed else [])]


def _no_file(experiment: str) -> str:
    return (
        f"There is no experiments/{experiment}.yaml here: question, report section and published part are those "
        "that were recorded. Name the folder that has it with --config-dir."
    )


def _reworded(results: Results, current: Experiment) -> tuple[Results, list[str]]:
    """The results under the wording of the file as it stands, and what of that was not used."""
    wording = {key: current.config[key] for key in WORDING if key in current.config}
    recorded, given = results.config.get("report") or {}, dict(wording["report"])
    kept = {key: recorded.get(key) for key in ASKED_OF_WEIGHTS}
    said = [
        f"report.{key} is {given.get(key)} in experiments/{results.experiment}.yaml: the report keeps {value}, which the "
        "trained weights were asked for."
        for key, value in kept.items()
        if given.get(key) != value
    ]
    given = without_usual(given) | {key: given[key] for key in recorded if key in given}
    wording["report"] = given | {key: value for key, value in kept.items() if key in given or value is not None}
    return replace(results, config={**results.config, **wording}), said


def _today(results: Results, overrides: Sequence[str], config_dir: str | PathLike[str] | None) -> Experiment:
    """The experiment of the file as it stands, on the data set that the results are on."""
    picked = [f"data_sets=[{quoted(name)}]" for name in results.config.get("data_sets") or ()]
    return load_first(results.experiment, [*overrides, *picked], config_dir)


def _other_recipe(
    results: Results, current: Experiment, config_dir: str | PathLike[str] | None, more: Sequence[str] = ()
) -> list[str]:
    """One sentence where the file would train something else than what was trained, ``more`` of which is known; else []."""
    try:
        under = _today(results, results.overrides, config_dir) if results.overrides else current
        different = _differences(results, under)
    except ConfigError as error:
        different = [f"the launch's overrides do not fit the file any more: {error}"]
    return _not_the_one(results.experiment, [*more, *different])


def _not_the_one(name: str, different: Sequence[str]) -> list[str]:
    if not different:
        return []
    more = f" and {len(different) - SHOWN} more" if len(different) > SHOWN else ""
    return [
        f"The recipe in experiments/{name}.yaml is not the one that was trained ({'; '.join(different[:SHOWN])}{more}): "
        "the report keeps the recorded one."
    ]


def _differences(results: Results, current: Experiment) -> list[str]:
    by_name = {variant.name: variant for variant in current.variants}
    gone = [variant for variant in results.variants if variant not in by_name]
    said = [f"it has no variant {listed(gone)}"] if gone else []
    stated = results.config.get("variants")
    if isinstance(stated, Mapping):
        states = current.config.get("variants") or {}  # as they are written, which may not be as Hydra gets them
        both = [variant for variant in results.variants if variant in by_name]
        changed = [name for name in both if list(stated.get(name) or ()) != list(states.get(name) or ())]
        said += [f"the overrides of {listed(changed)}"] if changed else []
    if results.variants[0] in by_name:  # the config of a launch is that of its first variant
        ours, theirs = (_recipe(config) for config in (results.config, by_name[results.variants[0]].config))
        changed = [key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)]
        said += [f"{key} is {theirs.get(key)}, and was {ours.get(key)}" for key in changed]
    return said


def _recipe(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: canonical(value) for key, value in recipe_of(config).items()}

"""What seedbed's tags, files, params and metrics are called in the store; stores of earlier versions have the same names."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from seedbed.errors import TrackingError
from seedbed.metrics import metric_name

TAG = "seedbed."
"""Before the name of each tag in the store. Elsewhere, and in all that follows, tags have their names without it."""

# ---- tags ------------------------------------------------------------------------------------------------------------

KIND = "kind"
"""Of a run: "launch", ON_DATA_SET, "variant", "seed", "search", "lr_find", "model" or ROUNDING."""
ON_DATA_SET = "data_set"
"""The kind of run that is a launch on one of its data sets, between it and its variants' runs; and its tag with their name."""
DATA_SETS = "data_sets"
"""On a launch over several data sets: their names, as JSON in parts."""
SOURCE = "source"
"""On a run of the kind ON_DATA_SET: what the data set was made from, where that is known."""
WITHIN = "within"
"""On runs of variants and seeds of a launch over several data sets: the id of that launch, which is two levels above or more."""
ERROR = "error"
OUTCOME, PRUNED = "outcome", "pruned"
"""On a seed run that did not end well: "diverged", or PRUNED, and then it is KILLED."""
SWEEP = "sweep"
"""On a launch: the sweep that it is a job of; with "_values", what it sets there; with "_job", its number in the sweep,
and with "_jobs", how many there are."""
SEARCH = "search"
"""On a launch: the run of the search whose best trials it tests on fresh seeds."""
READABLE = "readable"
"""On a launch from when its plan, config and data are stored: before that, there is nothing to read."""
LR_FALLBACK = "lr_fallback"
"""On a seed run: why it was trained with ``lr_finder.fallback``."""
ENGINE = "engine"
"""On a seed run: what has taken its optimizer steps, "compiled" or "torch"; before this was recorded, PyTorch had."""
NOT_KEPT = "not_kept"
"""On a seed run: why its fitted estimator is not in the store."""
COPIES = "copies"
"""On a seed run: what is counted of the changed copies that it trains on."""
ROWS = "rows"
"""On a seed run of ``task=lightning``: digests of the rows that its data loaders served, as JSON."""
CODE_TAG, WITHOUT_CODE = "code", "fingerprint_without_code"
"""On a seed run: the code that made it, as JSON in parts; and the fingerprint without the code, which is that of seed
runs from before the code was recorded."""
VERDICT = "verdict"
"""On a variant's run: what its comparison with the baseline says, for MLflow's pages."""
EXPERIMENT = "experiment"
"""On an experiment of MLflow's: what seedbed calls it, where MLflow calls it something else."""
MERGED_FROM, MERGED_WHOLE = "merged_from", "merged_whole"
"""On a run that was copied from another store: its id there; and that all of it is here."""
IMPORTED = "imported"
"""On the launch, the variants' and the seeds' runs of an import: where their results come from."""
IMPORTED_MARK = "imported:"
"""Begins the fingerprint of an imported cell, so that it can be that of no cell which seedbed would train."""
LABEL = "label."
"""Before the name of a metric: the label that it was logged by, where that is another."""
LONGEST_TAG = 5000
"""Of the parts of a text that is read back."""

# ---- files of runs ---------------------------------------------------------------------------------------------------

PLAN, CONFIG, DATA, ENVIRONMENT, NOTES = "plan.json", "config.yaml", "data.json", "environment.json", "notes.json"
OVERRIDES = "overrides.json"
"""Of a launch whose overrides are too long for a param."""
INAPPLICABLE = "inapplicable.json"
"""Of a launch on one of its data sets: the variants that do not apply to it, each with the reason."""
METRICS = "metrics.json"
"""Of a launch: what is declared of its metrics; launches of earlier versions have none."""
CODE = "code.json"
"""Of a launch: the code of each variant; launches of earlier versions have none."""
SEARCH_RECORD = "search.json"
"""Of a search's run, and of the launch that tests its best trials: a ``Search``."""
IMPORTED_CELLS, IMPORTED_CURVES = "imported_cells.json", "imported_curves.json"
"""Of a launch that is an import: its tables, as final values and curves of one name may differ, and runs hold one value."""
ROUNDING, ROUNDING_RECORD = "rounding", "rounding.json"
"""The kind of run that records cells which were trained again alone, and the file in it."""
WEIGHTS = "weights.safetensors"
"""Of a seed's run: the state of its ordinary network."""
SCORES = "scores.npz"
"""Of a seed's run: what it says of its test rows, and of its validation rows; see ``tracking.scores``."""
SCORES_FROM_WEIGHTS, ABOUT_SCORES_FROM_WEIGHTS = "scores_from_weights.npz", "scores_from_weights.json"
"""Of a seed's run that has kept no SCORES: the same, computed later by a report; and by what it was computed."""
ADJUSTMENT = "adjustment.json"
"""Of a seed's run: what acts on its scores after training; see ``imbalance.adjustment``."""
ESTIMATOR = "estimator.skops"
"""Of a seed's run: its fitted estimator, where it has no network."""

# ---- params and experiments ------------------------------------------------------------------------------------------

AT_ONCE, CHOSEN_EPOCH = "trainer.seeds_at_once", "chosen_epoch"
"""Params of a seed run beside its config."""
SEARCHES = ".search"
"""What the MLflow experiment of the searches of an experiment is called beyond its name."""
RANGE_TESTS = ".lr_find"
"""What the MLflow experiment of the learning-rate range tests of an experiment is called beyond its name."""


def in_store(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags by their names in the store."""
    return {f"{TAG}{name}": text for name, text in tags.items()}


def from_store(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a run that are seedbed's own, by their names without what stands before them in the store."""
    return {name.removeprefix(TAG): text for name, text in tags.items() if name.startswith(TAG)}


def in_parts(name: str, text: str) -> dict[str, str]:
    """A text of any length as tags: ``name``, ``name.1``, ``name.2``, ..."""
    parts = [text[start : start + LONGEST_TAG] for start in range(0, max(len(text), 1), LONGEST_TAG)]
    return {f"{name}.{number}" if number else name: part for number, part in enumerate(parts)}


def from_parts(tags: Mapping[str, str], name: str) -> str:
    """The text that ``in_parts`` has made tags of."""
    more = itertools.takewhile(lambda part: part in tags, (f"{name}.{number}" for number in itertools.count(1)))
    return "".join(tags[part] for part in (name, *more))


def metric_names(labels: Iterable[str]) -> dict[str, str]:
    """Label -> name for each label; two labels that would share a name are an error."""
    names: dict[str, str] = {}
    for label in labels:
        name = metric_name(label)
        for other, taken in names.items():
            if taken == name and other != label:
                raise TrackingError(
                    f"Metrics {other!r} and {label!r} would both be called {name!r}. Rename one of them."
                )
        names[label] = name
    return names

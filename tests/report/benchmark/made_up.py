"""Made-up results on several data sets, from the mean of each variant on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from seedbed.results import CURVE_COLUMNS, Benchmark, Results
from tests.declared import DECLARED
from tests.report.conftest import make_cells, make_config

SEEDS = 4
SPREAD = (-0.01, 0.0, 0.005, 0.005)
"""What the seeds of a variant add to its mean; their own mean is 0."""


def make_benchmark(
    means: Mapping[str, Sequence[float | None]],
    metric: str = "test/f1",
    names: Sequence[str] | None = None,
    inapplicable: str = "it needs numbers",
    config: dict[str, Any] | None = None,
    **fields: Any,
) -> Benchmark:
    """Means by variant, a value a data set; None where the variant does not apply."""
    count = len(next(iter(means.values())))
    names = names or [f"set{place}" for place in range(count)]
    report = {"metric": metric, "baseline": next(iter(means)), "rope": None}
    whole = make_config(
        variants={variant: [f"imbalance={variant}"] for variant in means},
        published={},
        report=report | (config or {}).pop("report", {}),
        data_sets={name: ["data=keel", f"data.name={name}"] for name in names},
        **(config or {}),
    )
    data_sets, absent = {}, {}
    for place, name in enumerate(names):
        values = {variant: of_one[place] for variant, of_one in means.items()}
        data_sets[name] = make_one(name, {key: mean for key, mean in values.items() if mean is not None}, metric, whole)
        if gone := {variant: inapplicable for variant, mean in values.items() if mean is None}:
            absent[name] = gone
    given: dict[str, Any] = {
        "experiment": "made_up",
        "data_sets": data_sets,
        "variants": tuple(means),
        "inapplicable": absent,
        "launch": "first",
        "command": "seedbed run made_up",
    }
    return Benchmark(**(given | fields))


def make_one(name: str, means: Mapping[str, float], metric: str, config: dict[str, Any]) -> Results:
    """What ran on one data set."""
    size = 100 + 37 * (sum(map(ord, name)) % 11)
    spreads = [np.roll(SPREAD, place) for place in range(len(means))]
    values = {
        variant: {metric: (mean + spread).tolist()}
        for (variant, mean), spread in zip(means.items(), spreads, strict=True)
    }
    cells = make_cells(values)
    cells["fingerprint"] = name + "-" + cells["fingerprint"]
    return Results(
        experiment="made_up",
        config=config | {"data": {"name": name, "root": "/somewhere"}},
        variants=tuple(means),
        cells=cells,
        curves=pd.DataFrame(columns=list(CURVE_COLUMNS)),
        data={
            "name": f"{name}.dat",
            "digest": f"{sum(map(ord, name)):064x}",
            "classes": ["no", "yes"],
            "minority": "yes",
            "counts": {"rows": 4 * size, "rows_no": 3 * size, "rows_yes": size, "features": 7},
            "split": {"train": 2 * size, "val": size, "test": size},
            "notes": ["Rows are patients.", f"Column 1 of {name} is left out."],
        },
        launch="first",
        launches=[{"id": "first", "started": "2026-01-01 12:00:00", "command": "seedbed run made_up"}],
        environment={"python": "3.11"},
        declared=DECLARED,
    )


def lose(benchmark: Benchmark, data_set: str, variant: str, seeds: Sequence[int], how: str = "diverged") -> Benchmark:
    """The same with runs of a variant that diverged, failed ("FAILED") or are missing ("MISSING")."""
    results = benchmark.data_sets[data_set]
    cells = results.cells.copy()
    lost = (cells["variant"] == variant) & cells["seed"].isin(seeds)
    if how == "diverged":
        cells.loc[lost, "outcome"] = how
    else:
        cells.loc[lost, ["status", "outcome"]] = [how, ""]
    cells.loc[lost, results.metrics] = float("nan")
    return changed(benchmark, data_set, cells=cells)


def changed(benchmark: Benchmark, data_set: str, **fields: Any) -> Benchmark:
    """The same with other fields of the results on one data set."""
    given = {name: getattr(benchmark, name) for name in benchmark.__dataclass_fields__}
    one = benchmark.data_sets[data_set]
    replaced = Results(**{name: getattr(one, name) for name in one.__dataclass_fields__} | fields)
    return Benchmark(**given | {"data_sets": benchmark.data_sets | {data_set: replaced}})


def levels(count: int) -> list[float]:
    """Means of a baseline on so many data sets, all different."""
    return [0.5 + 0.03 * place for place in range(count)]


def ahead(base: Sequence[float], by: float) -> list[float]:
    """Means that are ahead everywhere, each by something else."""
    return [mean + by * (1 + place / 10) for place, mean in enumerate(base)]

"""What is recorded of a launch: its recipe, data and circumstances when it begins, its results when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from seedbed.config.experiment import Experiment
from seedbed.config.metric_checks import metrics_of
from seedbed.metrics import Declared, as_plain, joined
from seedbed.report.analysis import Analysis
from seedbed.report.benchmark.analysis import analyse_benchmark
from seedbed.report.benchmark.writing import benchmark_page
from seedbed.report.writing import launch_page
from seedbed.results import Benchmark, Results
from seedbed.tracking.client import PARENT
from seedbed.tracking.names import (
    CODE,
    CONFIG,
    DATA,
    ENVIRONMENT,
    METRICS,
    NOTES,
    ON_DATA_SET,
    OVERRIDES,
    PLAN,
    READABLE,
    TAG,
    VERDICT,
    WITHIN,
)
from seedbed.tracking.pages import SEEDS, VARIANTS, metric_column, tag_column, view
from seedbed.tracking.params import flat_params, is_cut, to_yaml
from seedbed.tracking.store import Store, of_kind
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.environment import environment, in_one_line
from seedbed.training.planned import PlannedCells
from seedbed.training.progress import Display
from seedbed.training.recording import add_data

CURVES, NO_SPREADS = "^(train|val)/", "^(?!.*_(std|n|low|high)$)"
"""Regular expressions for the metrics of which there are charts."""
MOST_LISTED = 100
"""Runs that a view names one by one: MLflow keeps 5000 characters of it."""


def describe_launch(launch: TrackedRun, experiment: Experiment, plan: Sequence[PlannedCells]) -> None:
    """Write what the launch is to do, and from when on it can be read."""
    config = experiment.config
    launch.log(
        params={
            "seeds": list(experiment.seeds),
            "variants": [planned.name for planned in plan],
            "overrides": list(experiment.overrides),
            **({"restated": list(experiment.restated)} if experiment.restated else {}),
            **flat_params(
                config, ("variants", "seeds", "variant", "data_sets", "published", "imbalance", "report", "search")
            ),
        },
        tags={"environment": in_one_line()},
    )
    add_data(launch, plan[0])
    if is_cut(list(experiment.overrides)):
        launch.artifact(OVERRIDES, json.dumps(list(experiment.overrides)))
    launch.artifact(PLAN, json.dumps({planned.name: sorted(planned.fingerprints.items()) for planned in plan}))
    launch.artifact(METRICS, json.dumps(as_plain(_declared(plan))))
    launch.artifact(CONFIG, to_yaml(config))
    launch.artifact(DATA, json.dumps(plan[0].describe_data()))
    launch.artifact(CODE, json.dumps({planned.name: planned.code.as_dict() for planned in plan}))
    launch.artifact(NOTES, json.dumps({planned.name: [*planned.described, *planned.notes] for planned in plan}))
    launch.artifact(ENVIRONMENT, json.dumps(environment()))
    launch.log(tags={READABLE: "yes"})


def _declared(plan: Sequence[PlannedCells]) -> Declared:
    return joined({planned.name: metrics_of(planned.variant.config["task"]) for planned in plan})


def describe_results(store: Store, launch: TrackedRun, analysis: Analysis, display: Display) -> None:
    """Give the launch's page in MLflow the answer, the table and the pictures, and its experiment's page the variants."""

    results = analysis.results

    def show() -> None:
        pictures = results.config["tracking"]["pictures"]
        _show_page(launch, *launch_page(analysis, with_pictures=pictures))
        _mark_variants(store, launch.id, analysis)
        if results.search is None:  # and the launch no test of a search's best trials
            below = f"tags.`{PARENT}` = '{launch.id}'"
            _show_views(store, analysis, f"{below} and {of_kind('variant')}", _seeds_of(results))

    _guarded(show, display)


def describe_benchmark(store: Store, launch: TrackedRun, results: Benchmark, display: Display) -> None:
    """The same for a launch over several data sets."""

    def show() -> None:
        pictures = results.first.config["tracking"]["pictures"]
        analysis = analyse_benchmark(results)
        _show_page(launch, *benchmark_page(analysis, with_pictures=pictures))
        for of_one in analysis.of_each.values():
            _mark_variants(store, of_one.results.launch, of_one)
        within = f"tags.`{TAG}{WITHIN}` = '{launch.id}'"
        queries = (f"{within} and {of_kind(kind)}" for kind in ("variant", "seed"))
        _show_views(store, next(iter(analysis.of_each.values())), *queries, data_sets=True)

    _guarded(show, display)


def _guarded(show: Callable[[], None], display: Display) -> None:
    try:
        show()
    except Exception as error:  # what was trained is recorded, and must not be taken for failed
        display.say(f"MLflow's pages show no summary of this launch: {type(error).__name__}: {error}")


def _show_page(launch: TrackedRun, text: str, pictures: Mapping[str, bytes]) -> None:
    launch.log(description=text)
    for name, content in pictures.items():
        launch.artifact(f"report/{name}", content)


def _mark_variants(store: Store, launch: str, analysis: Analysis) -> None:
    """Tag the variants' runs of a launch, or of what it did on one data set, with their verdicts."""
    against = {row.variant: row for row in analysis.family} if analysis.baselines.names else {}
    for run in store.variants(launch):
        row = against.get(run.variant)
        said = analysis.said(row) if row else "baseline" if run.variant in analysis.baselines.names else ""
        if said:
            store.run(run.id).log(tags={VERDICT: said})


def _seeds_of(results: Results) -> str:
    """A query for the seeds' runs of a launch, wherever they were trained; of many, for those that it trained itself."""
    ids = [run for run in results.cells["run"] if run]
    if not 0 < len(ids) <= MOST_LISTED:
        return f"tags.`{TAG}launch` = '{results.launch}' and {of_kind('seed')}"
    return f"attributes.run_id IN ({', '.join(map(repr, ids))})"


def _show_views(store: Store, analysis: Analysis, variants: str, seeds: str, *, data_sets: bool = False) -> None:
    """Have MLflow's page of the experiment open on the variants, or the seeds, that these queries find."""
    metric = metric_column(analysis.metric)
    tags = [tag_column(f"{TAG}{name}") for name in ((ON_DATA_SET,) if data_sets else ())]
    verdict = [tag_column(f"{TAG}{VERDICT}")] if analysis.baselines.names else []
    beside = [metric_column(f"{analysis.metric}{suffix}") for suffix in ("_std", "_n")]
    # Over data sets, means are compared within each: these stay together, as they ended. Sorted by when they were begun, MLflow would
    # show the runs above, with these folded below.
    sorted_by, ascending = (
        (metric, analysis.declared.lower_is_better) if not data_sets else ("attributes.`end_time`", True)
    )
    show = partial(view, sorted_by=sorted_by, ascending=ascending)
    seed_tags = [*tags, *(tag_column(f"{TAG}{name}") for name in ("variant", "seed"))]
    store.show(
        {
            VARIANTS: show(variants, [*tags, metric, *beside, *verdict], charts=NO_SPREADS),
            SEEDS: show(seeds, [*seed_tags, metric], charts=CURVES, grouped_by=f"{TAG}variant"),
        }
    )

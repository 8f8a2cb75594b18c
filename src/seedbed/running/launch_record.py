"""What is recorded of a launch: its recipe, data and circumstances when it begins, its results when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from seedbed.config.experiment import Experiment
from seedbed.config.metric_checks import metrics_of
from seedbed.metrics import Declared, as_plain, joined
from seedbed.report.benchmark.writing import benchmark_page
from seedbed.report.writing import launch_page
from seedbed.results import Benchmark, Results
from seedbed.tracking.names import CODE, CONFIG, DATA, ENVIRONMENT, METRICS, NOTES, OVERRIDES, PLAN, READABLE
from seedbed.tracking.params import flat_params, is_cut, to_yaml
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.environment import environment, in_one_line
from seedbed.training.planned import PlannedCells
from seedbed.training.progress import Display


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


def describe_results(launch: TrackedRun, results: Results, display: Display) -> None:
    """Give the launch's page in MLflow the answer, the table and the pictures."""
    pictures = results.config["tracking"]["pictures"]
    _show(launch, lambda: launch_page(results, with_pictures=pictures), display)


def describe_benchmark(launch: TrackedRun, results: Benchmark, display: Display) -> None:
    """The same for a launch over several data sets."""
    pictures = results.first.config["tracking"]["pictures"]
    _show(launch, lambda: benchmark_page(results, with_pictures=pictures), display)


def _show(launch: TrackedRun, page: Callable[[], tuple[str, dict[str, bytes]]], display: Display) -> None:
    try:
        text, pictures = page()
        launch.log(description=text)
        for name, content in pictures.items():
            launch.artifact(f"report/{name}", content)
    except Exception as error:  # what was trained is recorded, and must not be taken for failed
        display.say(f"MLflow shows no summary of this launch: {type(error).__name__}: {error}")

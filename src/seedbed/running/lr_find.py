"""Learning-rate range tests of an experiment's variants: all seeds at once, tracked, and what to do with what they find."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from seedbed.config.experiment import Experiment, load_experiment
from seedbed.config.lightning_modules import trains_modules
from seedbed.errors import ConfigError
from seedbed.figures import Kind, rendered
from seedbed.lr_finder import AUTO, RULES, FinderSettings, RangeTest, Suggested, mean_curve
from seedbed.report.files import csv_text, write_files
from seedbed.report.pictures.lr_finder import range_tests_figure
from seedbed.report.render.terminal import aligned
from seedbed.running.planning import Planner, installed, may_leave_out
from seedbed.running.runner import open_store, repair
from seedbed.signals import ending_signals_interrupt
from seedbed.tracking.names import CONFIG, ON_DATA_SET, RANGE_TESTS
from seedbed.tracking.params import NOT_A_CELLS_PARAM, flat_params, to_yaml
from seedbed.tracking.tracked_run import TrackedRun, ending
from seedbed.training.planned import PlannedVariant
from seedbed.training.progress import Display
from seedbed.training.range_tests import check_range_test, range_test
from seedbed.training.stack_size import groups_of, seeds_at_once, seeds_in_memory

CURVE_COLUMNS = ("variant", "seed", "step", "lr", "loss", "smoothed")
SUGGESTION_COLUMNS = ("variant", "seed", "rule", "lr")
TABLE, PICTURE = "lr_find.csv", "lr_find.png"


@dataclass(frozen=True)
class FoundRates:
    """What the range tests of an experiment's variants have found."""

    experiment: Experiment
    tests: dict[str, tuple[RangeTest, ...]]
    """Tests by variant, one for each seed."""
    runs: dict[str, str]
    """The MLflow run of each variant's tests, in the MLflow experiment NAME.lr_find."""

    @property
    def curves(self) -> pd.DataFrame:
        """CURVE_COLUMNS, one row a step; ``step`` counts from 0."""
        return pd.DataFrame(_curve_rows(self.tests), columns=list(CURVE_COLUMNS))

    @property
    def suggestions(self) -> pd.DataFrame:
        """SUGGESTION_COLUMNS, one row for each seed and rule; NaN where the rule finds no rate."""
        rows = [
            (variant, test.seed, rule, test.suggestion(rule))
            for variant, tests in self.tests.items()
            for test in tests
            for rule in RULES
        ]
        return pd.DataFrame(rows, columns=list(SUGGESTION_COLUMNS)).astype({"lr": float})

    def __str__(self) -> str:
        return "\n\n".join(variant_text(self.experiment, variant, tests) for variant, tests in self.tests.items())

    def write(self, picture: Path) -> tuple[Path, Path]:
        """Draw all variants into a PNG or SVG file, with a table of all points beside it; the paths of both."""
        kind = picture_kind(picture)
        beside = picture.with_suffix(".csv")
        table = csv_text(CURVE_COLUMNS, _curve_rows(self.tests))
        contents: dict[str, bytes | str] = {
            picture.name: rendered(lambda: range_tests_figure(self.tests), kind),
            beside.name: table,
        }
        write_files(picture.parent, contents, "--plot")
        return picture, beside


def picture_kind(path: Path) -> Kind:
    """The kind of picture that its name ends in; raises ``ConfigError`` for others than those that can be drawn."""
    if path.suffix == ".png":
        return "png"
    if path.suffix == ".svg":
        return "svg"
    raise ConfigError(f"--plot {path}: not the name of a picture file. Give one that ends in .png or .svg.")


def find_lr(
    name: str,
    overrides: Sequence[str] = (),
    config_dir: str | PathLike[str] | None = None,
    *,
    display: Display | None = None,
) -> FoundRates:
    """Range tests of the variants of experiment ``name``, by its ``lr_finder``, under the overrides of ``run``.

    Nothing that is trained, tracked or reported of the experiment changes. Raises a ``SeedbedError`` for bad input, before
    any test.
    """
    return find_rates(load_experiment(name, overrides, config_dir), display)


def find_rates(experiment: Experiment, display: Display | None = None) -> FoundRates:
    """The range tests of an experiment that is loaded, as ``find_lr`` makes them."""
    if trains_modules(experiment.config):
        raise ConfigError(
            f"{experiment.name!r} has task=lightning, whose modules make their optimizers themselves. Take Lightning's own "
            "test: callbacks: {lr: {_target_: pytorch_lightning.callbacks.LearningRateFinder}}, which sets what the module "
            "calls lr."
        )
    display = display or Display(quiet=True)
    display = display.about(experiment.data_set) if experiment.data_set else display
    with display, ending_signals_interrupt():
        experiment = installed(experiment, display)
        for note in experiment.notes:
            display.say_once(note)
        planned = Planner(experiment.seeds, display).plan(experiment.variants, leave_out=may_leave_out(experiment))
        plan = _that_train(planned, experiment, display)
        store = open_store(experiment, RANGE_TESTS)
        repair(store, display)
        display.begin(sum(FinderSettings.of(each.variant.config).steps * len(each.rows) for each in plan))
        tests, runs = {}, {}
        for tried in plan:
            on = {ON_DATA_SET: experiment.data_set} if experiment.data_set else {}
            tags = {"variant": tried.name, "command": experiment.command, "data_digest": tried.table.digest, **on}
            with ending(store.start(_name(experiment, tried.name), "lr_find", tags)) as run:
                tests[tried.name] = _tested(tried, display)
                runs[tried.name] = run.id
                _record(run, tried, tests[tried.name], experiment)
    return FoundRates(experiment, tests, runs)


def _that_train(plan: Sequence[PlannedVariant], experiment: Experiment, display: Display) -> list[PlannedVariant]:
    """The variants that take steps; raises ``ConfigError`` where there are none, or others were asked for by name."""
    training = [planned for planned in plan if planned.trainer.traits.takes_steps]
    if experiment.config["variant"] is not None or not training:
        for planned in plan:
            check_range_test(planned.trainer.builder)
        return list(plan)
    if left_out := [planned.name for planned in plan if not planned.trainer.traits.takes_steps]:
        display.say(f"Left out, as they take no steps: {', '.join(left_out)}.")
    return training


def _tested(planned: PlannedVariant, display: Display) -> tuple[RangeTest, ...]:
    """The tests of all seeds, as many at once as a training would stack."""
    builder, start = planned.trainer.builder, time.perf_counter()
    steps, tests = FinderSettings.of(planned.variant.config).steps, []
    for seeds in groups_of(list(planned.rows), seeds_in_memory(builder.parts)):
        data = [planned.seed_data(seed, display) for seed in seeds]
        for stack in groups_of(data, seeds_at_once(builder, data)):
            progress = _StepProgress(display, planned.name, steps, len(stack))
            tests += range_test(builder, stack, progress=progress.taken)
            progress.end()
    plural = "s" if len(tests) != 1 else ""
    display.say(f"{planned.name}: {len(tests)} seed{plural} tested in {time.perf_counter() - start:.1f} s")
    return tuple(tests)


@dataclass
class _StepProgress:
    """Tells the display of the steps of a stack; those that a seed is spared count as done at the end."""

    display: Display
    variant: str
    steps: int
    seeds: int
    done: int = 0

    def taken(self, seeds: int) -> None:
        self.done += seeds
        self.display.at(self.variant, self.done // self.seeds, self.steps, self.seeds, seeds, "step")

    def end(self) -> None:
        left = self.steps * self.seeds - self.done
        self.display.at(self.variant, self.steps, self.steps, self.seeds, left, "step")


# ---- what is recorded ------------------------------------------------------------------------------------------------


def _record(run: TrackedRun, planned: PlannedVariant, tests: Sequence[RangeTest], experiment: Experiment) -> None:
    config, of_variant = planned.variant.config, {planned.name: tests}
    run.log(
        params={
            **flat_params(config, NOT_A_CELLS_PARAM),
            **{f"lr_finder.{key}": value for key, value in config["lr_finder"].items()},
            "seeds": [test.seed for test in tests],
        },
        curves=[*_mean_points(tests), *_seed_points(tests), *_suggested_points(tests)],
        description=f"```\n{variant_text(experiment, planned.name, tests)}\n```",
    )
    run.artifact(CONFIG, to_yaml(config))
    run.artifact(TABLE, csv_text(CURVE_COLUMNS, _curve_rows(of_variant)))
    if planned.variant.tracking.pictures:
        run.artifact(PICTURE, rendered(lambda: range_tests_figure(of_variant), "png"))


Points = list[tuple[str, int, float]]


def _mean_points(tests: Sequence[RangeTest]) -> Points:
    """The rates, and the mean over the seeds while all go on."""
    rates, means = mean_curve(tests)
    return [
        (name, step, float(value))
        for name, values in (("lr", rates), ("smoothed", means))
        for step, value in enumerate(values)
    ]


def _seed_points(tests: Sequence[RangeTest]) -> Points:
    return [
        (f"seed_{test.seed}/{name}", step, float(value))
        for test in tests
        for name, values in (("loss", test.losses), ("smoothed", test.smoothed))
        for step, value in enumerate(values)
    ]


def _suggested_points(tests: Sequence[RangeTest]) -> Points:
    """What each rule suggests, at the step after the last: geometric mean, ends and number of the seeds that have a rate."""
    points: Points = []
    for rule in RULES:
        suggested = Suggested.by(rule, tests)
        if suggested.mean is not None:
            values = {
                "": suggested.mean,
                "_low": min(suggested.rates),
                "_high": max(suggested.rates),
                "_n": len(suggested.rates),
            }
            points += [(f"suggestion/{rule}{end}", tests[0].settings.steps, value) for end, value in values.items()]
    return points


def _curve_rows(tests: Mapping[str, Sequence[RangeTest]]) -> list[tuple[Any, ...]]:
    return [
        (variant, test.seed, step, float(lr), float(loss), float(smoothed))
        for variant, of_variant in tests.items()
        for test in of_variant
        for step, (lr, loss, smoothed) in enumerate(zip(test.rates, test.losses, test.smoothed, strict=True))
    ]


# ---- what is said ----------------------------------------------------------------------------------------------------


def variant_text(experiment: Experiment, variant: str, tests: Sequence[RangeTest]) -> str:
    """One variant's suggestions as a table, which seeds diverged, and what to type next."""
    settings = tests[0].settings
    plural = "s" if len(tests) != 1 else ""
    head = (
        f"{_name(experiment, variant)}: {len(tests)} seed{plural}, {settings.steps} rates from {settings.min_lr:g} to {settings.max_lr:g} "
        f"({settings.spacing}); the recipe has optimizer.lr={_recipe_lr(experiment, variant)}"
    )
    rows = [["rule", "rate (geometric mean)", "lowest", "highest", "seeds"]]
    for rule in RULES:
        suggested = Suggested.by(rule, tests)
        ends = [_shown(min(suggested.rates)), _shown(max(suggested.rates))] if suggested.rates else ["-", "-"]
        rows.append([rule, _shown(suggested.mean), *ends, f"{len(suggested.rates)} of {len(tests)}"])
    return "\n".join([head, aligned(rows), _divergence(tests), *_next_steps(experiment, variant, tests)])


def _name(experiment: Experiment, variant: str) -> str:
    """The variant, after the data set that was picked of those which the file lists."""
    return f"{experiment.data_set}: {variant}" if experiment.data_set else variant


def _divergence(tests: Sequence[RangeTest]) -> str:
    at = [test.diverged_at for test in tests if test.diverged_at is not None]
    if not at:
        return f"No seed diverged up to {tests[0].settings.max_lr:g}."
    where = f"at {_shown(at[0])}" if len(at) == 1 else f"at rates from {_shown(min(at))} to {_shown(max(at))}"
    return f"{len(at)} of {len(tests)} seeds diverged, {where}."


def _next_steps(experiment: Experiment, variant: str, tests: Sequence[RangeTest]) -> list[str]:
    """The commands that train with what was found, under the same overrides."""
    rule = tests[0].settings.rule
    mean = Suggested.by(rule, tests).mean
    if mean is None:
        low = tests[0].settings.min_lr / 1000
        other = f"lr_finder.min_lr={low:g}" if all(test.diverged_at for test in tests) else "lr_finder.max_lr=10"
        remedy = f"Try other rates, such as {other}, more of them (lr_finder.steps=300) or a larger batch."
        return [f"Rule {rule} finds no rate. {remedy}"]
    own = next(each for each in experiment.variants if each.name == variant)
    if any(text.lstrip("+").startswith("optimizer.lr=") for text in own.overrides):
        return [f"The variant sets optimizer.lr itself: write {_shown(mean)} or {AUTO} there, in experiments/{experiment.name}.yaml."]  # fmt: skip
    return [
        f"By rule {rule}: {_command(experiment, variant, _shown(mean), of_finder=False)}",
        f"Or each seed by its own test: {_command(experiment, variant, AUTO, of_finder=True)}",
    ]


def _command(experiment: Experiment, variant: str, lr: str, *, of_finder: bool) -> str:
    dropped = ("variant=", "optimizer.lr=", *(() if of_finder else ("lr_finder.",)))
    kept = [text for text in experiment.overrides if not text.lstrip("+").startswith(dropped)]
    folder = ["--config-dir", experiment.config_dir] if experiment.config_dir else []
    return shlex.join(["seedbed", "run", experiment.name, f"variant={variant}", *kept, f"optimizer.lr={lr}", *folder])


def _recipe_lr(experiment: Experiment, variant: str) -> Any:
    config = next(each.config for each in experiment.variants if each.name == variant)
    return config["optimizer"].get("lr", "its default")


def _shown(lr: float | None) -> str:
    return "-" if lr is None else f"{lr:.2g}"

"""Searches: one variant's settings, optimized over all seeds at once on validation rows, and the best tested once."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import optuna
from optuna.distributions import distribution_to_json

from seedbed.config.experiment import Experiment, Variant
from seedbed.config.recipe import RECIPE_VERSION, recipe_of
from seedbed.errors import SeedbedError
from seedbed.garbage import present_objects_spared
from seedbed.report.formatting import number
from seedbed.report.pictures.picture import files_of
from seedbed.report.printed import search_text
from seedbed.report.searches.trials import trials_csv
from seedbed.report.sections.search import search_pictures
from seedbed.results import Search
from seedbed.running.runner import Outcome, open_store, repair, run_loaded
from seedbed.search.plan import SearchPlan, read_plan
from seedbed.search.settings import SearchSettings
from seedbed.search.space import as_override
from seedbed.search.study import Study, StudyState, TrialOutcome, usable
from seedbed.search.trials import Trials
from seedbed.signals import ending_signals_interrupt
from seedbed.tracking.databases import without_password
from seedbed.tracking.names import CONFIG, SEARCH_RECORD, SEARCHES
from seedbed.tracking.params import NOT_A_CELLS_PARAM, flat_params, to_yaml
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun
from seedbed.training.progress import Display
from seedbed.training.workers import Workers


@dataclass(frozen=True)
class SearchOutcome:
    """What ``search`` gives back."""

    search: Search
    run: str
    """MLflow id of the search's run, in the experiment NAME.search."""
    tested: Outcome | None
    """The launch that has tested the best trials on fresh seeds; None where there was nothing to test, or no wish to."""
    shared: bool = False
    """Whether another process is still at work on the study: the last of them tests the best."""
    out_of_time: bool = False
    """Whether ``search.seconds`` were over before there were as many trials as wanted."""


def search(
    name: str,
    overrides: Sequence[str] = (),
    config_dir: str | PathLike[str] | None = None,
    *,
    display: Display | None = None,
    only_trials: bool = False,
    began: float | None = None,
) -> SearchOutcome:
    """Search over settings of one variant of experiment ``name``, and test the best on fresh seeds.

    ``overrides`` are those of ``run``; those that give several values are searched, beside ``search.params`` of the
    config. A study that is there is gone on with. Bad input raises a ``SeedbedError`` before any trial.
    ``only_trials`` leaves the test to another process that shares the study. ``began`` is when ``search.seconds`` began,
    as ``time.time`` has it; by default now.
    """
    began = began or time.time()
    plan = read_plan(name, overrides, config_dir)
    return search_planned(plan, display, only_trials=only_trials, began=began)


def search_planned(
    plan: SearchPlan, display: Display | None = None, *, only_trials: bool = False, began: float
) -> SearchOutcome:
    """The search that a plan asks for, as ``search`` does it."""
    clock = Clock(began, plan.settings.seconds)
    display = display or Display(quiet=True)
    with display, ending_signals_interrupt(), present_objects_spared(), usable(plan.settings.storage):
        with Workers() as workers, ThreadPoolExecutor(1, "records") as records:
            trials, study, run = _opened(plan, display, workers, records)
            if not only_trials and plan.settings.sampler.learns and study.state().running:
                display.say(NOT_REPEATABLE.format(sampler=plan.settings.sampler.name))
            _work(trials, study, run, plan, display, clock)
        state = study.state()
        record = _record(state, plan, trials)
        if only_trials or state.running or not study.claim_test():
            return SearchOutcome(record, run.id, None, shared=not only_trials, out_of_time=clock.stopped)
        with display.doing("Recording what the search found"):
            record = _finish(run, record, plan)
        tested = _test(plan, record, run.id, display) if record.best and plan.settings.fresh_seeds else None
    return SearchOutcome(record, run.id, tested, out_of_time=clock.stopped)


NOT_REPEATABLE = (
    "{sampler} learns from the trials that are finished when it draws the next point. With several processes that depends on "
    "which is done first, so the same command may try other points another time."
)
"""What is said once where processes share a study."""


def make_study(
    name: str, overrides: Sequence[str] = (), config_dir: str | PathLike[str] | None = None
) -> tuple[SearchSettings, Store]:
    """Check all that ``search`` checks before its first trial, and make its study; gives the store of its runs too."""
    plan = read_plan(name, overrides, config_dir)
    with Workers() as workers, ThreadPoolExecutor(1, "records") as records:
        trials, _, _ = _opened(plan, Display(quiet=True), workers, records)
    return plan.settings, trials.store


def _store(plan: SearchPlan, display: Display) -> Store:
    experiment = plan.experiment
    store = open_store(experiment, SEARCHES)
    repair(store, display)
    return store


def _opened(
    plan: SearchPlan, display: Display, workers: Workers, records: ThreadPoolExecutor
) -> tuple[Trials, Study, TrackedRun]:
    """All that is wrong with the input is found before study and store are made."""
    trials = Trials(plan, display, workers, records)
    study = Study(plan.settings, plan.space, _recipe(plan, trials))
    trials.record_in(_store(plan, display))
    return trials, study, _search_run(trials.store, study, plan)


def _recipe(plan: SearchPlan, trials: Trials) -> dict[str, Any]:
    """What all trials of a study share, and what makes their values comparable."""
    searched = [key.replace("/", ".") for key in plan.space.texts]
    config = {
        key: value
        for key, value in recipe_of(plan.variant.config).items()
        if not any(key == out or key.startswith(f"{out}.") for out in searched)
    }
    settings, code = plan.settings, trials.code.beyond_shipped
    return {
        **config,
        **{f"code of {module}": digest for module, digest in code.get("modules", {}).items()},
        **{f"version of {package}": version for package, version in code.get("packages", {}).items()},
        "seeds": list(plan.experiment.seeds),
        "data digest": trials.base.data_digest,
        "search.metrics": list(settings.metrics),
        "search.objective": settings.objective,
        "search.holdout": settings.holdout,
        "recipe version": RECIPE_VERSION,
    }


# ---- the trials ------------------------------------------------------------------------------------------------------


def _search_run(store: Store, study: Study, plan: SearchPlan) -> TrackedRun:
    """The run above those of the trials: the study's, or a new one."""
    settings = plan.settings
    with study.alone():
        if study.run and (run := store.reopen(study.run)):
            run.log(tags={"trials": str(settings.trials)})
            return run
        tags = {"study": settings.study, "command": plan.command, "trials": str(settings.trials)}
        run = store.start(settings.study, "search", tags)
        study.set_run(run.id)
    run.log(
        params={
            **{f"space.{key}": text for key, text in plan.space.texts.items()},
            "variant": plan.variant.name,
            "seeds": list(plan.experiment.seeds),
            "metrics": list(settings.metrics),
            "objective": settings.objective,
            "sampler": settings.sampler.name,
            "pruner": type(settings.pruner).__name__,
            **flat_params(plan.variant.config, NOT_A_CELLS_PARAM),
        }
    )
    run.artifact(CONFIG, to_yaml(plan.variant.config))
    return run


@dataclass
class Clock:
    """The time of one search."""

    began: float
    seconds: float | None
    stopped: bool = False
    """Whether a trial that was wanted did not start because the time was over."""

    def is_over(self) -> bool:
        return self.seconds is not None and time.time() - self.began >= self.seconds


def _work(trials: Trials, study: Study, run: TrackedRun, plan: SearchPlan, display: Display, clock: Clock) -> None:
    """Run trials until there are as many as wanted, or the time is over."""
    study.enqueue(plan.settings.first)
    queued = study.retry_killed()
    there = sum(record.state != "WAITING" for record in study.records())
    wanted = plan.settings.trials
    _announce(study, plan, there, queued, display)
    display.begin(max(wanted - there, 0) * len(plan.experiment.seeds) * trials.base.epochs)
    try:
        _complete_records(trials, study, run, display)
        while trial := _next(trials, study, run, display, clock):
            measured = _run(trials, study, trial, run)
            study.tell(trial, measured, trials.unrecorded())
            display.say(_line(trial, measured, study, wanted))
            trials.wait(but=1)  # those of this trial are written while the next one trains
        _settle(trials, study)
    except BaseException as error:
        run.end("KILLED" if isinstance(error, KeyboardInterrupt | SystemExit) else "FAILED")
        with suppress(Exception):  # what is to be said is why the search ends
            _settle(trials, study)
        raise


def _settle(trials: Trials, study: Study) -> None:
    """Wait for the records of all trials."""
    trials.wait()
    study.note_unrecorded(trials.unrecorded())


def _complete_records(trials: Trials, study: Study, run: TrackedRun, display: Display) -> None:
    """Write what processes that are gone have left out of the records of trials that they had told."""
    for told in study.take_unrecorded():
        display.say(f"Trial {told.number} has a value, but not all of its records were written: completing them.")
        trials.complete(told, run)
    study.note_unrecorded(trials.unrecorded())


def _announce(study: Study, plan: SearchPlan, there: int, queued: int, display: Display) -> None:
    settings = plan.settings
    display.say(
        f"Study {settings.study} in {without_password(settings.storage)}: {settings.trials} trials x {len(plan.experiment.seeds)} seeds by "
        f"{settings.sampler.name}{'' if not settings.prunes else ' with ' + type(settings.pruner).__name__}, "
        f"{there} there already{f', {queued} of a killed process queued again' if queued else ''}."
    )


def _next(trials: Trials, study: Study, run: TrackedRun, display: Display, clock: Clock) -> optuna.Trial | None:
    """The next trial; the points of a process that was killed meanwhile are tried again. None: no more, or no time."""
    if queued := study.retry_killed():
        trials.store.repair()  # where the killed process was the last to go on with the search's run, that one too
        trials.store.reopen(run.id)
        display.say(f"{queued} {'trials' if queued > 1 else 'trial'} of a killed process queued again.")
    if clock.is_over() and study.wants_more():
        clock.stopped = True
        return None
    return study.next()


def _run(trials: Trials, study: Study, trial: optuna.Trial, run: TrackedRun) -> TrialOutcome:
    try:
        return trials.run(trial, study, run)
    except (KeyboardInterrupt, SystemExit, SeedbedError):  # the store, say: the point is queued again later
        study.interrupted(trial)
        raise
    except Exception as error:
        return TrialOutcome(reason=f"{type(error).__name__}: {error}")


def _line(trial: optuna.Trial, measured: TrialOutcome, study: Study, wanted: int) -> str:
    point = " ".join(as_override(key, shown_number(value)) for key, value in trial.params.items())
    metric = study.settings.metrics[0]
    spread = f" ± {number(measured.std, 4)}" if measured.std is not None else ""
    mean = f"{metric} {number(measured.mean, 4)}{spread} (n={measured.n})" if measured.mean is not None else ""
    if measured.same_as is not None:
        what = f"{mean}, as trial {measured.same_as}: the same point"
    elif measured.values:
        what = f"{mean}  {measured.seconds:.1f} s"
    else:
        what = f"PRUNED at {mean}: {measured.reason}" if measured.pruned else f"FAILED: {measured.reason}"
    state = study.state()
    mark = "  best so far" if state.best == [trial.number] else ""
    done = sum(record.state not in ("RUNNING", "WAITING") for record in state.trials)
    return f"{done}/{wanted}  trial {trial.number}  {point}  {what}{mark}"


def shown_number(value: Any) -> Any:
    """A number as short as a line of progress wants it."""
    return float(f"{value:.3g}") if isinstance(value, float) else value


# ---- what came of it -------------------------------------------------------------------------------------------------


def _record(state: StudyState, plan: SearchPlan, trials: Trials) -> Search:
    settings = plan.settings
    return Search(
        study=settings.study,
        variant=plan.variant.name,
        space=dict(plan.space.texts),
        distributions={key: distribution_to_json(values) for key, values in plan.space.distributions.items()},
        metrics=list(settings.metrics),
        lower_is_better=list(settings.lower_is_better),
        objective=settings.objective,
        sampler=settings.sampler.name,
        pruner=type(settings.pruner).__name__,
        seeds=list(plan.experiment.seeds),
        holdout=settings.holdout if trials.holds_out else None,
        trials_wanted=settings.trials,
        trials=state.trials,
        best=state.best,
        command=plan.command,
    )


def _finish(run: TrackedRun, record: Search, plan: SearchPlan) -> Search:
    """Record the search with its pictures, and end its run; gives the search with the names of what is to be tested."""
    record = replace(record, tuned=_names(record.best, plan.variant.config["variants"]))
    run.artifact(SEARCH_RECORD, json.dumps(dataclasses.asdict(record)))
    run.artifact("trials.csv", trials_csv(record))
    run.log(description=f"```\n{search_text(record)}\n```")
    if plan.variant.tracking.pictures:
        for name, content in files_of(search_pictures(record), kinds=("png",)).items():
            run.artifact(f"report/{name}", content)
    if len(record.best) == 1:
        best = next(trial for trial in record.trials if trial.number == record.best[0])
        run.log(curves=[("objective", 0, best.values[0])], tags={"best": json.dumps(best.params)})
    run.end("FINISHED" if record.best else "FAILED")
    return record


def _names(best: Sequence[int], taken: Container[str]) -> list[str]:
    """What variants with the best trials' settings are called: no variant of the experiment is called so."""
    word = "tuned"
    while True:
        names = [f"{word}_{number}" for number in best] if len(best) > 1 else [word] * len(best)
        if not any(name in taken for name in names):
            return names
        word += "_anew"


def _test(plan: SearchPlan, record: Search, run: str, display: Display) -> Outcome:
    """Train the variant as it stands and with each best trial's settings on fresh seeds, and test them once."""
    experiment = _with_tuned(plan, record)
    display.say(
        f"Testing {' and '.join(record.tuned)} beside {plan.variant.name} on {len(experiment.seeds)} fresh seeds."
    )
    return run_loaded(
        experiment,
        display,
        tags={"command": plan.command, "search": run},
        artifacts={SEARCH_RECORD: json.dumps(dataclasses.asdict(record))},
    )


def _with_tuned(plan: SearchPlan, record: Search) -> Experiment:
    first = max(plan.experiment.seeds) + 1
    seeds = tuple(range(first, first + plan.settings.fresh_seeds))
    params = {trial.number: trial.params for trial in record.trials}
    tuned = [
        plan.template.at(name, [as_override(key, value) for key, value in params[number].items()])
        for name, number in zip(record.tuned, record.best, strict=True)
    ]
    variants = [plan.variant, *tuned]
    shared = {
        "question": f"Does {plan.variant.name} do better with the settings that a search of {len(record.trials)} trials found?",
        "seeds": list(seeds),
        "variant": None,
        "variants": {variant.name: list(variant.overrides) for variant in variants},
        "published": {},
    }
    return replace(
        plan.experiment,
        seeds=seeds,
        variants=tuple(_sharing(variant, shared, plan.variant.name) for variant in variants),
    )


def _sharing(variant: Variant, shared: dict[str, Any], baseline: str) -> Variant:
    config = deepcopy(variant.config)
    learned = baseline if config["report"]["learned"] is not None else None
    report = {**config["report"], "baseline": baseline, "learned": learned, "axis": None}
    return replace(variant, config={**config, **shared, "report": report})

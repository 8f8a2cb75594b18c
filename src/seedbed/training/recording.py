"""Records a variant in MLflow: its run, those of its seeds while they train, and the mean of all its seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from safetensors.torch import save as safetensors_bytes

from seedbed.config.recipe import FILES_OF_DATA, RECIPE_VERSION
from seedbed.data.catalogue import source_of
from seedbed.errors import DataError, StoreFull
from seedbed.models.estimator_files import NotKept, written
from seedbed.tasks.base import SeedData
from seedbed.tracking.aggregates import is_curve, mean_curves, variant_metrics
from seedbed.tracking.names import (
    ADJUSTMENT,
    AT_ONCE,
    CHOSEN_EPOCH,
    CONFIG,
    COPIES,
    ENGINE,
    ERROR,
    ESTIMATOR,
    LR_FALLBACK,
    NOT_KEPT,
    ON_DATA_SET,
    OUTCOME,
    PRUNED,
    SCORES,
    WEIGHTS,
    WITHIN,
)
from seedbed.tracking.params import NOT_A_CELLS_PARAM, flat_params, to_yaml
from seedbed.tracking.processes import heartbeat
from seedbed.tracking.runs import SeedRun, code_tags
from seedbed.tracking.store import Store
from seedbed.tracking.tracked_run import TrackedRun, ending
from seedbed.training.environment import in_one_line
from seedbed.training.failures import Failure, grouped
from seedbed.training.logger import FurtherLoggers
from seedbed.training.planned import PlannedCells
from seedbed.training.progress import Display
from seedbed.training.seed_results import CurvePoints, SeedResult


def add_data(run: TrackedRun, planned: PlannedCells) -> None:
    """Record the data set of a variant as MLflow's dataset input of a run."""
    data = planned.variant.config.get("data") or {}
    own = {key: str(data[key]) for key in FILES_OF_DATA if data.get(key)}
    source = source_of(data)
    run.add_data(planned.data_name, planned.data_digest, own or {"source": source or planned.data_name})


class VariantRecord:
    """What is recorded of a variant in a launch.

    Most of it is written by ``writer``, one thread, while the next stack or variant trains: writing takes about as long
    as a tenth of the training of a small network. ``failures`` is complete when ``wait`` returns.
    """

    def __init__(
        self, store: Store, launch: TrackedRun, planned: PlannedCells, display: Display, writer: Executor
    ) -> None:
        self.store, self.launch, self.planned, self.display, self.writer = store, launch, planned, display, writer
        data_set = planned.variant.data_set
        self._of_all = {ON_DATA_SET: data_set} if data_set else {}
        self._of_all |= {WITHIN: launch.above.id} if launch.above else {}
        tags = {"variant": planned.name, "launch": launch.id, "data_digest": planned.data_digest, **self._of_all}
        self.run = store.start(planned.name, "variant", tags, launch.id, writer)
        """The variant's."""
        self.failures: dict[str, Failure] = {}
        """What failed, by variant or by "variant, seed n"."""
        self.results: dict[int, SeedResult] = {}
        """What came of seeds trained here, recorded or not yet, without what may be large."""
        self.trained: dict[int, SeedRun] = {}
        """The cells recorded here, by seed."""
        self._curves: dict[int, CurvePoints] = {}
        """Curves of these cells, under canonical names."""
        self._loggers = FurtherLoggers(planned.variant.config)
        self._pending: list[Future[None]] = []
        self._written: dict[str, set[int]] = {}
        """Epochs whose points were written while the fit went on, by run."""

    # ---- what is called while the variant trains

    def describe(self) -> None:
        """Write the variant's config."""
        self._later(self._describe)

    def start_seed(self, seed: int, more: Mapping[str, str] | None = None) -> TrackedRun:
        """The run of a seed, with ``more`` tags, which exists from the start of its training."""
        planned = self.planned
        tags = {
            "variant": planned.name,
            "seed": str(seed),
            "launch": self.launch.id,
            "fingerprint": planned.fingerprints[seed],
            **code_tags(planned.code, planned.recipes[seed]),
            "data_digest": planned.data_digest,
            "recipe_version": str(RECIPE_VERSION),
            "environment": in_one_line(),
            **self._of_all,
            **(more or {}),
        }
        return self.store.start(f"seed {seed} {planned.name}", "seed", tags, self.run, self.writer)

    def start_stack(
        self, stack: Sequence[SeedData], exits: ExitStack, threads: int, engine: str = ""
    ) -> list[TrackedRun]:
        """Runs that exist from the start, so that the UI shows what is being trained, and that end with ``exits``.

        ``engine`` is what takes their optimizer steps, "" where there are none.
        """
        # All change how sums are rounded: who wants the same bits again needs the same ones.
        rounding = {"stack": ",".join(str(item.seed) for item in stack), "threads": str(threads)}
        rounding |= {ENGINE: engine} if engine else {}
        counted = [{COPIES: json.dumps(dict(item.counts))} if item.counts else {} for item in stack]
        return [
            exits.enter_context(ending(self.start_seed(item.seed, rounding | counts)))
            for item, counts in zip(stack, counted, strict=True)
        ]

    def alive(self, runs: Iterable[TrackedRun] = ()) -> None:
        """Say that this process still works on the variant, and on these runs of its seeds."""
        self._later(self._alive, [self.launch, self.run, *runs])

    def add_logged(self, points: CurvePoints) -> None:
        """Write what a module or a callback has logged of a stack to the variant's run."""
        self.run.log(curves=points)

    def add_points(self, runs: Sequence[TrackedRun], curves: Sequence[CurvePoints]) -> None:
        """Write the new points of each seed's curves, of a fit that goes on."""
        self._later(self._add_points, runs, curves)

    def add_results(self, exits: ExitStack, runs: Sequence[TrackedRun], results: Sequence[SeedResult]) -> None:
        """Write what was not written during the fit, and end each run and ``exits``."""
        for result in results:
            self.results[result.seed] = replace(result, weights={}, scores=None, estimator=None)
        self._later(self._add_results, exits, runs, results)

    def add_failure(self, error: Exception) -> None:
        """Write down that the variant failed."""
        failure = self.failures[self.planned.name] = Failure.of(error)
        self.run.artifact("error.txt", failure.traceback)

    def add_failed_seed(self, seed: int, error: Exception, run: TrackedRun | None = None) -> None:
        """Record a FAILED run of a seed without a result; ``run`` is its own where it got as far as training."""
        failure = self.failures[self.seed_name(seed)] = Failure.of(error)
        run = run or self.start_seed(seed)
        run.artifact("error.txt", failure.traceback)
        run.fail(error)

    def finish(
        self, done: dict[str, SeedRun], trained: int, seconds: float, pruned_points: CurvePoints | None, *, says: bool
    ) -> None:
        """Write the mean over all seeds and end the variant's run; ``done``, cells by fingerprint, gets those of here.

        ``trained`` is how many seeds there were to train. ``pruned_points`` are the means that who pruned the variant
        has seen, None where nobody did. With ``says``, the display says what came of it.
        """
        self._later(self._finish, done, trained, seconds, pruned_points, says)

    def add(self, tags: Mapping[str, str], curves: CurvePoints) -> None:
        """Write these to the variant's run, after what is to be written by now."""
        self._later(lambda: self.run.log(tags=tags, curves=curves))

    @property
    def written(self) -> bool:
        """Whether everything is recorded that can be."""
        return all(future.done() and not future.exception() for future in self._pending)

    def wait(self) -> None:
        """Return when everything is recorded."""
        for future in self._pending:
            future.result()

    def curves_of(self, cell: SeedRun) -> Iterable[tuple[str, int, float]]:
        """Points under canonical names; reading them back takes long, so those of seeds trained here are at hand."""
        if cell.seed in self._curves:
            return self._curves[cell.seed]
        return self.store.curves(cell.id, [name for name in cell.metrics if is_curve(name)])

    # ---- what the writer does

    def _later(self, write: Callable[..., None], *arguments: Any) -> None:
        def guarded() -> None:
            try:
                write(*arguments)
            except StoreFull:
                raise
            except Exception as error:
                self.add_failure(error)

        self._pending.append(self.writer.submit(guarded))

    def _describe(self) -> None:
        config = self.planned.variant.config
        self.run.log(params=flat_params(config, NOT_A_CELLS_PARAM))
        self.run.artifact(CONFIG, to_yaml(config))
        add_data(self.run, self.planned)

    def _add_points(self, runs: Sequence[TrackedRun], curves: Sequence[CurvePoints]) -> None:
        for run, points in zip(runs, curves, strict=True):
            run.log(curves=points, tags=heartbeat())
            self._loggers.log(run, points)
            self._written.setdefault(run.id, set()).update(epoch for _, epoch, _ in points)
        self._alive([self.launch, self.run])

    def _alive(self, runs: Sequence[TrackedRun]) -> None:
        above = [self.launch.above] if self.launch.above else []
        for run in (*above, *runs):
            run.log(tags=heartbeat())

    def _add_results(self, exits: ExitStack, runs: Sequence[TrackedRun], results: Sequence[SeedResult]) -> None:
        with exits:
            for run, result in zip(runs, results, strict=True):
                try:
                    with ending(run):
                        self._add_result(run, result, len(runs))
                        if result.outcome == PRUNED:
                            run.end("KILLED")
                        elif result.error:
                            raise DataError(result.error)
                    if result.outcome != PRUNED:
                        self._remember(run, result)
                except StoreFull:
                    raise
                except Exception as error:  # what goes wrong with one seed's record must not take the others along
                    self.failures[self.seed_name(result.seed)] = Failure.of(error)

    def _add_result(self, run: TrackedRun, result: SeedResult, at_once: int) -> None:
        params = flat_params(self.planned.config_of(result.seed), NOT_A_CELLS_PARAM) | {
            "seed": result.seed,
            AT_ONCE: at_once,
            CHOSEN_EPOCH: result.epoch,
        }
        written = self._written.get(run.id, set())
        points = result.recorded_points(self.planned.epochs, written)
        tags = {**result.tags, **({} if result.outcome == "ok" else {OUTCOME: result.outcome})}
        if result.found_rate:
            params["optimizer.lr"] = result.found_rate.lr
        if result.found_rate and (why := result.found_rate.why_fallback):
            tags[LR_FALLBACK] = why
            self.display.say(
                f"{self.seed_name(result.seed)}: {why}. Trained with lr_finder.fallback={result.found_rate.lr}."
            )
        run.log(params=params, curves=points, tags=tags)
        self._loggers.log(run, points)
        self._loggers.end(run, params)
        if self.planned.variant.tracking.checkpoints:
            self._keep(run, result)
        if result.adjustment is not None:
            run.artifact(ADJUSTMENT, json.dumps(result.adjustment.as_plain()))
        if result.scores is not None:
            run.artifact(SCORES, result.scores.content())

    def _keep(self, run: TrackedRun, result: SeedResult) -> None:
        """Store what the seed has learnt."""
        if result.estimator is None:
            run.artifact(WEIGHTS, safetensors_bytes(result.weights))
            return
        try:
            run.artifact(ESTIMATOR, written(result.estimator))
        except NotKept as why:
            run.log(tags={NOT_KEPT: str(why)[:4000]})
            self.display.say_once(
                f"{self.planned.name}: what is fitted is not kept, so that 'seedbed predict' and 'seedbed export' cannot use it: {why}."
            )

    def _remember(self, run: TrackedRun, result: SeedResult) -> None:
        """Keep what the mean over the seeds needs of a seed that has just been recorded."""
        points = [point for point in result.recorded_points(self.planned.epochs) if is_curve(point[0])]
        self._curves[result.seed] = [(run.labels[label], epoch, value) for label, epoch, value in points]
        self.trained[result.seed] = SeedRun(
            id=run.id,
            variant=self.planned.name,
            seed=result.seed,
            fingerprint=self.planned.fingerprints[result.seed],
            recipe=self.planned.recipes[result.seed],
            code=self.planned.code,
            status="FINISHED",
            outcome=result.outcome,
            launch=self.launch.id,
            metrics=_latest(run, result),
        )

    def _finish(
        self, done: dict[str, SeedRun], trained: int, seconds: float, pruned_points: CurvePoints | None, says: bool
    ) -> None:
        try:
            for seed, cell in self.trained.items():
                done[self.planned.fingerprints[seed]] = cell
            self._aggregate(done)
        except StoreFull:
            raise
        except Exception as error:
            self.add_failure(error)
        if self.failures:
            whys = "; ".join(failure.why for failure in self.failures.values())
            self.run.log(tags={ERROR: whys[:4000]})
        if pruned_points is not None:
            self.run.log(curves=pruned_points, tags={OUTCOME: PRUNED})
        self.run.end("FAILED" if self.failures else "FINISHED" if pruned_points is None else "KILLED")
        if says:
            self.display.say(self._line(trained, seconds))

    def _aggregate(self, done: Mapping[str, SeedRun]) -> None:
        """Write mean, spread and n over all seeds asked for, wherever they were trained, into the variant's run."""
        fingerprints = self.planned.fingerprints.values()
        cells = [cell for fingerprint in fingerprints if (cell := done.get(fingerprint))]
        epochs = self.planned.epochs
        means = [(name, epochs, value) for name, value in variant_metrics(cells).items()]
        curves = mean_curves(point for cell in cells if cell.usable for point in self.curves_of(cell))
        self.run.log(curves=[*curves, *means])
        trained_in = [
            {"seed": cell.seed, "run": cell.id, "launch": cell.launch, "outcome": cell.outcome} for cell in cells
        ]
        self.run.artifact("cells.json", json.dumps(trained_in, indent=1))

    def _line(self, trained: int, seconds: float) -> str:
        name = self.planned.name
        if self.failures:
            return "\n".join(f"FAILED {where}: {failure.located}" for where, failure in grouped(self.failures))
        before = len(self.planned.fingerprints) - trained
        parts = [f"{trained} seed{'s' if trained != 1 else ''} trained in {seconds:.1f} s"] if trained else []
        parts += [f"{before} trained before"] if before else []
        return f"{name}: {', '.join(parts)}"

    def seed_name(self, seed: int) -> str:
        return f"{self.planned.name}, seed {seed}"


def _latest(run: TrackedRun, result: SeedResult) -> dict[str, float]:
    """The last value of each metric, as the store would give them."""
    curves = {label: value for label, _, value in result.curves}
    return {run.labels[label]: value for label, value in {**curves, **result.metrics}.items()}

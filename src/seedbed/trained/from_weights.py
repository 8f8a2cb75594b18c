"""Scores of validation and test rows, computed from the kept weights of cells that were trained without keeping any."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seedbed.config.building import build
from seedbed.config.code import check_code, code_of, reread
from seedbed.config.lightning_modules import trains_modules
from seedbed.config.recipe import recipe_of
from seedbed.config.settings import MOST_SCORED
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError, DataError, TrackingError
from seedbed.imbalance.base import Strategy
from seedbed.metrics import metric_name
from seedbed.models.estimators import FittedEstimator
from seedbed.paths import make_importable
from seedbed.results import Results
from seedbed.tasks.classification import Classification
from seedbed.tracking.kept_scores import keep_computed, kept_scores
from seedbed.tracking.launches import read_config, read_data, read_environment, read_plan
from seedbed.tracking.names import ADJUSTMENT, ESTIMATOR, WEIGHTS
from seedbed.tracking.other_code import shortened
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.scored import read_scored
from seedbed.tracking.scores import Scores
from seedbed.tracking.store import Store
from seedbed.trained.loading import adjustment_of, as_rebuilt, seed_or_seeds, with_estimator, with_weights
from seedbed.training.environment import in_one_line
from seedbed.training.parts import task_class
from seedbed.training.progress import Display
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_trainer import StackTrainer

ROUNDING, ROUNDING_OF_GPU = 1e-4, 1e-3
"""How far a metric that is computed again may be from its record, relative to it where it is above 1; the latter where a GPU
may have measured it, which rounds otherwise than a CPU."""


@dataclass(frozen=True)
class _Variant:
    """What the cells of one variant's run are measured by."""

    recorded: dict[str, Any]
    """Its config."""
    table: Dataset
    trainer: StackTrainer


class ScoresFromWeights:
    """Computes scores of cells of a classification, and keeps them in the store where that can be written.

    Scores count only where the data are those that the cell was trained on, and where all metrics that are recorded of the
    cell come out again but for rounding. What was recorded is never changed.
    """

    def __init__(self, store: Store, display: Display | None = None) -> None:
        self.store, self.display = store, display or Display(quiet=True)
        self.scores: dict[str, Scores] = {}
        """By the id of the seed's run."""
        self.refused: dict[str, tuple[SeedRun, str]] = {}
        """Cells without scores, and why; by the same."""
        self.not_kept = ""
        """Why computed scores are not in the store; "" where they are."""
        self._computed: list[SeedRun] = []
        self._tables: dict[str, Dataset] = {}

    def compute(self, cells: Sequence[SeedRun]) -> None:
        """Compute the scores of those cells that ended well and have none; nothing that is wrong with one ends the others."""
        without = [cell for cell in cells if cell.usable and cell.id not in self.refused and not self._has_scores(cell)]
        if not without:
            return
        make_importable(self.store.project)
        reread()
        with self.display:
            for run in dict.fromkeys(cell.variant_run for cell in without):
                self._compute([cell for cell in without if cell.variant_run == run])

    def _has_scores(self, cell: SeedRun) -> bool:
        return bool(kept_scores(self.store, cell, self.scores).arrays)

    def _compute(self, cells: Sequence[SeedRun]) -> None:
        """Those of one variant."""
        loadable = []
        for cell in cells:
            if why := self._not_loadable(cell):
                self.refused[cell.id] = cell, why
            else:
                loadable.append(cell)
        if not loadable:
            return
        try:
            variant = self._variant(loadable[0])
        except Exception as error:  # a report is made without what cannot be computed, whatever a user's code raises
            self.refused |= {cell.id: (cell, _said(error)) for cell in loadable}
            return
        with self.display.doing(f"Computing scores of {loadable[0].variant} from its weights") as progress:
            for number, cell in enumerate(loadable):
                progress(number, len(loadable))
                try:
                    self._add(cell, variant)
                except Exception as error:
                    self.refused[cell.id] = cell, _said(error)

    def _not_loadable(self, cell: SeedRun) -> str:
        if {WEIGHTS, ESTIMATOR} & self.store.files(cell.id):
            return ""
        if cell.not_kept:
            return f"what was fitted is not in the store ({cell.not_kept.rstrip('.')})"
        return "no weights are in the store: tracking.checkpoints was false, or the files are gone"

    def _variant(self, cell: SeedRun) -> _Variant:
        """The variant of a cell, on one device of this machine; raises where it gives no scores."""
        config = read_config(self.store, cell.variant_run)
        kind = None if trains_modules(config) else task_class(config)
        if kind is None or not issubclass(kind, Classification) or kind.scores is not Classification.scores:
            raise ConfigError("only a classification has scores of rows, and this is another task")
        device = {"accelerator": "auto"} if config["trainer"]["accelerator"] in ("gpu", "cuda") else {}
        check_code(recipe_of(config))
        table = self._table(config)
        # Without the user's metrics, whose code may be another by now.
        changed = {"task": as_rebuilt(config)["task"], "trainer": config["trainer"] | device | {"devices": 1}}
        return _Variant(config, table, StackTrainer(config | changed, table))

    def _table(self, config: Mapping[str, Any]) -> Dataset:
        key = json.dumps(config["data"], sort_keys=True)
        if key not in self._tables:
            with self.display.doing("Preparing the data") as progress:
                self._tables[key] = build(config["data"], "data").load(progress)
        return self._tables[key]

    # ---- one cell ----------------------------------------------------------------------------------------------------

    def _add(self, cell: SeedRun, variant: _Variant) -> None:
        """Compute the scores of a cell; raises where they would not be its own."""
        config, table, trainer = variant.recorded, variant.table, variant.trainer
        _check_code(cell, config)
        self._check_data(cell, config, table)
        rows = build(config["split"], "split").rows(table, cell.seed)
        data = trainer.task.seed_data(table, rows, Strategy(), cell.seed)
        network = trainer.parts.network().eval()
        if isinstance(network, FittedEstimator):
            with_estimator(network, self.store, cell.seed, cell.id)
        else:
            with_weights(network, self.store, cell.seed, cell.id)
        acts = bool((config.get("imbalance") or {}).get("after")) or ADJUSTMENT in self.store.files(cell.id)
        adjustment = adjustment_of(self.store, cell.id) if acts else None
        result = trainer.measured_again(network, data, adjustment)
        largest = self._check_metrics(cell, config, result, adjusted=acts)
        if result.scores is None:
            raise DataError("it has no test rows, or its outputs are not scores of classes")
        self._keep(cell, config, replace(result.scores, from_weights=True), largest)

    def _check_data(self, cell: SeedRun, config: Mapping[str, Any], table: Dataset) -> None:
        """Raise ``DataError`` where the data are others than those that the cell was trained on."""
        if cell.data_digest != table.digest:
            raise DataError(
                f"the rows of {table.name} are no longer those that it was trained on (SHA-256 {table.digest[:16]}, then "
                f"{cell.data_digest[:16]}); put the file back"
            )
        # What is recorded of a launch is about its first variant.
        if read_config(self.store, cell.launch)["data"] == config["data"]:
            made_with = read_data(self.store, cell.launch).get("made_with", dict(table.made_with))
            if made_with != dict(table.made_with):
                raise DataError(
                    f"the rows of {table.name} are no longer made with what they were then (such as the encoder)"
                )

    def _check_metrics(self, cell: SeedRun, config: Mapping[str, Any], result: SeedResult, *, adjusted: bool) -> float:
        """The largest difference to a recorded metric; raises ``TrackingError`` where it is beyond rounding."""
        recorded = self._recorded(cell, adjusted)
        computed = {metric_name(name): value for name, value in result.metrics.items()}
        own = config["task"].get("own_metrics") or {}
        compared = {
            name: abs(computed[name] - value) / max(1.0, abs(value))
            for name, value in recorded.items()
            if name in computed and math.isfinite(value) and name.rpartition("/")[2] not in own
        }
        if not any(name.startswith("test/") for name in compared):
            raise TrackingError("no metric of its test rows was recorded to check them against")
        allowed = self._rounding(cell, config)
        name, largest = max(compared.items(), key=lambda item: item[1])
        if largest > allowed:
            raise TrackingError(
                f"its weights give {name} {computed[name]:.6g} now, and {recorded[name]:.6g} is recorded, further apart than "
                "rounding explains: data, code, packages or weights have changed"
            )
        return largest

    def _recorded(self, cell: SeedRun, adjusted: bool) -> dict[str, float]:
        """Final metrics, and those of the validation rows by the weights that were kept, where these are known."""
        recorded = {name: value for name, value in cell.metrics.items() if name.startswith("test/")}
        if adjusted:  # the last values of the validation are those of adjusted scores
            return recorded | {name: value for name, value in cell.metrics.items() if name.startswith("val/")}
        if cell.chosen_epoch is None:
            return recorded
        names = [name for name in cell.metrics if name.startswith("val/")]
        at_chosen = (point for point in self.store.curves(cell.id, names) if point[1] == int(cell.chosen_epoch or 0))
        return recorded | {name: value for name, _, value in at_chosen}

    def _rounding(self, cell: SeedRun, config: Mapping[str, Any]) -> float:
        on_gpu = read_environment(self.store, cell.launch).get("gpu", "none") != "none"
        return ROUNDING_OF_GPU if on_gpu and config["trainer"]["accelerator"] != "cpu" else ROUNDING

    def _keep(self, cell: SeedRun, config: Mapping[str, Any], scores: Scores, largest: float) -> None:
        self.scores[cell.id] = scores
        self._computed.append(cell)
        rows = sum(len(scores.of(side).get("rows", ())) for side in ("val", "test"))
        if rows > MOST_SCORED and (config.get("tracking") or {}).get("scores") is not True:
            self.not_kept = f"a seed has more than {MOST_SCORED} rows"
        if self.not_kept:
            return
        about = {"computed_by": in_one_line(), "largest_difference_to_recorded_metrics": largest}
        try:
            keep_computed(self.store, cell, scores, about)
        except (TrackingError, OSError) as error:
            self.not_kept = f"the store cannot be written ({type(error.__cause__ or error).__name__})"

    # ---- what came of it ---------------------------------------------------------------------------------------------

    def sentences(self) -> Iterator[str]:
        """Of how many seeds scores were computed, and of which there are none, and why."""
        if self._computed:
            kept = f"They are not kept, as {self.not_kept}" if self.not_kept else "They are kept for later reports"
            yield f"Scores of {_counted(self._computed)} were computed from their weights. {kept}."
        reasons: dict[str, list[SeedRun]] = {}
        for cell, why in self.refused.values():
            reasons.setdefault(why, []).append(cell)
        for why, cells in reasons.items():
            yield f"No scores of {_counted(cells)} can be computed from weights: {why}."


def _check_code(cell: SeedRun, config: dict[str, Any]) -> None:
    """Raise ``ConfigError`` where the weights may mean something else to the code as it is now.

    Of cells from before the code was recorded, only the metrics say that it is the same.
    """
    now = code_of(recipe_of(as_rebuilt(config))).modules
    if cell.code and (changed := [name for name in now if cell.code.modules.get(name) != now[name]]):
        raise ConfigError(
            f"{shortened(changed)} {'has' if len(changed) == 1 else 'have'} changed since it was trained, so that its "
            "weights may not fit the code as it is now; put the file back as it was"
        )


def _counted(cells: Sequence[SeedRun]) -> str:
    variants = [cell.variant for cell in cells]
    counts = {variant: variants.count(variant) for variant in dict.fromkeys(variants)}
    listed = ", ".join(f"{count} of {variant}" for variant, count in counts.items())
    return f"{len(cells)} {seed_or_seeds(len(cells))} ({listed})"


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())[:500].rstrip(".")
    known = isinstance(error, ConfigError | DataError | TrackingError)
    return text if known else f"{type(error).__name__}: {text}"


def cells_of(store: Store, results: Results) -> list[SeedRun]:
    """The cells of a launch that are in the store, in its order."""
    cells = store.cells(results.cells["fingerprint"])
    return [cells[of] for of in dict.fromkeys(results.cells["fingerprint"]) if of in cells]


def with_scores(store: Store, results: Results, scores: Mapping[str, Scores]) -> Results:
    """The results with what scores say of two classes; ``scores`` are those, by run, that may not be in the store."""
    cells = {cell.fingerprint: cell for cell in cells_of(store, results)}
    return replace(results, scored=read_scored(store, read_plan(store, results.launch), cells, results.data, scores))

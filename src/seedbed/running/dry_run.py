"""A dry run: what a run would train, from which data, and about how long; nothing is trained for good, fetched or written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seedbed.config.experiment import Experiment
from seedbed.data.dry import Ahead, NotHere, dry_run
from seedbed.errors import ConfigError
from seedbed.own_modules.planned import PlannedModule, refuse_changed_data
from seedbed.running.data_notes import notes_of, said_of_data, same_data
from seedbed.running.estimates import Estimate, Estimates, seconds_of_all
from seedbed.running.planning import Planned, plan_as_installed
from seedbed.running.runner import done_of, missing_seeds, of_trial, open_store
from seedbed.signals import ending_signals_interrupt
from seedbed.tracking.runs import SeedRun
from seedbed.tracking.store import NothingTracked
from seedbed.training.planned import PlannedCells, PlannedVariant
from seedbed.training.progress import Display


@dataclass(frozen=True)
class VariantCells:
    """What there is to train of a variant on a data set."""

    data_set: str
    """"" where the experiment's file lists none."""
    variant: str
    cells: int
    missing: int
    estimate: Estimate


@dataclass(frozen=True)
class DryRunResult:
    """What a run would do."""

    experiment: str
    variants: Sequence[VariantCells]
    ahead: Sequence[Ahead]
    """What it would do before it trains."""
    begun: float
    """Seconds that are paid once, such as those of processes that start."""
    not_here: Mapping[str, str] = field(default_factory=dict)
    """By data set, which data it would fetch first; nothing else is known of these."""

    @property
    def missing(self) -> int:
        return sum(each.missing for each in self.variants)

    @property
    def cells(self) -> int:
        return sum(each.cells for each in self.variants)

    @property
    def known_seconds(self) -> float:
        """Of all of which something is known."""
        known = seconds_of_all([each.estimate for each in self.variants]) + sum(each.seconds for each in self.ahead)
        return known + (self.begun if self.missing else 0.0)

    @property
    def unknown(self) -> bool:
        """Whether there is more to train than ``known_seconds`` are of."""
        return bool(self.not_here) or any(each.estimate.seconds is None for each in self.variants)

    @property
    def at_most(self) -> bool:
        return any(each.estimate.at_most for each in self.variants)

    @property
    def memory(self) -> int:
        """Bytes at most; 0 where none was measured."""
        return max((each.estimate.memory for each in self.variants), default=0)

    @property
    def gpu_memory(self) -> int:
        return max((each.estimate.gpu_memory for each in self.variants), default=0)

    @property
    def at_once(self) -> int:
        return max((each.estimate.at_once for each in self.variants), default=1)

    @property
    def in_stacks(self) -> bool:
        """Whether there are seeds that train in stacks."""
        return any(each.estimate.in_stacks for each in self.variants if each.missing)


def dry_run_of(
    experiments: Sequence[Experiment], display: Display | None = None, there: set[str] | None = None
) -> DryRunResult:
    """What ``run_experiments`` would do with these; raises a ``SeedbedError`` for bad input, as that does.

    ``there`` are fingerprints of cells that count as trained, to which those are added that would be.
    """
    display = display or Display(quiet=True)
    there = set() if there is None else there
    with display, ending_signals_interrupt(), dry_run() as dry:
        plans, not_here = _plans(experiments, display)
        ahead = list(dry.ahead)
        recorded = _recorded(experiments[0])
        whole = [planned for plan in plans.values() for planned in plan.plan]
        done = done_of(whole, recorded)
        refuse_changed_data([planned for planned in whole if isinstance(planned, PlannedModule)], done)
        there |= set(done)
        to_do = [
            (name, planned, missing[planned.name])
            for name, plan in plans.items()
            for missing in [missing_seeds(plan.plan, there)]
            for planned in plan.plan
        ]
        estimates = Estimates(recorded.values(), dry, display)
        variants = _estimated(to_do, estimates)
    return DryRunResult(experiments[0].name, variants, ahead, sum(estimates.once.values()), not_here)


def _plans(experiments: Sequence[Experiment], display: Display) -> tuple[dict[str, Planned], dict[str, str]]:
    """The plan on each data set whose data are here, and what would be fetched for the others."""
    plans, not_here = dict[str, Planned](), dict[str, str]()
    for experiment in experiments:
        name = experiment.data_set
        try:
            about = display.about(name) if name else display
            plans[name] = plan_as_installed(experiment, about, says_data_notes=not name)
        except NotHere as error:
            not_here[name] = str(error)
    if experiments[0].data_set:
        for sentence in said_of_data({name: notes_of(each.plan) for name, each in plans.items()}):
            display.say(sentence)
        for sentence in same_data({name: each.plan for name, each in plans.items()}):
            display.say(sentence)
    if any(of_trial(each.plan) for each in plans.values()):
        raise ConfigError(
            "--dry-run: trainer.fast_dev_run is a trial of a few batches already, of which nothing is recorded. Leave one of "
            "the two out."
        )
    return plans, not_here


def _recorded(experiment: Experiment) -> dict[str, SeedRun]:
    """The finished cells of the experiment in the store."""
    try:
        return open_store(experiment, create=False).cells()
    except NothingTracked:
        return {}


def _estimated(to_do: Sequence[tuple[str, PlannedCells, list[int]]], estimates: Estimates) -> list[VariantCells]:
    in_stacks = [_in_stacks(planned, missing) for _, planned, missing in to_do]
    variants = []
    for number, (name, planned, missing) in enumerate(to_do):
        others = sum(in_stacks) - in_stacks[number]
        estimate = estimates.of(planned, missing, others)
        variants.append(VariantCells(name, planned.name, len(planned.fingerprints), len(missing), estimate))
    return variants


def _in_stacks(planned: PlannedCells, missing: Sequence[int]) -> bool:
    return bool(missing) and isinstance(planned, PlannedVariant) and planned.trainer.traits.takes_steps

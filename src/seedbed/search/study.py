"""The study: trials in Optuna's storage, which several processes may share, and which can be stopped at any time."""

from __future__ import annotations

import json
import math
import sqlite3
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import distribution_to_json
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.samplers import RandomSampler
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from seedbed.errors import ConfigError, TrackingError
from seedbed.results import Trial
from seedbed.search.samplers import ATTRIBUTE, signed
from seedbed.search.settings import SearchSettings
from seedbed.search.space import Space, changes
from seedbed.tracking import databases
from seedbed.tracking.processes import heartbeat, surely_gone, this_process

OPTUNA = databases.Program(
    "Optuna", "optuna", "storages/_rdb/alembic", "studies", "optuna storage upgrade --storage {address}"
)
# The MLflow run of a study.
RUN = "seedbed.run"
# Which process tests what the study found.
CLAIM = "seedbed.test"
# Trials that were told before their records were written, each with its process.
UNRECORDED = "seedbed.unrecorded"
# After so many, a point is taken for what kills its process.
MOST_KILLS = 3
# Seedbed says what came of a trial itself; of Optuna, only what is wrong.
optuna.logging.set_verbosity(optuna.logging.ERROR)


@dataclass(frozen=True)
class TrialOutcome:
    """What came of one point; without ``values``, ``reason`` says why."""

    values: tuple[float, ...] = ()
    mean: float | None = None
    std: float | None = None
    n: int = 0
    epochs: int = 0
    seconds: float = 0.0
    reason: str = ""
    pruned: bool = False
    point: str = ""
    """Fingerprint of the point: of two trials that have the same, only one is trained."""
    same_as: int | None = None
    by_seed: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyState:
    """A study as it is at one moment."""

    trials: list[Trial]
    """All that count, in their order."""
    best: list[int]
    """Number of the best trial; with several objectives, of all that no other is better than in every one."""
    running: int
    """Trials that some process works on."""


class Study:
    """One study. Whoever opens it later goes on with it, if what it compares is still the same."""

    def __init__(self, settings: SearchSettings, space: Space, recipe: Mapping[str, Any]) -> None:
        """``recipe`` is what all trials share: where it or the space differ from the study's, ``ConfigError``."""
        self.settings, self.space = settings, space
        # Two processes that make the tables at once break them.
        with usable(settings.storage), databases.alone(settings.storage, "studies"):
            storage = _storage(settings.storage)
            directions = [
                StudyDirection.MINIMIZE if lower else StudyDirection.MAXIMIZE for lower in settings.lower_is_better
            ]
            self._storage = storage
            exact = {key: distribution_to_json(values) for key, values in space.distributions.items()}
            compared = {"recipe": dict(recipe), "space": space.texts, "distributions": exact}
            compared = json.loads(json.dumps(compared, default=str))
            self._refuse_changes(storage, compared)
            self._study = optuna.create_study(
                study_name=settings.study,
                storage=storage,
                pruner=settings.pruner,
                directions=directions,
                load_if_exists=True,
            )
            if ATTRIBUTE not in self._study.user_attrs:
                self._study.set_user_attr(ATTRIBUTE, compared)

    def _refuse_changes(self, storage: optuna.storages.BaseStorage, compared: Mapping[str, Any]) -> None:
        names = {known.study_name: known for known in optuna.get_all_study_summaries(storage)}
        before = names[self.settings.study].user_attrs.get(ATTRIBUTE) if self.settings.study in names else None
        if before is None:
            return
        changed = changes(before["recipe"], compared["recipe"])
        if before["distributions"] != compared["distributions"]:
            changed = [*changes(before["space"], compared["space"]), *changed]
        if changed:
            raise ConfigError(
                f"Study {self.settings.study!r} in {databases.without_password(self.settings.storage)} was begun with other settings, so that its "
                f"trials cannot be compared with new ones: {'; '.join(changed[:8])}. Take these back to go on with it, or "
                f"begin another: search.study={self.settings.study}-2."
            )

    # ---- the run in MLflow that stands for the study

    @property
    def run(self) -> str | None:
        run: str | None = self._study.user_attrs.get(RUN)
        return run

    def set_run(self, run: str) -> None:
        self._study.set_user_attr(RUN, run)

    # ---- trials

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from changing what is read and written in here."""
        with databases.alone(self.settings.storage, f"study {self.settings.study}"):
            yield

    def enqueue(self, points: Sequence[Mapping[str, Any]]) -> int:
        """Queue the points that the study does not have yet, to be tried before any other; returns how many."""
        with self.alone():
            known = [_point(trial) for trial in self._trials()]
            new = [dict(point) for point in points if point not in known]
            for point in new:
                self._study.enqueue_trial(point)
            return len(new)

    def retry_killed(self) -> int:
        """Fail the trials whose process is gone, and queue their points again; returns how many were queued.

        A process that ended before the sampler had drawn its whole point leaves no point to queue. Its trial does not
        count, so that the sampler draws for that position again, and draws the same.
        """
        with self.alone():
            return self._retry_killed()

    def _retry_killed(self) -> int:
        trials = self._trials()
        left = [trial for trial in trials if trial.state == TrialState.RUNNING and _is_left(trial)]
        for trial in left:
            self._sign(trial._trial_id, _killed(trial, self.space.distributions))
            self._study.sampler = RandomSampler()  # as in tell
            self._study.tell(trial.number, state=TrialState.FAIL)
        if left:
            trials = self._trials()
        retried = {signed(trial).get("retry_of") for trial in trials}
        killed = [trial for trial in trials if signed(trial).get("killed") and trial.number not in retried]
        lost = [trial for trial in killed if _is_whole(trial, self.space.distributions)]
        for trial in lost:
            retry = {"retry_of": trial.number, "kills": signed(trial).get("kills", 0)}
            self._study.enqueue_trial(_point(trial), user_attrs={ATTRIBUTE: retry})
        return len(lost)

    def wants_more(self) -> bool:
        """Whether ``next`` would give a trial, as far as other processes leave it."""
        position, waiting = self._begun_and_waiting()
        return waiting > 0 or position < self.settings.trials

    def _begun_and_waiting(self) -> tuple[int, int]:
        counted = [trial for trial in self._trials() if _counts(trial)]
        waiting = sum(trial.state == TrialState.WAITING for trial in counted)
        return len(counted) - waiting, waiting

    def next(self) -> optuna.Trial | None:
        """A trial to run, with its point; None when there are as many as the settings want."""
        with self.alone():
            position, waiting = self._begun_and_waiting()
            if waiting == 0 and position >= self.settings.trials:
                return None
            # A queued trial has its point: a sampler that keeps a sequence must not move on for it.
            self._study.sampler = RandomSampler() if waiting else self.settings.sampler.at(position)
            try:
                with _quietly():
                    trial = self._study.ask(self.space.distributions)
            except ValueError as error:
                raise ConfigError(f"search: {self.settings.sampler.name} cannot search this: {error}") from error
            self._sign(trial._trial_id, {**signed(self._frozen(trial)), "process": this_process()})
            return trial

    def tell(self, trial: optuna.Trial, outcome: TrialOutcome, unrecorded: Collection[int] = ()) -> None:
        """Write down what came of a trial, and which trials of this process have records that are not written yet."""
        usual = vars(TrialOutcome())
        what = {key: value for key, value in vars(outcome).items() if value != usual[key]}
        state = TrialState.COMPLETE if outcome.values else TrialState.PRUNED if outcome.pruned else TrialState.FAIL
        with self.alone():
            self._note_unrecorded(unrecorded)
            self._sign(trial._trial_id, signed(self._frozen(trial)) | what)
            # What samplers do after a trial is for Optuna's own loop: the one for small spaces would end it.
            self._study.sampler = RandomSampler()
            self._study.tell(trial, list(outcome.values) or None, state)

    def note_unrecorded(self, trials: Collection[int]) -> None:
        """Write down that of this process' trials these have records that are not written yet, and no others."""
        with self.alone():
            self._note_unrecorded(trials)

    def _note_unrecorded(self, trials: Collection[int]) -> None:
        noted: dict[str, dict[str, str]] = self._study.user_attrs.get(UNRECORDED, {})
        others = {number: process for number, process in noted.items() if not _is_own(process)}
        now = others | {str(number): this_process() for number in trials}
        if now.keys() != noted.keys():
            self._study.set_user_attr(UNRECORDED, now)

    def take_unrecorded(self) -> list[Trial]:
        """Trials that were told by processes that ended before the records were written: this process completes them."""
        with self.alone():
            noted = self._study.user_attrs.get(UNRECORDED, {})
            left = {int(number) for number, process in noted.items() if _is_own(process) or _is_gone(process)}
            if left:
                others = {number: process for number, process in noted.items() if int(number) not in left}
                self._study.set_user_attr(UNRECORDED, others | {str(number): this_process() for number in left})
            return [_record(trial) for trial in self._trials() if trial.number in left] if left else []

    def interrupted(self, trial: optuna.Trial) -> None:
        """Fail a trial that an interrupt ended; whoever goes on queues its point again."""
        self._sign(trial._trial_id, {**signed(self._frozen(trial)), "killed": True, "reason": "interrupted"})
        self._study.sampler = RandomSampler()  # as in tell
        self._study.tell(trial, state=TrialState.FAIL)

    def alive(self, trial: optuna.Trial) -> None:
        """Tell processes on other hosts that this one still works on the trial."""
        written = signed(self._frozen(trial))
        self._sign(trial._trial_id, {**written, "process": {**written["process"], **heartbeat()}})

    def same_point(self, point: str) -> tuple[int, TrialOutcome] | None:
        """A finished or pruned trial of the same point, and what came of it."""
        for trial in self._trials(TrialState.COMPLETE, TrialState.PRUNED):
            written = signed(trial)
            if written.get("point") == point:
                keys = vars(TrialOutcome())
                known = {key: value for key, value in written.items() if key in keys}
                complete = trial.state == TrialState.COMPLETE
                return trial.number, TrialOutcome(**{**known, "values": tuple(trial.values or ()) if complete else ()})
        return None

    def state(self) -> StudyState:
        """Trials and the best of them, read while no other process writes: they fit together."""
        with self.alone():
            trials = self._trials()
            alive = sum(trial.state == TrialState.RUNNING and not _is_left(trial) for trial in trials)
            return StudyState([_record(trial) for trial in trials if _counts(trial)], self._best(trials), alive)

    def claim_test(self) -> bool:
        """Whether this process is the one to test what the trials so far have found: one process is."""
        with self.alone():
            trials, process = len(self.records()), this_process()
            claim = self._study.user_attrs.get(CLAIM)
            if claim and claim["trials"] == trials and not _is_own(claim["process"]) and not _is_gone(claim["process"]):
                return False
            self._study.set_user_attr(CLAIM, {"trials": trials, "process": process})
            return True

    def records(self) -> list[Trial]:
        """All trials that count, in their order."""
        return [_record(trial) for trial in self._trials() if _counts(trial)]

    def _best(self, trials: Sequence[FrozenTrial]) -> list[int]:
        told = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        complete = [trial for trial in told if all(map(math.isfinite, trial.values or ()))]
        if not complete:
            return []
        if len(self.settings.metrics) > 1:
            return [trial.number for trial in self._study.best_trials if "same_as" not in signed(trial)]
        sign = 1 if self.settings.lower_is_better[0] else -1
        return [min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number)).number]

    def _trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=states or None)

    def _frozen(self, trial: optuna.Trial) -> FrozenTrial:
        return self._storage.get_trial(trial._trial_id)

    def _sign(self, trial_id: int, what: Mapping[str, Any]) -> None:
        self._study._storage.set_trial_user_attr(trial_id, ATTRIBUTE, dict(what))


def _killed(trial: FrozenTrial, searched: Collection[str]) -> dict[str, Any]:
    """What is written of a trial whose process is gone; a point that kills its process is not tried for ever."""
    before = signed(trial)
    kills = before.get("kills", 0) + 1
    if kills < MOST_KILLS or not _is_whole(trial, searched):
        return {**before, "kills": kills, "killed": True, "reason": "its process was killed"}
    return {**before, "kills": kills, "reason": f"its process was killed, {kills} times"}


def _counts(trial: FrozenTrial) -> bool:
    """Whether a trial is one of those that were asked for: one that was killed counts in its next attempt."""
    return not signed(trial).get("killed")


def _point(trial: FrozenTrial) -> dict[str, Any]:
    """The trial's value by key, as far as there is one; those of a queued trial are no params of it until it runs."""
    return {**trial.system_attrs.get("fixed_params", {}), **trial.params}


def _is_whole(trial: FrozenTrial, searched: Collection[str]) -> bool:
    return set(_point(trial)) >= set(searched)


def _is_left(trial: FrozenTrial) -> bool:
    """Whether the process of a running trial is surely gone, for who has the lock (``Study.alone``).

    A process takes a trial and writes down who it is under the same lock, which ends with it: who has the lock and finds
    a trial that nobody has signed knows that its process ended in between.
    """
    process = signed(trial).get("process")
    return process is None or _is_gone(process)


def _is_gone(process: Mapping[str, str]) -> bool:
    return surely_gone(process)


def _is_own(process: Mapping[str, str]) -> bool:
    own = this_process()
    return all(process.get(key) == own[key] for key in ("host", "pid", "process_start"))


def _record(trial: FrozenTrial) -> Trial:
    written, state = signed(trial), trial.state
    took = (trial.datetime_complete - trial.datetime_start).total_seconds() if trial.datetime_complete and trial.datetime_start else None  # fmt: skip
    return Trial(
        number=trial.number,
        state=state.name,
        params=dict(trial.params),
        values=list(trial.values or ()) if state == TrialState.COMPLETE else [],
        mean=written.get("mean"),
        std=written.get("std"),
        n=written.get("n", 0),
        seconds=took,
        epochs=written.get("epochs", 0),
        reason=written.get("reason", ""),
        same_as=written.get("same_as"),
    )


# ---- the storage -----------------------------------------------------------------------------------------------------


@contextmanager
def usable(where: str) -> Iterator[None]:
    """Raise ``TrackingError`` where the storage cannot be used, or its disk is full."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OptunaError, ImportError, OSError) as error:
        shown = databases.without_password(where)
        if databases.is_full(error):
            raise TrackingError(
                f"No space is left on the disk of {databases.file_of(where) or shown}. Make room there, and type the same "
                "command again: trials that are finished are kept."
            ) from error
        reason = databases.without_password(" ".join(str(error).split())[:400])
        raise TrackingError(
            f"search.storage: {shown} cannot be used: {type(error).__name__}: {reason} "
            f"{databases.remedy(where)} name another in search.storage."
        ) from error


def _storage(where: str) -> optuna.storages.BaseStorage:
    if "://" not in where:
        return optuna.storages.JournalStorage(JournalFileBackend(where))
    # A connection that a server has closed meanwhile is opened anew; SQLite waits for another process's write.
    options: dict[str, Any] = {"connect_args": {"timeout": 60}} if databases.is_sqlite(where) else {"pool_pre_ping": True}  # fmt: skip
    with databases.nothing_half_made(where):
        databases.has_tables(where, OPTUNA)
        return optuna.storages.RDBStorage(where, engine_kwargs=options)


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield

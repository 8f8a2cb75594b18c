"""Runs as they stand in the store, read from MLflow's into frozen types of seedbed's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from seedbed.config.code import Code
from seedbed.tracking.client import PARENT
from seedbed.tracking.names import (
    AT_ONCE,
    CHOSEN_EPOCH,
    CODE_TAG,
    COPIES,
    DATA_SETS,
    ENGINE,
    IMPORTED,
    IMPORTED_MARK,
    LABEL,
    LR_FALLBACK,
    NOT_KEPT,
    ON_DATA_SET,
    OUTCOME,
    PRUNED,
    READABLE,
    ROWS,
    SEARCH,
    SOURCE,
    SWEEP,
    WITHOUT_CODE,
    from_parts,
    from_store,
    in_parts,
)
from seedbed.tracking.processes import surely_gone

if TYPE_CHECKING:
    from mlflow.entities import Run

STATES = {"FINISHED": "done", "FAILED": "failed", "KILLED": "killed", "RUNNING": "running"}
"""What a run is called that has a status, where runs are counted."""


@dataclass(frozen=True, kw_only=True)
class RecordedRun:
    """What every run has that is not a seed's."""

    id: str
    name: str
    status: str
    """FINISHED, FAILED, RUNNING, or KILLED, also where a crash has left it RUNNING and no ``Store.repair`` came since."""
    started: datetime
    """In UTC."""
    command: str
    """What was typed; "" where that is not recorded."""

    @property
    def state(self) -> str:
        """ "done", "failed", "killed" or "running"."""
        return STATES[self.status]

    @property
    def row(self) -> dict[str, str]:
        """``id``, ``started``, ``command`` and ``status``, as they are shown."""
        started = self.started.strftime("%Y-%m-%d %H:%M:%S UTC")
        return {"id": self.id, "started": started, "command": self.command, "status": self.status}


@dataclass(frozen=True, kw_only=True)
class RecordedSweepJob:
    """Which job of which sweep a launch is."""

    id: str
    """Of the sweep."""
    number: int
    jobs: int | None
    """How many jobs the sweep has; None: earlier versions did not record it."""
    values_text: str

    @property
    def values(self) -> dict[str, str]:
        """What the job sets, by the swept keys, as typed."""
        values: dict[str, str] = json.loads(self.values_text)
        return values


@dataclass(frozen=True, kw_only=True)
class Launch(RecordedRun):
    """One run of an experiment, above its variants' runs."""

    experiment_id: str
    key: str
    """Of two launches that have the same, both ask for the same cells and the same report of them."""
    readable: bool
    """Whether its plan, config and data are stored: one that ended earlier has nothing to read."""
    search: str | None
    """Id of the search's run whose best trials it has tested; None where it is of no search."""
    sweep: RecordedSweepJob | None
    imported: str
    """Where its results come from, of an import; "" where seedbed trained them."""
    recipe_version: str | None
    """None: earlier versions did not record it."""
    data_sets: tuple[str, ...] = ()
    """Of a launch over several data sets: their names. What it did on each is a launch of its own, below it."""
    data_set: str = ""
    """Of a launch on one of these, or on one of the data sets that the experiment's file lists: its name."""
    source: str = ""
    """What that data set was made from; "" where it is not known."""
    above: str = ""
    """Of a launch on one of these: the id of the launch over all."""
    seconds: float | None = field(default=None, compare=False)
    """From its start to its end; None where it has not ended."""
    params: Mapping[str, str] = field(compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class SearchRun(RecordedRun):
    """One search, above the variants' runs that are its trials."""

    trials: int | None
    """How many are wanted; None where that is not recorded."""


@dataclass(frozen=True, kw_only=True)
class VariantRun(RecordedRun):
    """One variant in a launch, or one trial of a search, above its seeds' runs."""

    variant: str
    outcome: str
    """"pruned", or ""."""
    trial: int | None
    """Its number in the search; None where it is of a launch, or was cut short."""

    @property
    def state(self) -> str:
        """ "done", "failed", "killed", "running" or "pruned"."""
        return PRUNED if self.outcome == PRUNED else super().state


@dataclass(frozen=True)
class SeedRun:
    """The run of one seed of a variant: a cell, if it finished."""

    id: str
    variant: str
    seed: int
    fingerprint: str
    status: str
    """As in ``RecordedRun``."""
    outcome: str
    """"ok", "diverged" or "pruned"; "" where it did not end well for another reason, or has not ended."""
    launch: str
    """Id of the launch, or of the search, that trained it."""
    metrics: dict[str, float] = field(compare=False)
    """The last value of each metric."""
    labels: dict[str, str] = field(default_factory=dict, compare=False)
    """Original label of each metric whose name is another."""
    circumstances: dict[str, str] = field(default_factory=dict, compare=False)
    """What cells should have in common whose numbers stand side by side."""
    lr: str = field(default="", compare=False)
    """The learning rate that it trained with; "" where there was none."""
    not_kept: str = field(default="", compare=False)
    """Why its fitted estimator is not in the store; "" where it is, or where there is none."""
    lr_fallback: str = field(default="", compare=False)
    """Why that is not one which its range test found; "" where it is, or none was looked for."""
    recipe: str = field(default="", compare=False)
    """The fingerprint without the code."""
    code: Code | None = field(default=None, compare=False)
    """None: it was made before this was recorded."""
    params: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Its config, flat, and more."""
    copies: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """What became of the changed copies that it trained on; see ``imbalance.copies.said_of_copies``."""
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, compare=False, repr=False)
    """Digests of the rows that it was served, of ``task=lightning``; see ``own_modules.served_rows``."""
    variant_run: str = field(default="", compare=False)
    """Id of the variant's run above it."""
    stack: tuple[int, ...] = field(default=(), compare=False)
    """The seeds that were trained together with it, in their order; () where that was not recorded."""
    threads: str | None = field(default=None, compare=False)
    """PyTorch's while it trained; None where that was not recorded."""
    engine: str = field(default="", compare=False)
    """What has taken its optimizer steps; "" where that was not recorded, or where it took none."""
    host: str = field(default="", compare=False)
    """The machine that trained it; "" where that was not recorded."""
    data_digest: str = field(default="", compare=False)
    recipe_version: str | None = field(default=None, compare=False)

    @property
    def usable(self) -> bool:
        """Whether its values count."""
        return self.status == "FINISHED" and self.outcome == "ok"

    @property
    def imported(self) -> bool:
        """Whether it was trained elsewhere."""
        return self.fingerprint.startswith(IMPORTED_MARK)

    @property
    def seeds_at_once(self) -> int:
        """How many seeds its stack had."""
        return int(self.params.get(AT_ONCE, 1))

    @property
    def chosen_epoch(self) -> float | None:
        """The epoch whose weights it ended with; None where that was not recorded."""
        chosen = self.params.get(CHOSEN_EPOCH)
        return float(chosen) if chosen else None


# ---- from MLflow's runs ----------------------------------------------------------------------------------------------


def true_status(run: Run) -> str:
    """The run's status; KILLED where a crash left it RUNNING, also before ``Store.repair`` has said so in the store."""
    gone = run.info.status == "RUNNING" and surely_gone(from_store(run.data.tags))
    return "KILLED" if gone else str(run.info.status)


def launch_of(run: Run) -> Launch:
    """The launch that MLflow's run is."""
    tags = from_store(run.data.tags)
    return Launch(
        **_common(run, tags),
        experiment_id=run.info.experiment_id,
        key=tags.get("key", ""),
        readable=READABLE in tags,
        search=tags.get(SEARCH),
        sweep=_sweep_job(tags),
        imported=tags.get(IMPORTED, ""),
        recipe_version=tags.get("recipe_version"),
        data_sets=tuple(json.loads(from_parts(tags, DATA_SETS))) if DATA_SETS in tags else (),
        data_set=tags.get(ON_DATA_SET, ""),
        source=tags.get(SOURCE, ""),
        above=run.data.tags.get(PARENT, ""),
        seconds=None if run.info.end_time is None else (run.info.end_time - run.info.start_time) / 1000,
        params=run.data.params,
    )


def _common(run: Run, tags: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": run.info.run_id,
        "name": run.info.run_name or "",
        "status": true_status(run),
        "started": datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        "command": tags.get("command", ""),
    }


def _sweep_job(tags: Mapping[str, str]) -> RecordedSweepJob | None:
    if not tags.get(SWEEP):
        return None
    return RecordedSweepJob(
        id=tags[SWEEP],
        number=int(tags.get(f"{SWEEP}_job", 0)),
        jobs=_number(tags.get(f"{SWEEP}_jobs")),
        values_text=from_parts({f"{SWEEP}_values": "{}", **tags}, f"{SWEEP}_values"),
    )


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def search_of(run: Run) -> SearchRun:
    """The search that MLflow's run is."""
    tags = from_store(run.data.tags)
    return SearchRun(**_common(run, tags), trials=_number(tags.get("trials")))


def variant_of(run: Run) -> VariantRun:
    """The variant's run that MLflow's run is."""
    tags = from_store(run.data.tags)
    trial = _number(tags.get("trial"))
    return VariantRun(**_common(run, tags), variant=tags["variant"], outcome=tags.get(OUTCOME, ""), trial=trial)


def seed_of(run: Run) -> SeedRun:
    """The seed's run that MLflow's run is."""
    tags = from_store(run.data.tags)
    return SeedRun(
        id=run.info.run_id,
        variant=tags["variant"],
        seed=int(tags["seed"]),
        fingerprint=tags["fingerprint"],
        status=true_status(run),
        outcome=tags.get(OUTCOME, "ok" if run.info.status == "FINISHED" else ""),
        launch=tags["launch"],
        metrics=dict(run.data.metrics),
        labels={name.removeprefix(LABEL): label for name, label in tags.items() if name.startswith(LABEL)},
        circumstances=_circumstances(tags, run.data.params),
        lr=run.data.params.get("optimizer.lr", ""),
        not_kept=tags.get(NOT_KEPT, ""),
        lr_fallback=tags.get(LR_FALLBACK, ""),
        recipe=tags.get(WITHOUT_CODE, tags["fingerprint"]),
        code=code_on(tags),
        params=run.data.params,
        copies=json.loads(tags.get(COPIES, "{}")),
        rows=json.loads(tags.get(ROWS, "{}")),
        variant_run=run.data.tags.get(PARENT, ""),
        stack=tuple(map(int, stack.split(","))) if (stack := tags.get("stack")) else (),
        threads=tags.get("threads"),
        engine=tags.get(ENGINE, ""),
        host=tags.get("host", ""),
        data_digest=tags.get("data_digest", ""),
        recipe_version=tags.get("recipe_version"),
    )


def _circumstances(tags: Mapping[str, str], params: Mapping[str, str]) -> dict[str, str]:
    selection = f"select={params.get('select', 'last')}"
    if params.get("patience", "null") not in ("null", "None"):
        selection += f", patience={params['patience']}"
    if selection != "select=last":
        selection += f" by {params.get('monitor')}"
    version = tags.get("recipe_version")
    recipe = {"recipe version": version} if version else {}
    return {"data": tags.get("data_digest", "")[:16], "selection": selection, **recipe}


def code_tags(code: Code, recipe: str) -> dict[str, str]:
    """What ``Store.start`` is to write on a seed run of the code that makes it, and its fingerprint without that."""
    return {**in_parts(CODE_TAG, json.dumps(code.as_dict(), sort_keys=True)), WITHOUT_CODE: recipe}


def code_on(tags: Mapping[str, str]) -> Code | None:
    """The code that ``code_tags`` has written; None where the tags of a seed run say nothing of it."""
    if CODE_TAG not in tags:
        return None
    return Code(**json.loads(from_parts(tags, CODE_TAG)))

"""Plans variants of ``task=lightning``: their parts are built, and the rows of their first seeds looked at, before training."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedbed.checks import shown
from seedbed.config.experiment import Variant
from seedbed.config.own_modules import at_seed, check_side, has_test_part
from seedbed.errors import ConfigError, DataError, SeedbedError, place_in_own_code, without_addresses
from seedbed.own_modules.parts import SeedParts, surroundings
from seedbed.own_modules.served_rows import PARTS, Part, ServedRows, from_plain, part_of
from seedbed.paths import current_folder
from seedbed.tracking.runs import SeedRun
from seedbed.training.planned import PlannedCells
from seedbed.training.progress import Display

LARGEST_SEED = 2**32 - 1
LOOKED_AT = 2
"""Seeds whose rows are looked at before training; those of the others are compared when they train."""
SELECTION = "There is no test part: variants are compared by their last validation values, which are optimistic if anything was chosen by them, such as when to stop."


@dataclass(frozen=True)
class Pairing:
    """Which rows each seed was served in training, by the variant that trained it first: others must have the same."""

    first: dict[int, tuple[str, ServedRows]] = field(default_factory=dict)

    def know(self, cells: Iterable[SeedRun]) -> None:
        """Take notice of cells that were trained before."""
        for cell in cells:
            if cell.rows:
                self.first.setdefault(cell.seed, (cell.variant, from_plain(cell.rows)))

    def check(self, variant: str, seed: int, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Raise ``DataError`` where a variant was served other rows than another one under the same seed."""
        served = from_plain(rows)
        other, theirs = self.first.setdefault(seed, (variant, served))
        if differing := unlike(served, theirs):
            raise DataError(_unpaired(variant, other, seed, differing))


def unlike(rows: ServedRows, others: ServedRows) -> list[str]:
    """The parts that are seen in both and hold other rows, or another number of them."""
    return [name for name in PARTS if name in rows and name in others and not _alike(rows[name], others[name])]


def _alike(part: Part, other: Part) -> bool:
    if part.digest is None or other.digest is None:
        return part.rows is None or other.rows is None or part.rows == other.rows
    return part == other


def _unpaired(variant: str, other: str, seed: int, differing: Sequence[str]) -> str:
    return (
        f"Variant {variant!r} serves other rows than {other!r} under seed {seed} ({', '.join(differing)}): their seeds cannot "
        "be paired. Have the data module draw its split by the seed alone, such as split_seed: ${seed}, and the same for all "
        "variants. Where the rows are the same and a transform makes something else of them, serve them as a "
        "torch.utils.data.Subset of the data set, whose row numbers are compared. Where the data have changed since the other was "
        "trained, use another store (MLFLOW_TRACKING_URI)."
    )


@dataclass(frozen=True)
class PlannedModule(PlannedCells):
    """A variant whose seeds are trained by a user's own module, with all that they need, checked."""

    length: int
    """Epochs; 0 where their number is not known beforehand."""
    has_test_part: bool
    tested: bool
    """Whether there is a test part, and it is asked."""
    processes: int
    """Those in which Lightning trains a seed, where it starts processes for it; 0 where it trains in this one."""
    on_cpu: bool
    """Whether its Trainers train on the CPU."""
    rows: dict[int, ServedRows]
    """Of the first seeds."""
    pairing: Pairing

    @property
    def epochs(self) -> int:
        return self.length

    @property
    def at_once(self) -> int:
        """How many processes train a seed each, as it is set; 1 where that is left to be found."""
        count = self.variant.config["trainer"].get("seeds_at_once", "auto")
        return 1 if count == "auto" else int(count)

    @property
    def finds_at_once(self) -> bool:
        """Whether that number is found from what the first seed takes.

        Not of a GPU, which one seed may fill without a busy core, nor where the same bits are asked for: they depend on the
        number of threads.
        """
        trainer = self.variant.config["trainer"]
        is_auto = trainer.get("seeds_at_once", "auto") == "auto"
        return is_auto and self.on_cpu and not self.processes and not trainer.get("deterministic")

    @property
    def sizes(self) -> dict[str, int]:
        """Rows of each part of the first seed, as far as they are known."""
        first = next(iter(self.rows.values()))
        return {name: part.rows for name, part in first.items() if part.rows is not None}

    @property
    def data_name(self) -> str:
        node = self.variant.config["datamodule"] or self.variant.config["module"]
        return str(node["_target_"]).rpartition(".")[2]

    @property
    def data_digest(self) -> str:
        """Of the numbers of rows; what is seen of the rows themselves stands on each seed's run."""
        return hashlib.sha256(json.dumps(self.sizes, sort_keys=True).encode()).hexdigest()

    @property
    def _unseen(self) -> list[str]:
        first = next(iter(self.rows.values()))
        return [
            name for name in first if any(name in rows and rows[name].digest is None for rows in self.rows.values())
        ]

    @property
    def redrawn(self) -> list[str]:
        """The parts of which the seeds that were looked at have other rows."""
        first, *others = self.rows.values()
        return [name for name in first if any(name in unlike(first, rows) for rows in others)]

    @property
    def notes(self) -> list[str]:
        return [] if self.has_test_part else [SELECTION]

    @property
    def described(self) -> list[str]:
        return []

    def describe_data(self) -> dict[str, Any]:
        return {
            "name": self.data_name,
            "digest": self.data_digest,
            "counts": {},
            "split": self.sizes,
            "split_counts": {},
            "same_split": not (self.redrawn and self._has_shares),
            "same_test": "test" not in self.redrawn,
            "made_with": {},
            "notes": self._notes_on_rows(),
            "inspected": False,
        }

    @property
    def _side(self) -> str:
        """The part that variants are compared on."""
        return str(self.variant.config["report"]["metric"]).partition("/")[0]

    @property
    def _has_shares(self) -> bool:
        """Whether it is known how many rows are trained and compared on, which the test of redrawn splits needs."""
        return {"train", self._side} <= set(self.sizes)

    def _notes_on_rows(self) -> list[str]:
        """What was found of the rows, and what is assumed of those that cannot be seen."""
        if self.redrawn and not self._has_shares:
            return [
                f"The seeds redraw the rows that are served as {', '.join(self.redrawn)}, but the numbers of train and "
                f"{self._side} rows, which the test for redrawn splits needs, are not known: it is assumed that all seeds share one "
                "split, so that verdicts are about these runs only."
            ]
        if not (unseen := self._unseen):
            return []
        rest = ", ".join(unseen)
        if self.redrawn:
            return [f"Which rows are served as {rest} cannot be seen; the seeds redraw {', '.join(self.redrawn)}, and are assumed to redraw the whole split."]  # fmt: skip
        return [
            f"Which rows are served as {rest} cannot be seen: it is assumed that all seeds share one split, so that what is "
            "said is about runs on these rows."
        ]

    def config_of(self, seed: int) -> dict[str, Any]:
        config: dict[str, Any] = at_seed(self.variant.config, seed)
        return config


class ModulePlanner:
    """Plans variants for the same seeds; the rows of data modules that they share are looked at once."""

    def __init__(self, seeds: Sequence[int], display: Display, *, tests: bool = True, logs: bool = True) -> None:
        """``tests``: whether the test part is asked; a search must not. ``logs``: whether loggers are asked for."""
        self.seeds, self.display, self.tests, self.logs = tuple(seeds), display, tests, logs
        self._rows: dict[str, dict[int, ServedRows]] = {}
        self._tried_loggers: list[Mapping[str, Any]] = []
        self._pairing = Pairing()

    def plan(self, variants: Sequence[Variant], beside: PlannedModule | None = None) -> list[PlannedModule]:
        """Check all that a run needs of the variants, which are to be paired (also with one planned before)."""
        if (largest := max(self.seeds)) > LARGEST_SEED:
            raise ConfigError(f"seeds: {largest} is more than seed_everything takes. Give seeds up to {LARGEST_SEED}.")
        plan: list[PlannedModule] = []
        for variant in variants:
            planned = self._planned(variant)
            first = beside or next(iter(plan), planned)
            for seed, rows in planned.rows.items():
                if seed in first.rows and (differing := unlike(rows, first.rows[seed])):
                    raise ConfigError(_unpaired(planned.name, first.name, seed, differing))
            plan.append(planned)
            for note in planned.notes:
                self.display.say_once(note)
        return plan

    def _planned(self, variant: Variant) -> PlannedModule:
        config, code = variant.config, variant.code()
        try:
            epochs, processes, on_cpu = _tried(config, self.seeds[0])
            self._try_loggers(variant)
            rows = self._looked_at(variant)
        except SeedbedError as error:
            raise type(error)(f"Variant {variant.name!r}: {error}") from error
        tested = "test" in next(iter(rows.values())) and has_test_part(config) is not False
        check_side(config, tested=tested)
        inputs = {} if self.tests else {"tested": "no"}
        return PlannedModule(
            variant=variant,
            fingerprints={seed: variant.fingerprint(seed, inputs, code) for seed in self.seeds},
            recipes={seed: variant.fingerprint(seed, inputs) for seed in self.seeds},
            code=code,
            length=epochs,
            has_test_part=tested,
            tested=tested and self.tests,
            processes=processes,
            on_cpu=on_cpu,
            rows=rows,
            pairing=self._pairing,
        )

    def _try_loggers(self, variant: Variant) -> None:
        loggers = variant.config["loggers"]
        if self.logs and loggers not in self._tried_loggers:
            with surroundings():
                SeedParts(variant.config, self.seeds[0]).try_loggers(variant.name)
            self._tried_loggers.append(loggers)

    def _looked_at(self, variant: Variant) -> dict[int, ServedRows]:
        key = json.dumps(variant.config["datamodule"] or variant.config["module"], sort_keys=True)
        if key not in self._rows:
            seeds = self.seeds[:LOOKED_AT]
            self._rows[key] = {seed: look(variant.config, seed) for seed in seeds}
        return self._rows[key]


def _tried(config: Mapping[str, Any], seed: int) -> tuple[int, int, bool]:
    """``length``, ``processes`` and ``on_cpu`` of a planned variant; raises ``ConfigError`` for parts that cannot be built."""
    parts = SeedParts(config, seed)
    with surroundings():
        parts.seed_everything()
        _ = parts.datamodule, parts.module
        with parts.trainer(parts.callbacks(), []) as trainer:
            _check_launcher(trainer, config["trainer"].get("strategy", "auto"))
            processes = 0 if trainer.strategy.launcher is None else trainer.num_devices
            return max(trainer.max_epochs or 0, 0), processes, trainer.strategy.root_device.type == "cpu"


def _check_launcher(trainer: Any, strategy: Any) -> None:
    """Raise ``ConfigError`` for a strategy that was chosen and has copies of this process train: nothing recorded comes back.

    What Lightning itself chooses in a notebook is another one in the processes that are started for seeds.
    """
    copies = any(base.__name__ == "_MultiProcessingLauncher" for base in type(trainer.strategy.launcher).__mro__)
    if copies and strategy != "auto":
        raise ConfigError(
            f"trainer.strategy={shown(strategy)}: it trains in spawned or forked copies of a process, and what callbacks see "
            "there, the recorded curves among it, does not come back. Write trainer.strategy=ddp, which starts processes of "
            "its own."
        )


def look(config: Mapping[str, Any], seed: int) -> ServedRows:
    """The rows that a seed's data loaders will serve; raises ``DataError`` where the data module cannot prepare them."""
    parts = SeedParts(config, seed)
    with surroundings():
        parts.seed_everything()
        datamodule = parts.datamodule or parts.module
        with parts.trainer([], []) as trainer:
            datamodule.trainer = trainer
            try:
                datamodule.prepare_data()
                datamodule.setup("fit")
                served = {name: _loaders(datamodule, name) for name in ("train", "val")}
                datamodule.setup("test")
                served["test"] = _loaders(datamodule, "test")
            except Exception as error:  # whatever a user's code raises
                what = f"{type(error).__name__}: {without_addresses(str(error))}{_where(error)}"
                raise DataError(
                    f"{type(datamodule).__name__} cannot prepare the data of seed {seed}: {what}"
                ) from error
            parts_of = {name: part_of(loaders) for name, loaders in served.items()}
            datamodule.trainer = None
    return {name: part for name, part in parts_of.items() if part is not None}


def _where(error: Exception) -> str:
    """Where in the user's code an error arose; of a file that is not there, also what its relative path is relative to."""
    line = place_in_own_code("".join(traceback.format_exception(error)))
    said = f" ({line})" if line else ""
    if not isinstance(error, FileNotFoundError):
        return said
    if error.filename is not None and Path(str(error.filename)).is_absolute():  # NumPy's does not name the file
        return said
    return (
        f"{said}. A relative path is of {current_folder()}, in which the command was typed: type it in the folder that the path "
        "is meant to be of, give a whole path, or have the code make it, such as from Path(__file__).parent, which leaves "
        "recipes the same when the project moves"
    )


def refuse_changed_data(plan: Sequence[PlannedModule], done: Mapping[str, SeedRun]) -> None:
    """Raise ``DataError`` where a seed is served other rows by now than its cell in ``done``, by fingerprint, was trained on.

    Of each variant, the seeds that were looked at are compared, or else the first one that has a cell.
    """
    for planned in plan:
        cells = {seed: done[digest] for seed, digest in planned.fingerprints.items() if digest in done}
        known = {seed: rows for seed, rows in planned.rows.items() if seed in cells}
        for seed in list(cells)[: 0 if known else 1]:
            known[seed] = look(planned.variant.config, seed)
        for seed, rows in known.items():
            recorded = from_plain(cells[seed].rows)
            if differing := unlike(rows, recorded):
                parts = "; ".join(f"{name}: {recorded[name]} recorded, {rows[name]} now" for name in differing)
                raise DataError(
                    f"Variant {planned.name!r}, seed {seed}: the data have changed since it was trained as run "
                    f"{cells[seed].id[:8]} ({parts}), so that seeds that are trained now could not be compared with it. Put back the "
                    "data; or let a setting of datamodule tell those of now apart, such as a path or a version, so that all seeds "
                    "are trained on them; or use another store (MLFLOW_TRACKING_URI)."
                )


def _loaders(datamodule: Any, name: str) -> Any:
    """What serves a part; None where nothing does, as by the empty hooks of Lightning's base classes."""
    hook = getattr(type(datamodule), f"{name}_dataloader")
    if hook.__module__.split(".")[0] in ("pytorch_lightning", "lightning") and ".core." in hook.__module__:
        return None
    return getattr(datamodule, f"{name}_dataloader")()

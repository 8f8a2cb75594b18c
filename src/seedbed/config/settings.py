"""What a config says of the trainer, the report and the tracking, typed and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

from seedbed.checks import is_number, is_positive, is_whole, require, require_choice
from seedbed.config.baselines import Baselines, Stated
from seedbed.config.metric_checks import require_known
from seedbed.config.trainer import PRECISIONS, PROFILERS

MOST_EPOCHS = 1_000_000
"""Of one training; a number beyond is a mistake."""
LARGEST = 2**31 - 1
"""Of a number of rows or steps: a larger one is a mistake, and some are kept in 32 bits."""


@dataclass(frozen=True)
class TrainerSettings:
    """The keys of ``trainer`` in a config; raises ``ConfigError`` for values that cannot work."""

    max_epochs: int
    """Passes over the training rows."""
    batch_size: int | None
    """Rows; None for a task whose steps take all rows."""
    gradient_clip_val: float | None
    """The largest norm of the gradient, of each seed by itself."""
    precision: str | int
    """Of numbers in training: 32-true, or bf16-mixed, bf16-true, 64-true."""
    accelerator: str
    """What trains: auto, cpu or gpu."""
    devices: int | str | list[int]
    """How many of them, or which: the seeds are shared out among several."""
    seeds_at_once: int | Literal["auto"]
    """How many seeds are stacked; auto: as many as is fastest and fits."""
    steps_per_chunk: int
    """Optimizer steps in one of Lightning's batches."""
    stacks_at_once: int | Literal["auto"] = "auto"
    """How many stacks are trained at a time on a CPU; auto: as many as there are cores, where one does not use them."""
    deterministic: bool | Literal["warn"] | None = None
    """Whether PyTorch may take none but deterministic operations; warn: it says where there is none."""
    benchmark: bool | None = None
    """Whether cuDNN tries which of its operations is fastest."""
    detect_anomaly: bool = False
    """Whether autograd looks for NaN, to find where it comes from; slow."""
    profiler: Literal["simple", "advanced"] | None = None
    """Lightning's profiler, whose report is printed after each fit."""
    max_steps: int | None = None
    """Optimizer steps of a seed at most; None: those of all its epochs."""
    limit_train_batches: float | None = None
    """Batches of a seed in an epoch: a whole number, or a fraction of all; None, or 1.0: all."""
    engine: Literal["auto", "compiled", "torch"] = "auto"
    """What takes the steps: compiled ones for factor models on a CPU, or PyTorch's operations."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> TrainerSettings:
        """Those of a whole config; ``KeyError`` where it lacks one."""
        return cls(**_values(cls, config["trainer"]))

    def __post_init__(self) -> None:
        for key, number, most in (
            ("max_epochs", self.max_epochs, MOST_EPOCHS),
            ("steps_per_chunk", self.steps_per_chunk, LARGEST),
        ):
            require(is_whole(number) and number <= most, f"trainer.{key}", number, f"a whole number from 1 to {most}")
        rows = self.batch_size is None or (is_whole(self.batch_size) and self.batch_size <= LARGEST)
        require(rows, "trainer.batch_size", self.batch_size, f"a whole number from 1 to {LARGEST}, or null for a task whose steps take all rows")  # fmt: skip
        for key, count in (("seeds_at_once", self.seeds_at_once), ("stacks_at_once", self.stacks_at_once)):
            require(count == "auto" or is_whole(count), f"trainer.{key}", count, "auto or a whole number from 1 on")
        norm = self.gradient_clip_val is None or is_positive(self.gradient_clip_val)
        require(norm, "trainer.gradient_clip_val", self.gradient_clip_val, "null or a positive number")
        self._check_limits()
        self._check_precision()
        require_choice("trainer.engine", self.engine, ("auto", "compiled", "torch"))
        require(self.profiler in (None, *PROFILERS), "trainer.profiler", self.profiler, f"null, {' or '.join(PROFILERS)}: others write files into Lightning's folder, which is removed")  # fmt: skip

    def _check_limits(self) -> None:
        steps, batches = self.max_steps, self.limit_train_batches
        fits = steps is None or (is_whole(steps) and steps <= LARGEST)
        require(fits, "trainer.max_steps", steps, f"a whole number from 1 to {LARGEST}, or null for as many as trainer.max_epochs has")  # fmt: skip
        share = isinstance(batches, float) and 0 < batches <= 1
        fits = batches is None or share or (is_whole(batches) and batches <= LARGEST)
        require(fits, "trainer.limit_train_batches", batches, "a whole number of batches from 1 on, a fraction of them such as 0.1, or null for all")  # fmt: skip

    def _check_precision(self) -> None:
        wide = self.precision not in ("16-mixed", "16-true", 16, "16")
        require(wide, "trainer.precision", self.precision, "32-true, bf16-mixed or 64-true: with 16-bit floats one seed's overflow would skip every seed's step")  # fmt: skip
        if self.precision not in PRECISIONS:
            require_known("trainer.precision", self.precision, PRECISIONS[:4])


MOST_SCORED = 100_000
"""Rows of a seed, of the sides of which scores are kept."""


@dataclass(frozen=True)
class TrackingSettings:
    """The keys of ``tracking`` in a config; raises ``ConfigError`` for values that cannot work."""

    checkpoints: bool
    """Whether each seed's final weights are kept."""
    pictures: bool
    """Whether the report's pictures are drawn into the launch's artifacts."""
    scores: bool | Literal["auto"] = "auto"
    """Whether what each seed says of its test rows is kept, of a classification of its validation rows too; "auto": of up to
    ``MOST_SCORED`` rows."""
    experiment: str | None = None
    """What MLflow calls the experiment: a name, or what stands before seedbed's name for it, which ends in a slash."""
    tags: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    """The user's own, on every run."""
    system_metrics: bool = False
    """Whether the load of the machine is recorded on the launch's run."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> TrackingSettings:
        """Those of a whole config; ``KeyError`` where it lacks one."""
        return cls(**_values(cls, config["tracking"]))

    def __post_init__(self) -> None:
        for key in ("checkpoints", "pictures", "system_metrics"):
            require(isinstance(getattr(self, key), bool), f"tracking.{key}", getattr(self, key), "true or false")
        require(self.scores in (True, False, "auto"), "tracking.scores", self.scores, "true, false or auto")
        named = self.experiment is None or (isinstance(self.experiment, str) and self.experiment.strip("/ ") != "")
        require(named, "tracking.experiment", self.experiment, "null, a name, or what stands before it: 'anna/'")
        require(isinstance(self.tags, Mapping), "tracking.tags", self.tags, "names with their texts: {team: vision}")
        for name, text in self.tags.items():
            taken = str(name).startswith(("mlflow.", "seedbed."))
            require(not taken, f"tracking.tags.{name}", text, "a name that does not begin with mlflow. or seedbed.")
            plain = isinstance(text, (str, int, float, bool))
            require(plain, f"tracking.tags.{name}", text, "a text or a number")

    @property
    def own_tags(self) -> dict[str, str]:
        """The user's tags as texts."""
        return {str(name): str(text) for name, text in self.tags.items()}

    def tracked_as(self, name: str) -> str:
        """What MLflow calls the experiment that seedbed calls ``name``."""
        if self.experiment is None:
            return name
        return f"{self.experiment}{name}" if self.experiment.endswith("/") else self.experiment

    def keeps_scores(self, rows: int) -> bool:
        """Whether what is said of so many rows of a seed is kept."""
        return rows > 0 and (rows <= MOST_SCORED if self.scores == "auto" else bool(self.scores))


MARGIN = 0.01
"""Of AUROC, where ``report.margin`` says no other."""


REPORT_ADDED_LATER: dict[str, Any] = {"margin": MARGIN, "nemenyi": False}
"""Keys of ``report`` that are younger than launches which are reported on, with the values at which they change nothing."""


def without_usual(report: Mapping[str, Any]) -> dict[str, Any]:
    """A section ``report`` as it was recorded before it had the keys of ``REPORT_ADDED_LATER``, of those that change nothing."""
    usual = REPORT_ADDED_LATER.items()
    return {key: value for key, value in report.items() if (key, value) not in usual}


@dataclass(frozen=True)
class ReportSettings:
    """The keys of ``report`` in a config; raises ``ConfigError`` for values that cannot work."""

    metric: str
    """What variants are compared by, with its side: test/accuracy, or val/accuracy where there are no test rows."""
    baseline: Stated
    """What variants are compared with: see ``Baselines``."""
    bars: Literal["2std", "std", "ci95"]
    """What error bars show: two standard deviations over the seeds, one, or the 95 % interval of the mean."""
    axis: list[float] | None
    """The ends of the axis of the picture of means."""
    rope: float | None
    """The region of practical equivalence: differences up to it are too small to matter."""
    loss: bool | Literal["both"]
    """Whether the training loss of every epoch is shown; both: the validation loss too."""
    learned: str | None
    """The variant whose weights are read."""
    similar_to: str | int | None
    """An item to find others like."""
    user: str | int | None
    """A user to recommend to."""
    margin: float = MARGIN
    """Differences in AUROC up to it leave the ranking of rows as it was."""
    nemenyi: bool = False
    """Whether a report over several data sets has Friedman's and Nemenyi's tests of average ranks, too."""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> ReportSettings:
        """Those of a whole config; ``KeyError`` where it lacks one."""
        settings = cls(**_values(cls, config["report"]))
        variants = list(map(str, config["variants"]))
        Baselines.of(settings.baseline).require_among(variants)
        if settings.learned is not None:
            require_known("report.learned", settings.learned, variants)
        return settings

    def __post_init__(self) -> None:
        require_known("report.bars", self.bars, ["2std", "std", "ci95"])
        for key, name in (("similar_to", self.similar_to), ("user", self.user)):
            named = name is None or isinstance(name, str | int)
            require(named, f"report.{key}", name, "null or a name in the data")
        require(self.loss in (True, False, "both"), "report.loss", self.loss, "true, false, or both: training and validation")  # fmt: skip
        width = self.rope is None or is_positive(self.rope)
        require(width, "report.rope", self.rope, "null or a positive number: differences up to it are too small to matter")  # fmt: skip
        require(is_positive(self.margin), "report.margin", self.margin, "a positive number: differences in AUROC up to it leave the ranking of rows as it was")  # fmt: skip
        require(isinstance(self.nemenyi, bool), "report.nemenyi", self.nemenyi, "true or false")
        ends = self.axis is None or (
            isinstance(self.axis, list)
            and len(self.axis) == 2
            and all(map(is_number, self.axis))
            and self.axis[0] < self.axis[1]
        )
        require(ends, "report.axis", self.axis, "null or two rising numbers")


def _values(kind: type, node: Mapping[str, Any]) -> dict[str, Any]:
    """The values in a node of a config for the fields of a dataclass; those that have a default may be absent."""
    optional = {
        each.name for each in fields(kind) if each.default is not MISSING or each.default_factory is not MISSING
    }
    return {each.name: node[each.name] for each in fields(kind) if each.name in node or each.name not in optional}

"""The LightningModule that every task builds on: it trains S stacked seeds, each as if it were alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from seedbed.schedules import Schedule
from seedbed.stacking.batches import Chunk, Part
from seedbed.stacking.engines import Engine, SeedSteps
from seedbed.stacking.layers import OneSeed, Stacked
from seedbed.stacking.optimizers import OptimizerFactory, SeedOptimizer


class StackedModule(pl.LightningModule):
    """Trains S stacked networks; each takes exactly the steps that it would take alone.

    ``schedule`` moves the learning rate (and momentum) with the steps that a seed has taken, of ``epochs`` times its
    ``steps_per_epoch``. ``lrs``, where it is set before the fit, are the seeds' own learning rates (S,) in place of the
    optimizer's; ``max_steps`` is how many steps a seed takes at most, in all epochs.

    A task says what a row's loss is (``row_losses``; ``step_losses`` where it depends on the whole batch), what is kept
    of an evaluated batch (``evaluate``) and which metrics come out of that (``metrics``). ``running`` says which seeds
    still train, ``diverged_at`` in which epoch a seed's loss left the finite numbers (it gets back the weights with
    which that epoch began, and rests). ``history`` holds, for each epoch, the values (S,) of every metric, NaN for a
    seed that no longer trains; ``test_metrics`` the values after ``Trainer.test``; ``latest`` the losses (S,) of the latest
    step, of the seeds that took it. A trainer's ``callback_metrics`` hold means over the seeds.

    Within an epoch nothing is read back from the device: what Python must know it knows from ``running`` and the
    batches, and losses, finiteness and metrics are fetched once, when the epoch is over.
    """

    SCORED: ClassVar[tuple[str, ...]] = ("test",)
    """The sides of which ``scores`` are recorded: "test", or "val" too."""

    def __init__(
        self,
        network: Stacked,
        optimizer: OptimizerFactory,
        *,
        seeds: int,
        clip_norm: float | None = None,
        schedule: Schedule | None = None,
        epochs: int = 1,
        steps_per_epoch: Sequence[int] = (),
    ) -> None:
        super().__init__()
        # A Lightning batch is a chunk of many optimizer steps, so the steps are taken by hand.
        self.automatic_optimization = False
        self.network, self.optimizer_factory = network, optimizer
        self.seeds, self.clip_norm = seeds, clip_norm
        self.schedule, self.epochs, self.steps_per_epoch = schedule, epochs, steps_per_epoch
        self.lrs: Sequence[float] | None = None
        self.max_steps: int | None = None
        self.make_engine: Callable[[StackedModule], Engine] | None = None
        """What makes an engine that trains the chunks in place of PyTorch's operations; None: these train them."""
        self._engine: Engine | None = None
        self._at_start: list[dict[str, Tensor]] = []
        self._at_end: dict[int, dict[str, Tensor]] = {}
        self.can_diverge = True
        """Whether a test loss that is no finite number says that a seed has diverged."""
        self.steps_taken = [0] * seeds
        self.running = np.ones(seeds, dtype=bool)
        self.diverged_at: dict[int, int] = {}
        self.history: list[dict[str, np.ndarray]] = []
        self.test_metrics: dict[str, np.ndarray] = {}
        self.keeps_scores = False
        """Whether ``kept_scores`` are filled when the test rows are measured."""
        self.kept_scores: dict[str, dict[str, np.ndarray]] = {}
        """What ``scores`` gives of each side of ``SCORED``, by its name."""
        self.to_score: Iterable[Part] | None = None
        """The validation rows, where they are evaluated once more beside the test rows, by the weights that are tested."""
        self.adjusts = False
        """Whether something is to act on the scores after the fit."""
        self.adjustments: Sequence[Any] = ()
        """By seed, what was fitted for that; (): nothing yet, and ``metrics`` is of the scores as they are."""
        self.final_validation: dict[str, np.ndarray] = {}
        """Values of the validation rows with adjusted scores."""
        self._fits_adjustments = False
        self.latest = torch.zeros(seeds)
        self._evaluated: tuple[Tensor, ...] = ()

    def row_losses(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and weight of the rows ``index`` (S, B), two (S, B); a seed's loss is sum(losses) / sum(weights)."""
        raise NotImplementedError

    def step_losses(self, index: Tensor, real: Tensor | None) -> tuple[Tensor, Tensor]:
        """Sums of the losses and of the weights of a step's rows ``index`` (S, B), two (S,); the former over the latter is a seed's loss.

        ``real`` (S, B) says which rows count, None: all. The losses of an epoch are divided by its weights in the same way.
        """
        losses, weights = self.row_losses(index)
        return _only(losses, real).sum(1), _only(weights, real).sum(1)

    @abstractmethod
    def evaluate(self, index: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """What ``metrics`` needs of the rows ``index`` (S, B), each tensor with rows on axis 1."""

    @abstractmethod
    def metrics(self, *evaluated: Tensor) -> dict[str, Tensor]:
        """Every metric's values (S,), from what ``evaluate`` gave for all rows."""

    def scores(self, *evaluated: Tensor) -> dict[str, Tensor]:
        """What is recorded of each row, by name (S, N, ...), from what ``evaluate`` gave for all; {}: nothing."""
        return {}

    def fit_adjustments(self, *evaluated: Tensor) -> Sequence[Any]:
        """Fit what acts on each seed's scores to what ``evaluate`` gave for all validation rows."""
        raise NotImplementedError

    @contextmanager
    def adjusting(self) -> Iterator[None]:
        """A pass over test batches is one over the validation's, to which the adjustments are fitted."""
        self._fits_adjustments = True
        yield
        self._fits_adjustments = False

    def adjust(self, parts: Iterable[Part]) -> None:
        """Fit the adjustments to these validation rows."""
        for part in parts:
            self._evaluate(part)
        self._adjust()

    def _adjust(self) -> None:
        whole = self._taken()
        self.adjustments = self.fit_adjustments(*whole)
        if self.keeps_scores and "val" in self.SCORED:
            self._keep_scores("val", whole)
        self.final_validation = self._fetch({f"val/{name}": value for name, value in self.metrics(*whole).items()})

    def configure_optimizers(self) -> torch.optim.Optimizer:
        # Here and not in the constructor: by now the weights lie on their device, where the slices must point.
        self.seed_optimizer = SeedOptimizer(self.network, self.seeds, self.optimizer_factory)
        if self.lrs is not None:
            self.seed_optimizer.set({position: {"lr": lr} for position, lr in enumerate(self.lrs)})
        return self.seed_optimizer.optimizer

    def on_fit_start(self) -> None:
        self._engine = None if self.make_engine is None else self.make_engine(self)

    def on_train_epoch_start(self) -> None:
        if self._engine is not None:
            self._engine.take_weights()
        self._loss_sum = torch.zeros(self.seeds, dtype=torch.float64, device=self.device)
        self._weight_sum = torch.zeros_like(self._loss_sum)
        self._finite = torch.ones(self.seeds, dtype=torch.bool, device=self.device)
        self._running = torch.from_numpy(self.running).to(self.device)
        self._at_start = [self.state_at_end(position) for position in range(self.seeds)]
        self._at_end = {}

    def training_step(self, chunk: Chunk, _: int) -> None:
        if self._engine is not None:
            self._train_by(self._engine, chunk)
            return
        position = torch.arange(chunk.index.shape[2], device=self.device)
        masks = position < chunk.counts.unsqueeze(-1)
        trains = (chunk.counts > 0) & self._running
        for step, counts in enumerate(chunk.host_counts):
            active = self.running & (counts > 0)
            if active.any():
                self._step(chunk.index[step], masks[step], trains[step], active, counts)

    def _step(self, index: Tensor, mask: Tensor, trains: Tensor, active: np.ndarray, counts: np.ndarray) -> None:
        """One optimizer step on the (S, B) rows of ``index``; ``trains`` is ``active`` (S,) on the device."""
        if isinstance(self.network, OneSeed):
            index, mask = index[:, : int(counts.max())], mask[:, : int(counts.max())]
        # Most steps are those of all seeds on whole batches: they are spared the masks.
        real = None if int(counts.min()) == index.shape[1] else mask
        steps = None if active.all() else trains
        self.network.set_step(steps, real)
        self.seed_optimizer.clear_gradients()
        loss_sums, weight_sums = self.step_losses(index, real)
        means = loss_sums / weight_sums.clamp(min=torch.finfo(weight_sums.dtype).tiny)

        self.manual_backward(_only(means, steps).sum())
        stepping = active.tolist()
        self._follow_schedule(stepping)
        self.seed_optimizer.hand_over_gradients(stepping, self.clip_norm)
        cast(Any, self.optimizers()).step()
        self._loss_sum.add_(_only(loss_sums.detach(), steps))
        self._weight_sum.add_(_only(weight_sums, steps))
        self.latest = means.detach()
        finite = torch.isfinite(self.latest)
        self._finite.logical_and_(finite if steps is None else finite | ~steps)

    def _train_by(self, engine: Engine, chunk: Chunk) -> None:
        """Let the engine take the steps of a chunk, and keep what an epoch and its observers need of them."""
        counts = np.where(self.running, chunk.host_counts, 0)
        steps = [of_step for of_step in range(len(counts)) if counts[of_step].any()]
        rates = {of_step: self._rates((counts[of_step] > 0).tolist()) for of_step in steps}
        if not steps:
            return
        positions = np.flatnonzero(counts.any(0)).tolist()
        taken = engine.train([self._steps_of_seed(position, chunk, counts, rates) for position in positions])
        for position, of_seed in zip(positions, taken, strict=True):
            self._loss_sum[position] += of_seed.loss_sum
            self._weight_sum[position] += of_seed.rows
            self._finite[position] &= of_seed.finite
            self.latest[position] = of_seed.latest
        if self.schedule is not None:  # for who observes the rates
            self.seed_optimizer.set(rates[steps[-1]])
        progress = self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
        for count in (progress.total, progress.current):
            count.ready += len(steps)
            count.completed += len(steps)

    @staticmethod
    def _steps_of_seed(
        position: int, chunk: Chunk, counts: np.ndarray, rates: Mapping[int, Mapping[int, Mapping[str, float]]]
    ) -> SeedSteps:
        own = np.flatnonzero(counts[:, position])
        values = [rates[step][position] for step in own.tolist()]
        return SeedSteps(
            position,
            chunk.index.numpy()[own, position],
            counts[own, position],
            np.array([value["lr"] for value in values]),
            np.array([value.get("momentum", np.nan) for value in values]),
        )

    def _follow_schedule(self, stepping: Sequence[bool]) -> None:
        """Set what each seed steps with, by the steps that it has taken itself."""
        if self.schedule is not None:
            self.seed_optimizer.set(self._rates(stepping))

    def _rates(self, stepping: Sequence[bool]) -> dict[int, dict[str, float]]:
        """What each of the seeds that take the next step steps with, by its position; the step counts as taken."""
        default = self.seed_optimizer.optimizer.defaults["lr"]
        values = {}
        for position, steps in enumerate(stepping):
            if steps:
                lr = default if self.lrs is None else self.lrs[position]
                per_epoch = self.steps_per_epoch[position] if self.schedule is not None else 0
                values[position] = (self.steps_taken[position], per_epoch, lr)
                self.steps_taken[position] += 1
        if self.schedule is None:
            return {position: {"lr": lr} for position, (_, _, lr) in values.items()}
        at = {
            (taken, per_epoch, lr): self.schedule.at(
                taken, steps=self._steps_of(per_epoch), steps_per_epoch=per_epoch, lr=lr
            )
            for taken, per_epoch, lr in set(values.values())
        }
        return {position: at[where] for position, where in values.items()}

    def _steps_of(self, per_epoch: int) -> int:
        """The steps in all epochs of a seed with so many in each."""
        steps = self.epochs * per_epoch
        return steps if self.max_steps is None else min(steps, self.max_steps)

    def have_steps_after(self, epochs: int) -> np.ndarray:
        """Which seeds (S,) have a step left to take after so many epochs."""
        if self.max_steps is None:
            return np.ones(self.seeds, dtype=bool)
        return np.array(self.steps_per_epoch) * epochs < self.max_steps

    def rest(self, resting: np.ndarray) -> None:
        """Let the seeds for which ``resting`` (S,) holds take no step of the chunks that follow."""
        self.running &= ~resting
        self._running = torch.from_numpy(self.running).to(self.device)

    def state_at_end(self, position: int) -> dict[str, Tensor]:
        """A copy of a seed's weights at the end of an epoch, and so at the start of the next; made once."""
        if position not in self._at_end:
            self._at_end[position] = self.network.seed_state(position)
        return self._at_end[position]

    def validation_step(self, batch: Part, _: int) -> None:
        self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        metrics = {f"val/{name}": value for name, value in self._metrics().items()}
        metrics["train/loss"] = self._loss_sum / self._weight_sum
        values = self._fetch({**metrics, "finite": self._finite})
        self._rest_diverged(values.pop("finite") == 0)
        resting = ~self.running
        for value in values.values():
            value[resting] = np.nan
        self.history.append(values)
        self._show_means(values)

    def _show_means(self, values: Mapping[str, np.ndarray]) -> None:
        """Give callbacks the mean of each metric over the seeds that have a value of it."""
        finite = {name: value[np.isfinite(value)] for name, value in values.items()}
        means = {name: torch.tensor(value.mean()) for name, value in finite.items() if value.size}
        self.trainer.callback_metrics.update(means)

    def _rest_diverged(self, diverged: np.ndarray) -> None:
        """What a loss that is not finite has made of the weights is of no use: put back those of the epoch's start."""
        for position in np.flatnonzero(diverged & self.running).tolist():
            self.diverged_at[position] = self.current_epoch
            self.running[position] = False
            self.network.load_seed_state(position, self._at_start[position])
        self._at_start = []

    def on_fit_end(self) -> None:
        # What only steps need is several times as large as the weights, and scores and results are still to come.
        self.seed_optimizer.clear()
        self._engine, self._at_start, self._at_end = None, [], {}

    def test_step(self, batch: Part, batch_idx: int) -> None:
        self._evaluate(batch)

    def measured(self, parts: Iterable[Part], side: str = "") -> dict[str, np.ndarray]:
        """Every metric's values (S,) on these rows, as the networks are now; of a ``side``, scores are kept where they are to be."""
        for part in parts:
            self._evaluate(part)
        return self._fetch(self._metrics(side))

    def on_test_epoch_start(self) -> None:
        if self.adjusts or not (self.keeps_scores and self.to_score is not None and "val" in self.SCORED):
            return  # what acts on the scores was fitted to the validation rows, which were kept then
        with self.trainer.precision_plugin.test_step_context():
            for part in self.to_score:
                self._evaluate(part)
        self._keep_scores("val", self._taken())

    def on_test_epoch_end(self) -> None:
        if self._fits_adjustments:
            self._adjust()
            return
        metrics = self._metrics("test")
        self.test_metrics = self._fetch({f"test/{name}": value for name, value in metrics.items()})
        self._show_means(self.test_metrics)

    def _evaluate(self, part: Part) -> None:
        pieces = self.evaluate(part.index, part.mask)
        if part.start == 0:  # in one piece: many small ones would keep the memory between them from being used again
            self._evaluated = tuple(piece.new_empty(len(piece), part.rows, *piece.shape[2:]) for piece in pieces)
        for whole, piece in zip(self._evaluated, pieces, strict=True):
            whole[:, part.start : part.start + piece.shape[1]] = piece

    def _metrics(self, side: str = "") -> dict[str, Tensor]:
        whole = self._taken()
        if self.keeps_scores and side in self.SCORED:
            self._keep_scores(side, whole)
        return self.metrics(*whole)

    def _taken(self) -> tuple[Tensor, ...]:
        """What was evaluated, which is not kept here any longer."""
        whole, self._evaluated = self._evaluated, ()
        return whole

    def _keep_scores(self, side: str, evaluated: tuple[Tensor, ...]) -> None:
        self.kept_scores[side] = {name: values.cpu().numpy() for name, values in self.scores(*evaluated).items()}

    @staticmethod
    def _fetch(metrics: dict[str, Tensor]) -> dict[str, np.ndarray]:
        """Bring all values to the host in one transfer."""
        values = torch.stack([value.double() for value in metrics.values()]).cpu().numpy()
        return {name: values[row].copy() for row, name in enumerate(metrics)}


def _only(values: Tensor, mask: Tensor | None) -> Tensor:
    """The values where the mask holds, and 0 elsewhere; None: all."""
    return values if mask is None else torch.where(mask, values, 0)

"""Learning rates and momenta that change as training goes on: each schedule is a pure function of the step.

A schedule knows nothing of the optimizer and keeps no state, so that a seed trained alone, stacked, or taken up again
in the middle sees the same values. Steps and epochs are counted from 0; a value holds for the step that it is asked
for, so the values of step 0 are set before the first batch.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seedbed.checks import is_from_zero, is_positive, is_whole, require, require_choice
from seedbed.errors import ConfigError


@dataclass(frozen=True)
class Schedule(ABC):
    """What an optimizer is told before each step. A subclass's fields are the keys of its ``conf/schedule/NAME.yaml``."""

    @abstractmethod
    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        """Values for step ``step`` of ``steps``: ``lr``, and ``momentum`` where the schedule moves it.

        ``lr`` is the optimizer's own learning rate: the schedule's peak, or what it starts from. ``momentum`` is SGD's
        momentum and Adam's beta1.
        """

    @property
    def own_rate(self) -> str:
        """The key of the schedule that makes the optimizer's own learning rate of no use; "" where it is used."""
        return ""

    def check(self, epochs: int) -> None:  # noqa: B027 (most schedules fit any number of epochs)
        """Raise ``ConfigError`` unless the schedule can serve a training of ``epochs`` epochs."""


@dataclass(frozen=True)
class Constant(Schedule):
    """The optimizer's own learning rate throughout."""

    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        return {"lr": lr}


@dataclass(frozen=True)
class Phases(Schedule):
    """One learning rate after the other, each for some epochs; the optimizer's own is not used.

    ``phases`` are pairs of a learning rate and a number of epochs, which must add up to the epochs of the training.
    """

    phases: Sequence[tuple[float, int]]

    def __post_init__(self) -> None:
        wanted = "pairs of a learning rate from 0 on and a whole number of epochs, such as [[0.1, 3], [0.01, 3]]"
        fits = _listed(self.phases) and all(
            _listed(phase, 2) and is_from_zero(phase[0]) and is_whole(phase[1]) for phase in self.phases
        )
        require(fits, "schedule.phases", self.phases, wanted)

    @property
    def own_rate(self) -> str:
        return "phases"

    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        left = step // steps_per_epoch
        for rate, epochs in self.phases:
            if left < epochs:
                return {"lr": rate}
            left -= epochs
        return {"lr": self.phases[-1][0]}

    def check(self, epochs: int) -> None:
        total = sum(length for _, length in self.phases)
        if total != epochs:
            raise ConfigError(
                f"schedule.phases={[list(phase) for phase in self.phases]} lasts {total} epochs, and "
                f"trainer.max_epochs={epochs}. Write trainer.max_epochs={total}, or other phases."
            )


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to the optimizer's rate and down to almost nothing in two half cosines, momentum the other way (Smith 2018).

    As in fastai 2's ``fit_one_cycle``: the rate starts at ``lr / div``, is ``lr`` after the fraction ``pct_start`` of
    all steps, and runs towards ``lr / div_final``, which it would reach one step after the last. ``moms`` are the
    momenta at the start, at the peak and at the end; None leaves the momentum alone.
    """

    pct_start: float = 0.25
    div: float = 25.0
    div_final: float = 1e5
    moms: Sequence[float] | None = (0.95, 0.85, 0.95)

    def __post_init__(self) -> None:
        inside = is_positive(self.pct_start) and _below_one(self.pct_start)
        require(inside, "schedule.pct_start", self.pct_start, "a number between 0 and 1")
        require(is_positive(self.div), "schedule.div", self.div, "a positive number")
        require(is_positive(self.div_final), "schedule.div_final", self.div_final, "a positive number")
        fits = self.moms is None or (_listed(self.moms, 3) and all(map(_below_one, self.moms)))
        require(
            fits,
            "schedule.moms",
            self.moms,
            "null or three numbers from 0 to below 1: at the start, the peak and the end",
        )

    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        done = step / steps
        values = {"lr": self._cycle(done, lr / self.div, lr, lr / self.div_final)}
        if self.moms is not None:
            values["momentum"] = self._cycle(done, *self.moms)
        return values

    def _cycle(self, done: float, start: float, peak: float, end: float) -> float:
        if done < self.pct_start:
            return _half_cosine(start, peak, done / self.pct_start)
        return _half_cosine(peak, end, (done - self.pct_start) / (1 - self.pct_start))


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Cosine annealing with restarts: from the optimizer's rate down to ``min_lr`` (SGDR; Loshchilov and Hutter 2017).

    The first cycle lasts ``cycle_len`` epochs, each other one ``cycle_mult`` times the one before; the rate changes at
    every step. With ``warmup``, as in fastai 0.7's ``fit(..., cycle_len=, cycle_mult=)``, a step has a hundredth of the
    rate as long as fewer steps were taken since training began than a twentieth of its cycle has.
    """

    cycle_len: int = 1
    cycle_mult: int = 2
    min_lr: float = 0.0
    warmup: bool = False

    def __post_init__(self) -> None:
        require(is_whole(self.cycle_len), "schedule.cycle_len", self.cycle_len, "a whole number of epochs from 1 on")
        require(is_whole(self.cycle_mult), "schedule.cycle_mult", self.cycle_mult, "a whole number from 1 on")
        require(is_from_zero(self.min_lr), "schedule.min_lr", self.min_lr, "a number from 0 on")
        require(isinstance(self.warmup, bool), "schedule.warmup", self.warmup, "true or false")

    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        in_cycle, length = self._cycle(step, self.cycle_len * steps_per_epoch)
        if self.warmup and step < length / 20:
            return {"lr": lr / 100}
        return {"lr": _half_cosine(lr, self.min_lr, in_cycle / length)}

    def _cycle(self, step: int, length: int) -> tuple[int, int]:
        """The step counted within its cycle, and that cycle's length, when the first one has ``length`` steps."""
        if self.cycle_mult == 1:
            return step % length, length
        while step >= length:
            step, length = step - length, length * self.cycle_mult
        return step, length


@dataclass(frozen=True)
class Cyclic(Schedule):
    """A cyclical rate: from ``min_lr`` up to ``max_lr`` and back in straight lines (Smith 2017).

    Up, or down, takes ``step_size`` steps (``per: step``) or epochs (``per: epoch``: the rate stands still within an
    epoch). A ``max_lr`` of None is the optimizer's own rate. Every cycle is as high as the first (``mode``
    "triangular"), half as high as the one before ("triangular2"), or the rate's distance from ``min_lr`` shrinks with
    ``gamma`` to the power of the steps, or epochs, that are done ("exp_range").
    """

    step_size: int
    min_lr: float
    max_lr: float | None = None
    per: Literal["step", "epoch"] = "step"
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: float = 1.0

    def __post_init__(self) -> None:
        require_choice("schedule.per", self.per, ("step", "epoch"))
        require_choice("schedule.mode", self.mode, ("triangular", "triangular2", "exp_range"))
        require(
            is_whole(self.step_size), "schedule.step_size", self.step_size, f"a whole number of {self.per}s from 1 on"
        )
        _check_range(self.min_lr, self.max_lr)
        fits = is_positive(self.gamma) and self.gamma <= 1
        require(fits, "schedule.gamma", self.gamma, "a number above 0, and at most 1")
        if self.mode != "exp_range" and self.gamma != 1:
            raise ConfigError(
                f"schedule.gamma={self.gamma}: schedule.mode={self.mode} has no use for it. Set schedule.mode=exp_range, "
                "or schedule.gamma=1."
            )

    @property
    def own_rate(self) -> str:
        return "" if self.max_lr is None else "max_lr"

    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        done = step if self.per == "step" else step // steps_per_epoch
        height = 1 - abs(done / self.step_size % 2 - 1)
        return {"lr": _line(self.min_lr, _peak(self.max_lr, lr), height * self._amplitude(done))}

    def _amplitude(self, done: int) -> float:
        if self.mode == "triangular2":
            return 0.5 ** (done // (2 * self.step_size))
        return self.gamma**done


@dataclass(frozen=True)
class Triangle(Schedule):
    """Up and down once, epoch by epoch, and then half of ``min_lr`` to the end: a published rule for CIFAR-10.

    From ``min_lr`` it goes up to ``max_lr`` in ``up`` equal stairs, one an epoch, and down again in as many; epoch
    ``2 * up`` is the first of the end. A ``max_lr`` of None is the optimizer's own rate. (Source: "Understanding LR Finder
    and Cyclic Learning Rates using TensorFlow 2", blog post, 2019, with ``up`` 5, rates 1e-6 and 0.3, and 10 epochs, which
    never see the end.)
    """

    up: int
    min_lr: float
    max_lr: float | None = None

    def __post_init__(self) -> None:
        require(is_whole(self.up), "schedule.up", self.up, "a whole number of epochs from 1 on")
        _check_range(self.min_lr, self.max_lr)

    @property
    def own_rate(self) -> str:
        return "" if self.max_lr is None else "max_lr"

    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        epoch = step // steps_per_epoch
        if epoch >= 2 * self.up:
            return {"lr": self.min_lr / 2}
        return {"lr": _line(self.min_lr, _peak(self.max_lr, lr), 1 - abs(epoch / self.up - 1))}


@dataclass(frozen=True)
class LinearWarmup(Schedule):
    """Linear warm-up to the optimizer's rate, which then is constant or falls linearly to the end.

    The rate rises at every step from ``start_factor`` times the optimizer's, for ``warmup`` steps or epochs (``unit``).
    From there it goes to ``end_factor`` times the optimizer's, which it would reach one step after the last; 1 keeps it
    constant.
    """

    warmup: int
    unit: Literal["steps", "epochs"] = "epochs"
    start_factor: float = 0.0
    end_factor: float = 1.0

    def __post_init__(self) -> None:
        require_choice("schedule.unit", self.unit, ("steps", "epochs"))
        require(is_whole(self.warmup), "schedule.warmup", self.warmup, f"a whole number of {self.unit} from 1 on")
        require(is_from_zero(self.start_factor), "schedule.start_factor", self.start_factor, "a number from 0 on")
        require(is_from_zero(self.end_factor), "schedule.end_factor", self.end_factor, "a number from 0 on")

    def at(self, step: int, *, steps: int, steps_per_epoch: int, lr: float) -> dict[str, float]:
        warmup = self.warmup * (steps_per_epoch if self.unit == "epochs" else 1)
        if step < warmup:
            return {"lr": lr * _line(self.start_factor, 1.0, step / warmup)}
        return {"lr": lr * _line(1.0, self.end_factor, (step - warmup) / max(steps - warmup, 1))}

    def check(self, epochs: int) -> None:
        if self.unit == "epochs" and self.warmup > epochs:
            raise ConfigError(
                f"schedule.warmup={self.warmup} epochs is longer than the whole training: "
                f"trainer.max_epochs={epochs}. Warm up for fewer epochs, or count steps with schedule.unit=steps."
            )


def _check_range(min_lr: Any, max_lr: Any) -> None:
    require(is_from_zero(min_lr), "schedule.min_lr", min_lr, "a number from 0 on")
    require(max_lr is None or is_positive(max_lr), "schedule.max_lr", max_lr, "null or a positive number")


def _peak(max_lr: float | None, lr: float) -> float:
    return lr if max_lr is None else max_lr


def _half_cosine(start: float, end: float, done: float) -> float:
    """Half a cosine from ``start`` to ``end`` as ``done`` goes from 0 to 1, level at both."""
    return start + (end - start) * (1 - math.cos(math.pi * done)) / 2


def _line(start: float, end: float, done: float) -> float:
    return start + (end - start) * done


def _listed(value: Any, length: int | None = None) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and length in (None, len(value))


def _below_one(value: Any) -> bool:
    return is_from_zero(value) and value < 1

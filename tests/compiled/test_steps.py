"""The compiled steps are PyTorch's: from equal states, for every optimizer, and whatever a seed's neighbours do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from hypothesis import strategies
from torch import Tensor

from seedbed.compiled import engine
from seedbed.compiled.rules import Rule, rule_of
from seedbed.compiled.tables import new_rates, new_tables, with_room
from seedbed.data.splits import Rows
from seedbed.imbalance.base import Strategy
from seedbed.optimizers import FastaiAdam
from seedbed.stacking.module import StackedModule
from seedbed.tasks.base import SeedData
from seedbed.tasks.rating import Rating
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_trainer import StackTrainer
from tests.properties import Examine
from tests.tasks.test_rating import DOT, TABLE, config, rows_of, table_of

TORCH = {
    name: {"_target_": f"torch.optim.{name}", "_partial_": True}
    for name in ("SGD", "Adam", "AdamW", "Adagrad", "RMSprop")
}
FASTAI = {"_target_": "seedbed.optimizers.FastaiAdam", "_partial_": True, "lr": 5e-3, "betas": [0.9, 0.99], "eps": 1e-5}
KERAS = {"_target_": "seedbed.optimizers.KerasRMSprop", "_partial_": True, "lr": 1e-3}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": TORCH["SGD"] | {"lr": 1e-2},
    "sgd with momentum": TORCH["SGD"] | {"lr": 1e-2, "momentum": 0.9, "fused": True},
    "sgd with Nesterov's momentum": TORCH["SGD"] | {"lr": 1e-2, "momentum": 0.8, "nesterov": True},
    "adam": TORCH["Adam"] | {"lr": 1e-3, "fused": True},
    "adamw": TORCH["AdamW"] | {"lr": 1e-3, "fused": True},
    "fastai_adam": FASTAI,
    "adagrad": TORCH["Adagrad"] | {"lr": 1e-2, "initial_accumulator_value": 0.1, "eps": 1e-7, "lr_decay": 0.01},
    "rmsprop": TORCH["RMSprop"] | {"lr": 1e-3, "alpha": 0.9},
    "rmsprop with momentum": TORCH["RMSprop"] | {"lr": 1e-3, "alpha": 0.9, "momentum": 0.5},
    "keras_rmsprop": KERAS,
    "keras_rmsprop with momentum": KERAS | {"momentum": 0.5},
}
SCHEDULES: list[dict[str, Any] | None] = [
    None,
    {"_target_": "seedbed.schedules.OneCycle"},
    {"_target_": "seedbed.schedules.OneCycle", "moms": None},
    {"_target_": "seedbed.schedules.LinearWarmup", "warmup": 5, "unit": "steps", "end_factor": 0.1},
]
FIRST = ("exp_avg", "momentum_buffer", "velocity")
SECOND = ("exp_avg_sq", "sum", "square_avg", "mean_square")


def data_of(seeds: Sequence[int]) -> list[SeedData]:
    return [Rating.seed_data(TABLE, rows_of(seed % 4), Strategy(), seed) for seed in seeds]


def settings(engine: str, trainer: dict[str, Any], **changes: Any) -> dict[str, Any]:
    model = changes.pop("model", {})
    base = config(model if "_target_" in model else DOT | model, **changes)
    return base | {"trainer": base["trainer"] | {"precision": "32-true", "engine": engine} | trainer}


def train(given: dict[str, Any], seeds: Sequence[int], callbacks: Sequence[pl.Callback] = ()) -> list[SeedResult]:
    return StackTrainer(given, TABLE).train(data_of(seeds), callbacks)


# ---- step by step ----------------------------------------------------------------------------------------------------

State = dict[str, dict[str, np.ndarray]]
"""By what it is, "weights", "first" or "second", and by the name of the parameter: (S, R, F)."""


def state_of(module: StackedModule) -> State:
    """Weights and moments of PyTorch's optimizer; a seed that took no step yet has none."""
    weights = {name: weight.detach().numpy().copy() for name, weight in module.network.named_parameters()}
    return {
        "weights": weights,
        "first": {name: moment(module, name, FIRST) for name in weights},
        "second": {name: moment(module, name, SECOND) for name in weights},
    }


def moment(module: StackedModule, name: str, keys: Sequence[str]) -> np.ndarray:
    parameter = dict(module.network.named_parameters())[name]
    states = module.seed_optimizer.optimizer.state
    if parameter in states:
        return kept(states[parameter], keys, parameter)
    pieces = module.seed_optimizer._slices.get(parameter, list(parameter.detach()))
    return np.stack([kept(states.get(piece, {}), keys, piece) for piece in pieces])


def kept(state: dict[str, Tensor], keys: Sequence[str], like: Tensor) -> np.ndarray:
    found = [state[key] for key in keys if state.get(key) is not None]
    return (found[0] if found else torch.zeros_like(like)).detach().numpy().copy()


class Leader(pl.Callback):
    """Keeps the state after every chunk of PyTorch's steps."""

    def __init__(self) -> None:
        self.states: list[State] = []

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *_: Any) -> None:
        self.states.append(state_of(module))


class Follower(pl.Callback):
    """After every chunk of compiled steps, compares with the leader's state and goes on from that."""

    def __init__(self, leader: Leader, steps: int) -> None:
        self.states, self.steps = iter(leader.states), steps

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *_: Any) -> None:
        wanted, own = next(self.states), module._engine
        for name, parameter in module.network.named_parameters():
            near(parameter.detach().numpy(), wanted["weights"][name], self.steps, name)
            for position, learner in enumerate(own.learners):
                for kind in ("first", "second"):
                    part = part_of(kind, learner.tables, name)
                    if used(own.rule.name, kind):
                        # RMSprop's momentum is a multiple of weights that the rate scales down.
                        scale = 1 / own.rule.settings["lr"] if own.rule.name == "rmsprop" else 1
                        near(part, wanted[kind][name][position], self.steps, f"{kind} of {name}", scale)
                        part[...] = wanted[kind][name][position]
            with torch.no_grad():
                parameter.copy_(torch.from_numpy(wanted["weights"][name]))
        own.take_weights()


def near(found: np.ndarray, wanted: np.ndarray, steps: int, what: str, scale: float = 1) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-5 * steps, atol=1e-7 * steps * scale, err_msg=what)


def part_of(kind: str, tables: Any, name: str) -> np.ndarray:
    table = np.split(tables.state, 3, axis=1)[1 if kind == "first" else 2]
    rows = table[: tables.items] if "user" in name else table[tables.items :]
    return rows[:, tables.factors : tables.factors + 1] if "bias" in name else rows[:, : tables.factors]


def used(rule: str, kind: str) -> bool:
    return not (kind == "second" and rule == "sgd") and not (kind == "first" and rule == "adagrad")


CASES = {
    "optimizer": strategies.sampled_from(sorted(OPTIMIZERS)),
    "decay": strategies.sampled_from([0.0, 0.1]),
    "schedule": strategies.sampled_from(SCHEDULES),
    "factors": strategies.integers(1, 17),
    "bias": strategies.booleans(),
    "y_range": strategies.sampled_from([None, [0, 5.5]]),
    "batch_size": strategies.sampled_from([25, 40, 300]),
    "clip": strategies.sampled_from([None, 0.05, 5.0]),
    "steps": strategies.sampled_from([1, 1, 3]),
    "seeds": strategies.sampled_from([[0], [1, 2], [3, 0, 2]]),
}


def follows(
    optimizer: str,
    decay: float,
    schedule: dict[str, Any] | None,
    factors: int,
    bias: bool,
    y_range: list[float] | None,
    batch_size: int,
    clip: float | None,
    steps: int,
    seeds: list[int],
) -> None:
    """Seeds are of unequal size, end with short batches, and rest while others still step."""
    trainer = {"batch_size": batch_size, "gradient_clip_val": clip, "steps_per_chunk": steps, "max_epochs": 2}
    parts = {
        "optimizer": OPTIMIZERS[optimizer] | {"weight_decay": decay},
        "schedule": schedule,
        "model": {"factors": factors, "bias": bias, "y_range": y_range},
    }
    leader = Leader()
    wanted = train(settings("torch", trainer, **parts), seeds, [leader])
    found = train(settings("compiled", trainer, **parts), seeds, [Follower(leader, steps)])
    assert len(leader.states) > 1
    for one, other in zip(wanted, found, strict=True):
        assert [point[:2] for point in one.curves] == [point[:2] for point in other.curves]
        np.testing.assert_allclose([p[2] for p in other.curves], [p[2] for p in one.curves], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_of_every_optimizer_is_that_of_pytorch(optimizer: str) -> None:
    follows(optimizer, 0.1, SCHEDULES[1], 10, True, [0, 5.5], 40, None, 1, [3, 0])


@pytest.mark.slow
def test_steps_are_those_of_pytorch_for_any_shape_and_setting(examine: Examine) -> None:
    examine(follows, **CASES)


# ---- rows without a gradient -----------------------------------------------------------------------------------------


@pytest.mark.slow  # since Numba is to be imported
@pytest.mark.parametrize(
    ("beta1", "beta2", "taken", "at_once"),
    [(0.9, 0.99, 500, 16), (0.95, 0.999, 2000, 32), (0.9, 0.99, 0, 6), (0.5, 0.8, 100, 1), (0.0, 0.99, 20, 8)],
)
def test_adam_moves_a_row_without_a_gradient_as_by_single_steps(
    beta1: float, beta2: float, taken: int, at_once: int
) -> None:
    """By one division for up to ``at_once`` steps, where their divisors differ little."""
    steps, rows = 50, 40
    draw = np.random.default_rng(0)
    tables = with_room(new_tables(rows // 2, rows // 2, 50, biased=True), 1)
    weights, first, second = np.split(tables.state, 3, axis=1)
    weights[:, :51] = draw.normal(0, 0.1, (rows, 51))
    first[:, :51] = draw.normal(0, 1, (rows, 51)) * 10.0 ** draw.integers(-6, 1, (rows, 51))
    second[:, :51] = 10.0 ** draw.uniform(-14, 0, (rows, 51)) * first[:, :51] ** 2
    rule = rule_of(FastaiAdam([torch.zeros(1)], betas=(beta1, beta2), eps=1e-5, weight_decay=0.1))
    assert isinstance(rule, Rule)
    lr, momentum = np.linspace(1e-2, 2e-3, steps), np.full(steps, np.nan)
    rates = new_rates(steps)
    for name, values in rule.rates(lr, momentum, taken).items():
        rates.steps[:, engine.COLUMNS[name]] = values
    engine.kernels.plan(rates)
    assert rates.reach.max() == at_once

    wanted, m, v = (part.astype(np.float64) for part in (weights, first, second))
    for step, rate in enumerate(lr):
        m, v = beta1 * m, beta2 * v
        root = np.sqrt(v / (1 - beta2 ** (taken + step + 1)))
        wanted = wanted * (1 - rate * 0.1) - rate / (1 - beta1 ** (taken + step + 1)) * m / (root + 1e-5)
    moved = np.abs(wanted - weights)
    engine.kernels.finish(engine.kernels.ADAM, tables, rates, 0, 1)
    assert (np.abs(weights - wanted) <= 1e-7 + 3e-7 * np.abs(wanted) + 2e-6 * moved).all()
    np.testing.assert_allclose(first, m, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(second, v, rtol=1e-5, atol=1e-30)


# ---- neighbours, threads, chunks -------------------------------------------------------------------------------------


def same(one: SeedResult, other: SeedResult) -> None:
    """To the last bit."""
    assert one.curves == other.curves
    for name, weight in one.weights.items():
        assert torch.equal(weight, other.weights[name]), name


@pytest.mark.slow
def test_a_seed_alone_is_itself_among_ten() -> None:
    given = settings("compiled", {}, optimizer=FASTAI | {"weight_decay": 0.1}, model={"y_range": [0, 5.5]})
    among = train(given, range(10))
    for seed in (0, 7):
        (alone,) = train(given, [seed])
        same(alone, among[seed])


@pytest.mark.slow
def test_threads_that_share_a_step_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings("compiled", {"gradient_clip_val": 0.1}, model={"y_range": [0, 5.5]})
    (alone,) = train(given, [1])
    monkeypatch.setattr(engine, "SHARED_FROM", 0)
    monkeypatch.setattr(engine, "own_cores", lambda: 3)
    shared: list[int] = []
    each = engine.CompiledEngine._each

    def counted(self: Any, parts: int, *arguments: Any) -> None:
        shared.append(parts)
        each(self, parts, *arguments)

    monkeypatch.setattr(engine.CompiledEngine, "_each", counted)
    (by_three,) = train(given, [1])
    assert set(shared) == {3}
    same(alone, by_three)


def diverging(engine: str) -> list[SeedResult]:
    """Seed 1 trains on a rating beyond all others."""
    draw = np.random.default_rng(1)
    ratings = draw.integers(1, 6, 120).astype(float).tolist()
    ratings[0] = 1e25
    table = table_of(draw.integers(1, 9, 120).tolist(), draw.integers(1, 9, 120).tolist(), ratings)
    order = np.arange(1, 120)
    parts = [order[:80], np.arange(80), order[10:90]]
    data = [
        Rating.seed_data(table, Rows(train, order[90:], order[100:]), Strategy(), seed)
        for seed, train in enumerate(parts)
    ]
    given = settings(engine, {"batch_size": 16}, optimizer=OPTIMIZERS["sgd"], schedule=None)
    return StackTrainer(given, table).train(data)


@pytest.mark.slow
def test_a_seed_diverges_as_under_pytorch_and_leaves_the_others_alone() -> None:
    wanted, found = diverging("torch"), diverging("compiled")
    assert [result.outcome for result in found] == [result.outcome for result in wanted] == ["ok", "diverged", "ok"]
    for one, other in zip(wanted, found, strict=True):
        assert [point[:2] for point in one.curves] == [point[:2] for point in other.curves]
        for name, weight in one.weights.items():
            torch.testing.assert_close(other.weights[name], weight, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("limits", [{"max_steps": 7}, {"limit_train_batches": 3}])
def test_limits_and_patience_hold_as_under_pytorch(limits: dict[str, int]) -> None:
    """And who observes the fit sees the same steps, rates and weights."""

    def watched(engine: str) -> tuple[list[SeedResult], list[tuple[int, list[float], float]]]:
        seen: list[tuple[int, list[float], float]] = []

        class Watch(pl.Callback):
            def on_train_batch_end(self, trainer: pl.Trainer, module: Any, *_: Any) -> None:
                groups = trainer.optimizers[0].param_groups
                weights = sum(float(weight.detach().double().sum()) for weight in module.network.parameters())
                seen.append((trainer.global_step, sorted(group["lr"] for group in groups), weights))

        return train(settings(engine, {"steps_per_chunk": 2, **limits}, patience=1), [0, 3], [Watch()]), seen

    (wanted, then), (found, now) = watched("torch"), watched("compiled")
    for one, other in zip(wanted, found, strict=True):
        assert [point[:2] for point in one.curves] == [point[:2] for point in other.curves]
        np.testing.assert_allclose([p[2] for p in other.curves], [p[2] for p in one.curves], rtol=1e-4)
    assert [at for at, _, _ in now] == [at for at, _, _ in then]
    for (_, rates, weights), (_, other_rates, other_weights) in zip(then, now, strict=True):
        assert set(other_rates) == set(rates)
        assert other_weights == pytest.approx(weights, rel=1e-4)

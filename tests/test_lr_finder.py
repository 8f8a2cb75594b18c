"""Range tests: their rates, curves and rules, and that a stack of any task goes through one as each seed does alone."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.tuner import Tuner
from torch import nn
from torch.utils.data import DataLoader

from seedbed.data.network_inputs import NetworkInputs, Pictures, Words
from seedbed.data.table import Dataset
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Resampled, Strategy
from seedbed.lr_finder import FinderSettings, LossCurve, RangeTest, Suggested, mean_curve, smoothed_as_lightning
from seedbed.randomness import derive
from seedbed.stacking.callbacks import RangeWatch
from seedbed.tasks.classification import LabelledRows
from seedbed.tasks.cold_start import ColdStart
from seedbed.tasks.matrix import RatingMatrix
from seedbed.tasks.rating import Rating
from seedbed.tasks.retrieval import Retrieval
from seedbed.training.range_tests import range_test
from seedbed.training.stack_size import seeds_at_once
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking import test_against_reference as clouds
from tests.tasks import test_cold_start as cold
from tests.tasks import test_matrix as matrix
from tests.tasks import test_rating as rating
from tests.tasks import test_retrieval as retrieval

SETTINGS = FinderSettings(
    rule="valley", min_lr=1e-4, max_lr=10.0, steps=40, spacing="exponential", smoothing=0.9, stop_at=4.0, fallback=1e-3
)
SGD = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 1e-2, "momentum": 0.9}


# ---- rates, curves and settings --------------------------------------------------------------------------------------


def test_rates_hold_both_ends_and_rise_by_one_factor_or_one_distance() -> None:
    rates = replace(SETTINGS, min_lr=1e-8, max_lr=1.0, steps=101).rates()
    assert (len(rates), rates[0], rates[-1]) == (101, pytest.approx(1e-8), 1.0)
    assert rates[1:] / rates[:-1] == pytest.approx(np.full(100, 10**0.08))
    published = replace(SETTINGS, min_lr=1e-6, max_lr=3.0, steps=351, spacing="linear").rates()
    assert (len(published), published[0], published[-1]) == (351, 1e-6, 3.0)
    assert np.diff(published) == pytest.approx(np.full(350, (3 - 1e-6) / 350))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rule": "valey"}, "did you mean 'valley'"),
        ({"min_lr": 0}, r"lr_finder\.min_lr=0 "),
        ({"max_lr": 1e-4}, r"lr_finder\.max_lr=0\.0001 .*above lr_finder\.min_lr=0\.0001"),
        ({"steps": 1}, r"lr_finder\.steps=1 "),
        ({"steps": 2.5}, r"lr_finder\.steps=2\.5 "),
        ({"spacing": "log"}, r"lr_finder\.spacing=log"),
        ({"smoothing": 1}, r"lr_finder\.smoothing=1 "),
        ({"stop_at": 1}, r"lr_finder\.stop_at=1 "),
        ({"fallback": "auto"}, r"lr_finder\.fallback=auto "),
        ({"smothing": 0.5}, r"lr_finder\.smothing: .*did you mean 'smoothing'"),
    ],
)
def test_bad_settings_are_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        FinderSettings.of({"lr_finder": vars(SETTINGS) | change})


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ConfigError, match=r"lr_finder\.rule is missing"):
        FinderSettings.of({"lr_finder": {key: value for key, value in vars(SETTINGS).items() if key != "rule"}})
    with pytest.raises(ConfigError, match="lr_finder=null"):
        FinderSettings.of({})


def curve_of(losses: Sequence[float], settings: FinderSettings = SETTINGS) -> LossCurve:
    curve = LossCurve(settings.smoothing, settings.stop_at)
    for loss in losses:
        curve.add(loss)
    return curve


def test_smoothed_losses_are_means_whose_weights_add_up_to_1() -> None:
    losses = [3.0, 1.0, 2.0, 5.0]
    expected = []
    for count in range(1, 5):
        weights = 0.9 ** np.arange(count)[::-1]
        expected.append(float((weights * losses[:count]).sum() / weights.sum()))
    assert curve_of(losses).smoothed == pytest.approx(expected)
    assert curve_of(losses, replace(SETTINGS, smoothing=0.0)).smoothed == losses


def test_a_curve_has_diverged_above_a_multiple_of_its_lowest_or_where_it_is_not_finite() -> None:
    plain = replace(SETTINGS, smoothing=0.0)
    assert not curve_of([1.0, 0.5, 2.0], plain).diverged
    assert curve_of([1.0, 0.5, 2.01], plain).diverged
    assert not curve_of([1.0, 0.5, 2.01], replace(plain, stop_at=None)).diverged
    assert not curve_of([-2.0, -1.0], plain).diverged
    infinite = curve_of([1.0, math.inf], replace(plain, stop_at=None))
    assert (infinite.diverged, infinite.steps, infinite.losses) == (True, 2, [1.0])
    test = RangeTest.of(0, plain, infinite)
    assert test.diverged_at == plain.rates()[1]
    assert test.rates.tolist() == plain.rates()[:1].tolist()


# ---- rules -----------------------------------------------------------------------------------------------------------


def made_up(smoothed: Sequence[float], steps: int = 100) -> RangeTest:
    settings = replace(SETTINGS, min_lr=1e-8, max_lr=1.0, steps=steps)
    values = np.array(smoothed, dtype=float)
    return RangeTest(0, settings, settings.rates()[: len(values)], values, values, None)


FLAT_THEN_DOWN_THEN_UP = [2.0] * 40 + [2 - 0.05 * step for step in range(1, 31)] + [0.5 + 0.2 * step for step in range(30)]  # fmt: skip


def test_valley_is_the_middle_of_the_longest_descent() -> None:
    """The descent goes from point 39 to 69: 31 points, of which a third and a sixth are 15."""
    test = made_up(FLAT_THEN_DOWN_THEN_UP)
    assert test.suggestion("valley") == test.rates[69 - 31 + 15]
    # A single loss within the descent that is too high breaks it nowhere; a short steep descent is not the longest.
    bumpy = FLAT_THEN_DOWN_THEN_UP.copy()
    bumpy[50] = 1.9
    assert made_up(bumpy).suggestion("valley") == test.rates[69 - 30 + 15]
    steep = FLAT_THEN_DOWN_THEN_UP.copy()
    steep[20:25] = [1.2, 1.0, 0.8, 0.6, 0.4]
    assert made_up(steep).suggestion("valley") == test.rates[69 - 31 + 15]


def test_valley_of_a_descent_of_two_points_at_the_beginning() -> None:
    """Two points before its end would be no point at all."""
    test = made_up([1.0, 1.0, 0.5, *[0.5] * 16], steps=19)
    assert test.suggestion("valley") == test.rates[1]  # the first that is left
    few = made_up([1.0, 0.5, *[0.5] * 7], steps=9)
    assert few.suggestion("valley") is None  # four points are left: any of them would be a guess


def test_minimum_is_a_tenth_of_the_rate_of_the_lowest_loss() -> None:
    test = made_up(FLAT_THEN_DOWN_THEN_UP)
    assert test.suggestion("minimum") == pytest.approx(test.rates[69] / 10)
    # A first loss that is low by chance, and the ragged end, are left out.
    noisy = [0.1, *FLAT_THEN_DOWN_THEN_UP[1:-1], 0.1]
    assert made_up(noisy).suggestion("minimum") == pytest.approx(test.rates[69] / 10)


@pytest.mark.parametrize("rule", ["valley", "steepest", "minimum"])
def test_no_rate_is_suggested_by_few_points_or_a_loss_that_does_not_fall(rule: str) -> None:
    for losses in ([], [1.0], np.linspace(2, 1, 11), np.ones(100), np.linspace(1, 2, 100)):
        assert made_up(losses).suggestion(rule) is None


def test_what_rules_suggest_to_several_seeds() -> None:
    tests = [made_up(FLAT_THEN_DOWN_THEN_UP), made_up(np.ones(100)), made_up(FLAT_THEN_DOWN_THEN_UP[:80])]
    found = Suggested.by("minimum", tests)
    assert found.rates == (tests[0].suggestion("minimum"), tests[2].suggestion("minimum"))
    assert Suggested((1e-4, 1e-2)).mean == pytest.approx(1e-3)
    assert Suggested(()).mean is None
    rates, means = mean_curve(tests)
    assert len(rates) == len(means) == 80
    assert means[69] == pytest.approx((0.5 + 1 + 0.5) / 3)


# ---- stacks ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One task: a config, its table, and the data of some seeds."""

    settings: dict[str, Any]
    table: Dataset
    data: Callable[[Sequence[int]], list[Any]]

    def trainer(self, finder: FinderSettings = SETTINGS, **changes: Any) -> StackTrainer:
        return StackTrainer(self.settings | {"lr_finder": vars(finder)} | changes, self.table)


def short_and_long(seeds: Sequence[int]) -> list[LabelledRows]:
    """Seed 1 has two batches an epoch, the others six: it rests while they go on."""
    data = clouds.data_of(list(seeds))
    return [replace(item, resampled=Resampled(source=np.arange(20))) if item.seed == 1 else item for item in data]


DROPOUT = clouds.config()["model"] | {"dropout": 0.3}
CASES = {
    "classification": Case(clouds.config(model=DROPOUT, optimizer=SGD, gradient_clip_val=0.5, max_epochs=2),
                           clouds.TABLE, short_and_long),
    "rating": Case(rating.config(rating.DOT), rating.TABLE,
                   lambda seeds: [Rating.seed_data(rating.TABLE, rating.rows_of(seed), Strategy(), seed) for seed in seeds]),
    "retrieval": Case(retrieval.settings(retrieval.TOWERS, loss="bpr"), rating.TABLE,
                      lambda seeds: [Retrieval.seed_data(rating.TABLE, rating.rows_of(seed), Strategy(), seed) for seed in seeds]),
    "matrix": Case(matrix.config("rated"), matrix.MATRIX,
                   lambda seeds: [RatingMatrix.seed_data(matrix.MATRIX, matrix.rows_in(seed), Strategy(), seed) for seed in seeds]),
    "cold start": Case(cold.settings_of(), cold.TABLE,
                       lambda seeds: [ColdStart.seed_data(cold.TABLE, cold.SPLITS["user"].rows(cold.TABLE, seed), Strategy(), seed) for seed in seeds]),
}  # fmt: skip
CLASSIFICATION = CASES["classification"]


def with_inputs(features: np.ndarray, inputs: NetworkInputs, model: dict[str, Any]) -> Case:
    """The rows and labels of ``CLASSIFICATION``, with other features."""
    table = replace(clouds.TABLE, features=features, of_features=inputs)
    settings = clouds.config(model={**model, "_partial_": True}, optimizer=SGD, max_epochs=2)
    return Case(settings, table, lambda seeds: clouds.data_of(list(seeds)))


ROWS = len(clouds.TABLE.labels)
CASES["pictures"] = with_inputs(
    np.random.default_rng(1).integers(0, 256, (ROWS, 1, 16, 16), dtype=np.uint8),
    Pictures(1, 16, 16),
    {"_target_": "seedbed.models.lenet.lenet"},
)
CASES["words"] = with_inputs(
    Words(9, 5).example(ROWS, torch.Generator().manual_seed(1)).numpy(),
    Words(9, 5),
    {"_target_": "seedbed.models.recurrent.Recurrent", "embedding": 3, "hidden": 4, "cell": "gru"},
)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.mark.slow
def test_a_stacked_seed_goes_through_the_test_as_it_does_alone(case: Case) -> None:
    """With rest at the end of a short epoch, several epochs, and seeds that diverge at other rates than others."""
    trainer = case.trainer()
    together = range_test(trainer.builder, case.data([0, 1, 2]))
    assert [test.seed for test in together] == [0, 1, 2]
    for seed, stacked in list(enumerate(together))[1:]:
        (alone,) = range_test(trainer.builder, case.data([seed]))
        assert len(stacked.losses) == len(alone.losses) >= 12
        np.testing.assert_allclose(stacked.losses, alone.losses, rtol=1e-6)
        assert stacked.diverged_at == alone.diverged_at
        assert stacked.suggestion("valley") == alone.suggestion("valley")


@pytest.mark.slow
def test_a_stacked_seed_takes_as_many_steps_as_it_does_alone(case: Case) -> None:
    """Under limits of the batches of an epoch, and of the steps of all, whatever the task's batches are."""
    limits = {"max_epochs": 4, "limit_train_batches": 3, "max_steps": 7, "steps_per_chunk": 2}
    trainer = case.trainer(trainer=case.settings["trainer"] | limits)
    for seed, stacked in list(enumerate(trainer.train(case.data([0, 1, 2]))))[1:]:
        (alone,) = trainer.train(case.data([seed]))
        assert [point[:2] for point in stacked.curves] == [point[:2] for point in alone.curves]
        assert stacked.epoch == (3 if case is CLASSIFICATION and seed == 1 else 2)
        np.testing.assert_allclose([p[2] for p in stacked.curves], [p[2] for p in alone.curves], rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_some_seeds_diverge_and_the_others_go_on() -> None:
    tests = range_test(CLASSIFICATION.trainer(replace(SETTINGS, stop_at=1.5)).builder, CLASSIFICATION.data(range(4)))
    lengths = [len(test.losses) for test in tests]
    assert len(set(lengths)) > 1
    for test in tests:
        within = test.smoothed[1:-1] <= 1.5 * np.minimum.accumulate(test.smoothed)[:-2]
        assert within.all()
        assert (test.diverged_at is None) == (len(test.losses) == 40)
        assert test.diverged_at in (None, test.rates[-1])


def test_no_seed_is_left_when_all_have_diverged() -> None:
    """Rates at which the first step ends everything: the second loss is no number, and no third is asked for."""
    hopeless = replace(SETTINGS, min_lr=1e300, max_lr=1e307)
    tests = range_test(CLASSIFICATION.trainer(hopeless).builder, CLASSIFICATION.data([0, 2]))
    assert all(len(test.losses) < 4 and test.diverged_at is not None for test in tests)


@pytest.fixture
def streams() -> Callable[[], tuple[Any, ...]]:
    """The state of every global stream."""

    def states() -> tuple[Any, ...]:
        of_numpy = np.random.get_state()  # noqa: NPY002
        return torch.get_rng_state().tolist(), *map(str, of_numpy), random.getstate()

    return states


@pytest.mark.slow
def test_nothing_is_left_of_it(
    case: Case,
    streams: Callable[[], tuple[Any, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Random streams, files, and the weights of a training after it; once it goes to its end, once it fails in a step."""
    monkeypatch.chdir(tmp_path)
    untouched = case.trainer().train(case.data([0, 2]))
    trainer, data, before = case.trainer(), case.data([0, 2]), streams()
    range_test(trainer.builder, data)
    assert streams() == before
    with monkeypatch.context() as patched:
        stop_in_third_step(patched)
        with pytest.raises(OSError, match="in the third step"):
            range_test(trainer.builder, data)
    assert streams() == before
    for result, expected in zip(trainer.train(data), untouched, strict=True):
        assert result.curves == expected.curves
        assert all(torch.equal(result.weights[name], value) for name, value in expected.weights.items())
    assert list(tmp_path.iterdir()) == []


def stop_in_third_step(monkeypatch: pytest.MonkeyPatch) -> None:
    original, steps = RangeWatch.on_train_batch_end, []

    def failing(self: RangeWatch, *arguments: Any) -> None:
        original(self, *arguments)
        random.random(), np.random.rand()  # noqa: NPY002
        steps.append(1)
        if len(steps) == 3:
            raise OSError("in the third step")

    monkeypatch.setattr(RangeWatch, "on_train_batch_end", failing)


def test_a_model_that_takes_no_steps_is_refused() -> None:
    popular = {"_target_": "seedbed.models.baselines.Popular", "_partial_": True}
    trainer = replace(CASES["retrieval"], settings=CASES["retrieval"].settings | {"model": popular}).trainer()
    with pytest.raises(ConfigError, match=r"model: seedbed\.models\.baselines\.Popular .*takes no steps"):
        range_test(trainer.builder, CASES["retrieval"].data([0]))


class Plain(nn.Module):
    """A network without a stacked form, whose dropout draws from the global stream."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(in_features, 8), nn.Dropout(0.3), nn.Linear(8, out_features))

    def forward(self, x: torch.Tensor) -> Any:
        return self.layers(x)


@pytest.mark.slow
def test_a_network_without_a_stacked_form_takes_its_turn(streams: Callable[[], tuple[Any, ...]]) -> None:
    own = CLASSIFICATION.settings | {"model": {"_target_": f"{__name__}.Plain", "_partial_": True}}
    trainer = replace(CLASSIFICATION, settings=own).trainer()
    data, before = CLASSIFICATION.data([2, 3]), streams()
    assert seeds_at_once(trainer.builder, data) == 1
    first = [range_test(trainer.builder, [item])[0] for item in data]
    assert streams() == before
    for test, item in zip(first, data, strict=True):
        assert range_test(trainer.builder, [item])[0].losses.tolist() == test.losses.tolist()


# ---- beside Lightning ------------------------------------------------------------------------------------------------

STEPS = 60


class Ordinary(pl.LightningModule):
    """The same network, batches and optimizer as seed 3's, and a record of its losses."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.lr, self.losses = clouds.plain_network(3, torch.float64), 1e-3, list[float]()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.lr, momentum=0.9)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(list(batches_of_seed_3()), batch_size=None)  # type: ignore[arg-type]

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
        loss = nn.functional.cross_entropy(self.network(batch[0]), batch[1])
        self.losses.append(loss.item())
        return loss


def batches_of_seed_3() -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Of as many epochs as the test needs, one after the other."""
    features, labels = torch.from_numpy(clouds.TABLE.features).double(), torch.from_numpy(clouds.TABLE.labels)
    train = torch.from_numpy(clouds.rows_of(3).train)
    for epoch in range(STEPS):
        order = train[torch.randperm(len(train), generator=torch.Generator().manual_seed(derive(3, "order", epoch)))]
        for batch in order.split(16):
            yield features[batch], labels[batch]


@pytest.mark.parametrize(("max_lr", "diverges"), [(1.0, False), (1e4, True)])
def test_losses_and_the_steepest_rate_are_lightnings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, max_lr: float, diverges: bool
) -> None:
    """Lightning's own finder on the same network and batches; at its rates, since its second is not ours."""
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, default_root_dir=tmp_path, max_epochs=1,
    )  # fmt: skip
    ordinary = Ordinary()
    theirs = Tuner(trainer).lr_find(ordinary, min_lr=1e-6, max_lr=max_lr, num_training=STEPS, update_attr=False)
    assert theirs is not None
    lr = np.array(theirs.results["lr"])
    settings = replace(SETTINGS, min_lr=1e-6, max_lr=max_lr, steps=STEPS, smoothing=0.98)
    same = Case(clouds.config(optimizer=SGD), clouds.TABLE, clouds.data_of)
    assert settings.rates()[0] == pytest.approx(lr[0])
    assert settings.rates()[1] < lr[1] == pytest.approx(1e-6 * (max_lr / 1e-6) ** (2 / STEPS))

    # Theirs ends at the first step above the bound, too, but its smoothed losses are lower at first.
    of_theirs = np.append(lr, np.full(STEPS - len(lr), lr[-1]))
    monkeypatch.setattr(FinderSettings, "rates", lambda _: of_theirs)
    (ours,) = range_test(same.trainer(replace(settings, stop_at=None)).builder, clouds.data_of([3]))
    assert (len(lr) < STEPS) == diverges
    ours = RangeTest.of(3, settings, curve_of(ours.losses[: len(lr)].tolist(), replace(settings, stop_at=None)))
    np.testing.assert_allclose(ours.losses, ordinary.losses, rtol=1e-9)
    np.testing.assert_allclose(smoothed_as_lightning(ours), theirs.results["loss"], rtol=1e-9)
    assert theirs.results["loss"][0] == pytest.approx(ours.losses[0] / 1.98)
    assert ours.smoothed[0] == ours.losses[0]
    assert ours.suggestion("steepest") == theirs.suggestion() is not None
    assert list(tmp_path.iterdir()) == []


# ---- optimizer.lr=auto -----------------------------------------------------------------------------------------------


class Rates(pl.Callback):
    """Each seed's rate at every step, NaN where it rests, and how many steps were taken before the first."""

    def __init__(self) -> None:
        self.rates: list[list[float]] = []
        self.steps_before: int | None = None

    def on_train_batch_start(self, trainer: pl.Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        if self.steps_before is None:
            self.steps_before = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        groups = module.seed_optimizer.optimizer.param_groups
        by_seed = {group.get("seed"): group["lr"] for group in groups}
        by_position = [by_seed.get(position, groups[0]["lr"]) for position in range(module.seeds)]
        rests = batch.host_counts[0] == 0
        self.rates.append([math.nan if rests[position] else lr for position, lr in enumerate(by_position)])


def auto(case: Case, **changes: Any) -> StackTrainer:
    optimizer = case.settings["optimizer"] | {"lr": "auto"}
    steps = case.settings["trainer"] | {"steps_per_chunk": 1}
    return case.trainer(**{"optimizer": optimizer, "trainer": steps} | changes)


@pytest.mark.slow
def test_each_seed_steps_with_the_rate_that_it_found(case: Case) -> None:
    trainer, data, watch = auto(case, schedule=None), case.data([0, 2]), Rates()
    found = [range_test(trainer.builder, [item])[0].suggestion("valley") for item in data]
    results = trainer.train(data, callbacks=[watch])
    assert watch.steps_before == 0
    assert len(set(found)) == 2 or case is not CLASSIFICATION
    assert [result.found_rate.lr for result in results if result.found_rate] == found
    assert [result.metrics["lr"] for result in results] == found
    rates = np.array(watch.rates)
    assert ((rates == found) | np.isnan(rates)).all()
    assert (rates[0] == found).all()


@pytest.mark.slow
def test_a_found_rate_is_the_peak_of_a_schedule_and_a_seed_takes_it_in_a_stack_as_it_does_alone() -> None:
    schedule = {"_target_": "seedbed.schedules.OneCycle", "pct_start": 0.5, "moms": None}
    trainer, watch = auto(CLASSIFICATION, schedule=schedule), Rates()
    together = trainer.train(CLASSIFICATION.data([1, 2]), callbacks=[watch])
    peaks = [result.found_rate.lr for result in together if result.found_rate]
    assert peaks[0] != peaks[1]
    assert watch.rates[0] == pytest.approx([peak / 25 for peak in peaks])
    assert np.nanmax(watch.rates, axis=0) == pytest.approx(peaks)
    for seed, stacked in zip((1, 2), together, strict=True):
        (alone,) = trainer.train(CLASSIFICATION.data([seed]))
        assert stacked.found_rate is not None
        assert alone.found_rate is not None
        assert stacked.found_rate.lr == alone.found_rate.lr
        np.testing.assert_allclose([p[2] for p in stacked.curves], [p[2] for p in alone.curves], rtol=1e-6)


@pytest.mark.slow
def test_a_found_rate_does_what_the_same_number_does() -> None:
    (found,) = auto(CLASSIFICATION).train(CLASSIFICATION.data([2]))
    assert found.found_rate is not None
    number = CLASSIFICATION.settings["optimizer"] | {"lr": found.found_rate.lr}
    (typed,) = auto(CLASSIFICATION, optimizer=number).train(CLASSIFICATION.data([2]))
    assert typed.found_rate is None
    assert found.curves == typed.curves
    assert "lr" not in typed.metrics


@pytest.mark.slow
def test_a_limit_of_steps_is_none_of_the_range_test() -> None:
    (found,) = auto(CLASSIFICATION).train(CLASSIFICATION.data([2]))
    limited = CLASSIFICATION.settings["trainer"] | {"steps_per_chunk": 1, "max_steps": 3}
    (short,) = auto(CLASSIFICATION, trainer=limited).train(CLASSIFICATION.data([2]))
    assert short.found_rate is not None
    assert found.found_rate is not None
    assert short.found_rate.lr == found.found_rate.lr
    assert short.epoch < found.epoch


def test_a_seed_whose_test_suggests_nothing_takes_the_fallback_and_says_so() -> None:
    few = vars(replace(SETTINGS, steps=5, fallback=0.02))
    watch = Rates()
    (result,) = auto(CLASSIFICATION, lr_finder=few).train(CLASSIFICATION.data([2]), callbacks=[watch])
    assert result.found_rate is not None
    assert (result.found_rate.lr, watch.rates[0]) == (0.02, [0.02])
    assert "rule valley finds no rate in 5 points" in result.found_rate.why_fallback


@pytest.mark.parametrize(
    "schedule",
    [
        {"_target_": "seedbed.schedules.Phases", "phases": [[0.1, 2]]},
        {"_target_": "seedbed.schedules.Cyclic", "step_size": 1, "min_lr": 1e-6, "max_lr": 0.3},
        {"_target_": "seedbed.schedules.Triangle", "up": 1, "min_lr": 1e-6, "max_lr": 0.3},
    ],
)
def test_a_schedule_with_rates_of_its_own_is_refused_beside_auto(schedule: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigError, match=r"optimizer\.lr=auto: schedule\.(phases|max_lr) .*those found would not be used"
    ):
        auto(CLASSIFICATION, schedule=schedule)
    if "max_lr" in schedule:
        auto(CLASSIFICATION, schedule=schedule | {"max_lr": None})

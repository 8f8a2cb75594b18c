"""Convolutional networks that are stacked give what each gives alone, on a CPU and in the form for a GPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seedbed
from seedbed.data.splits import GroupStratifiedSplit, Rows
from seedbed.data.table import Progress, Table
from seedbed.errors import ConfigError
from seedbed.imbalance.base import Resampled, Strategy
from seedbed.randomness import derive
from seedbed.stacking import Stackable
from seedbed.stacking.convolution import StackedConvolution
from seedbed.stacking.layers import StackedDropout, StackedNetwork, build, stack
from seedbed.tasks.classification import Classification, LabelledRows
from seedbed.training.seed_results import SeedResult
from seedbed.training.stack_trainer import StackTrainer
from tests.stacking.reference import PlainRun, made_up_pictures, plain_loop
from tests.stacking.test_against_reference import config, curve

TABLE = made_up_pictures()
SEEDS = [4, 9]


def pictures() -> nn.Sequential:
    """All that a convolution over pictures can be told."""
    return nn.Sequential(
        nn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(2, stride=1, padding=1),
        nn.Conv2d(4, 6, 3, padding="same", dilation=2, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
        nn.AvgPool2d(2, ceil_mode=True), nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(), nn.Linear(36, 3),
    )  # fmt: skip


def signals() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, stride=2, padding=1), nn.BatchNorm1d(4, affine=False), nn.Tanh(), nn.MaxPool1d(2),
        nn.Conv1d(4, 4, 2, groups=4), nn.AdaptiveAvgPool1d(3), nn.AvgPool1d(2), nn.Flatten(start_dim=1),
        nn.Linear(4, 3),
    )  # fmt: skip


@pytest.fixture(params=["one_by_one", "grouped"])
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both forms of a stacked convolution, of which a CPU would take the first."""
    monkeypatch.setattr(StackedConvolution, "forward", getattr(StackedConvolution, f"_{request.param}"))
    return str(request.param)


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(("make", "shape"), [(pictures, (2, 9, 8)), (signals, (2, 21))], ids=["pictures", "signals"])
def test_outputs_gradients_and_statistics_are_those_of_the_networks_alone(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    """Also where batches are padded and a seed rests: padding enters no statistics, and those of the seed stay."""
    sizes = [[6, 6, 4], [6, 3, 0]]  # real rows of each seed in each step
    together = build(make, SEEDS)
    assert isinstance(together, StackedNetwork)
    draw = torch.Generator().manual_seed(1)
    batches = [torch.randn(2, 6, *shape, generator=draw) for _ in range(3)]
    alone = [build(make, [seed], plain=True) for seed in SEEDS]
    for step, x in enumerate(batches):
        rows = torch.tensor([of_seed[step] for of_seed in sizes])
        real = torch.arange(6) < rows.unsqueeze(1)
        together.set_step(None if (rows > 0).all() else rows > 0, None if real.all() else real)
        together.clear_gradients()
        found = together(x)
        torch.where(real.unsqueeze(-1), found, 0).square().sum().backward()
        for position, network in enumerate(alone):
            count = sizes[position][step]
            if not count:
                continue
            assert network is not None
            network.clear_gradients()
            expected = network(x[position : position + 1, :count])
            torch.testing.assert_close(found[position, :count], expected[0], rtol=1e-4, atol=1e-5)
            expected.square().sum().backward()
            for ours, own in zip(together.parameters(), network.parameters(), strict=True):
                assert ours.grad is not None
                assert own.grad is not None
                ours_of_seed = ours.grad[position]
                torch.testing.assert_close(
                    ours_of_seed if ours_of_seed.shape == own.shape else ours_of_seed.T, own.grad, rtol=1e-3, atol=1e-4
                )
    for position, network in enumerate(alone):
        assert network is not None
        plain = make()
        plain.load_state_dict(together.plain_state(position))
        for name, value in network.plain_state(0).items():
            torch.testing.assert_close(plain.state_dict()[name], value, rtol=1e-4, atol=1e-5)
        x = batches[0][position : position + 1]
        torch.testing.assert_close(
            together.eval()(x.expand(2, *x.shape[1:]))[position], plain.eval()(x[0]), rtol=1e-4, atol=1e-5
        )


def small(channels: int, height: int, width: int, out_features: int, *, dropout: float = 0.0) -> nn.Sequential:
    """What a user would write, of layers of PyTorch's only."""
    return nn.Sequential(
        nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout2d(dropout), nn.Flatten(), nn.Dropout(dropout),
        nn.Linear(4 * ((height - 2) // 2) * ((width - 2) // 2), out_features),
    )  # fmt: skip


MODEL = {"_target_": f"{__name__}.small", "_partial_": True}
SGD = {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.05, "momentum": 0.9}


def data_of(seeds: list[int]) -> list[LabelledRows]:
    return [
        Classification.seed_data(TABLE, GroupStratifiedSplit().rows(TABLE, seed), Strategy(), seed) for seed in seeds
    ]


def train(data: list[LabelledRows], **changes: Any) -> dict[int, SeedResult]:
    trainer = StackTrainer(config(**{"model": MODEL, "optimizer": SGD, "max_epochs": 3, **changes}), TABLE)
    return {result.seed: result for result in trainer.train(data)}


def reference(item: LabelledRows) -> PlainRun:
    torch.manual_seed(derive(item.seed, "weights"))
    network = small(2, 9, 8, 2).double()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    rows = Rows(item.rows.train[item.resampled.source], item.rows.val, item.rows.test)
    return plain_loop(
        network, TABLE, rows, seed=item.seed, epochs=3, batch_size=16, optimizer=optimizer, dtype=torch.float64
    )


@pytest.mark.usefixtures("form")
def test_training_agrees_with_a_plain_loop_where_seeds_have_unequal_numbers_of_rows() -> None:
    """Seed 1 trains on 20 rows, seed 2 on all: other numbers of steps, and a last batch of another size."""
    data = data_of([1, 2])
    data[0] = LabelledRows(1, data[0].rows, Resampled(source=np.arange(20)))
    found = train(data)
    for item in data:
        expected = reference(item)
        assert curve(found[item.seed], "train/loss") == pytest.approx(expected.train_losses, abs=1e-8)
        assert curve(found[item.seed], "val/loss") == pytest.approx(expected.val_losses, abs=1e-8)
        for name, value in expected.network.state_dict().items():
            torch.testing.assert_close(found[item.seed].weights[name], value, atol=1e-8, rtol=0)


def test_the_stack_size_does_not_change_a_result() -> None:
    """Dropout included, whose masks are each seed's own."""
    data, model = data_of([0, 1, 2]), MODEL | {"dropout": 0.3}
    together = train(data, model=model)
    for item in data:
        alone = train([item], model=model)[item.seed]
        np.testing.assert_allclose([p[2] for p in alone.curves], [p[2] for p in together[item.seed].curves], atol=1e-9)


@pytest.mark.slow
def test_a_large_stack_evaluates_fewer_rows_at_once_which_changes_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    data, trainer = data_of([0, 1]), StackTrainer(config(model=MODEL, batch_size=4), TABLE)
    of_a_row = 4 * 2 * 9 * 8
    rows_at_once, found = [], []
    for limit in (2**23, 2 * 7 * of_a_row, of_a_row):
        monkeypatch.setattr("seedbed.training.stacks.EVALUATED_BYTES", limit)
        _, _, validation, test = trainer.builder.stack(data, torch.device("cpu"))
        assert validation.batch_size == test.batch_size
        rows_at_once.append(test.batch_size)
        found.append([result.metrics["test/loss"] for result in trainer.train(data)])
    assert rows_at_once == [1024, 7, 4]
    assert found[1] == pytest.approx(found[0], abs=1e-9)
    assert found[2] == pytest.approx(found[0], abs=1e-9)


def test_float32_pictures_agree_with_a_plain_loop() -> None:
    (item,) = data_of([3])
    found = train([item], precision="32-true")[3]
    assert curve(found, "train/loss") == pytest.approx(reference(item).train_losses, abs=1e-5)


def test_whole_channels_are_dropped() -> None:
    dropped = StackedDropout(0.5, SEEDS, "0", of_channels=True)(torch.ones(2, 50, 8, 3, 3))
    assert torch.equal(dropped, dropped[..., :1, :1].expand_as(dropped))
    shares = (dropped[..., 0, 0] == 0).float().mean((1, 2))
    assert ((shares - 0.5).abs() < 0.1).all()  # 400 channels: a standard deviation of 0.025
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(dropped[0], dropped[1])


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"),
        nn.MaxPool2d(2, return_indices=True),
        nn.Flatten(0),
        nn.BatchNorm2d(2, track_running_stats=False),
        nn.ConvTranspose2d(2, 2, 3),
    ],
)
def test_what_has_no_stacked_form_is_left_alone(layer: nn.Module) -> None:
    assert stack([nn.Sequential(layer), nn.Sequential(layer)], SEEDS) is None


class Residual(Stackable):
    """A block as users write it, whose forward counts axes from the end."""

    def __init__(self, channels: int, out_features: int) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(channels, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.second, self.last = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.Linear(4, out_features)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.first(x)))
        return self.last((x + self.second(x)).mean((-2, -1)))  # type: ignore[no-any-return]


class FlattensFromTheFront(Residual):
    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).flatten(1)[..., :4])  # type: ignore[no-any-return]


def test_a_forward_of_ones_own_counts_axes_from_the_end() -> None:
    data = data_of([0, 1])
    model = {"_target_": f"{__name__}.Residual", "_partial_": True}
    together = train(data, model=model)
    assert StackTrainer(config(model=model), TABLE).traits.is_stackable
    for item in data:
        alone = train([item], model=model)[item.seed]
        np.testing.assert_allclose([p[2] for p in alone.curves], [p[2] for p in together[item.seed].curves], atol=1e-9)
    with pytest.raises(ConfigError, match=r"FlattensFromTheFront.*torch\.nn\.Module"):
        StackTrainer(config(model={"_target_": f"{__name__}.FlattensFromTheFront", "_partial_": True}), TABLE)


class Patches:
    """The made-up pictures as a project's data set."""

    digest = TABLE.digest

    def load(self, progress: Progress | None = None) -> Table:
        return TABLE


EXPERIMENT = """
# @package _global_
defaults:
  - override /data: patches
  - override /model: small
  - override /task: classification
question: Are patches found?
seeds: 2
trainer: {max_epochs: 2, batch_size: 16, accelerator: cpu, seeds_at_once: 2}
tracking: {pictures: false}
variants:
  plain: []
  dropped: [model.dropout=0.2]
report: {metric: test/accuracy, baseline: plain}
"""


@pytest.mark.slow
def test_a_network_of_ones_own_runs_on_pictures(project: Path) -> None:
    (project / "model").mkdir()
    (project / "data" / "patches.yaml").write_text(f"_target_: {__name__}.Patches\n")
    (project / "model" / "small.yaml").write_text(f"_target_: {__name__}.small\n_partial_: true\ndropout: 0.0\n")
    (project / "experiments" / "patches.yaml").write_text(EXPERIMENT)
    outcome = seedbed.run("patches", config_dir=project)
    assert not outcome.failures
    assert outcome.trained == 4
    again = train(data_of([0]), optimizer={"_target_": "torch.optim.AdamW", "_partial_": True}, max_epochs=2,
                  precision="32-true")[0]  # fmt: skip
    tracked = outcome.results.values("plain", "test/loss")
    assert tracked[0] == pytest.approx(again.metrics["test/loss"], abs=1e-5)

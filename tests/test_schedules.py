"""Each schedule against its formula's published values, the program it comes from, and PyTorch's own schedulers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.image
import pytest
import torch
from click.shell_completion import ShellComplete
from click.testing import CliRunner
from omegaconf import OmegaConf
from torch.optim import lr_scheduler

from seedbed.cli.main import main
from seedbed.cli.schedule_preview import preview, table
from seedbed.config.building import build
from seedbed.errors import ConfigError
from seedbed.paths import resources
from seedbed.schedules import (
    Constant,
    CosineRestarts,
    Cyclic,
    LinearWarmup,
    OneCycle,
    Phases,
    Schedule,
    Triangle,
)
from seedbed.stacking.layers import build as build_stacked
from seedbed.stacking.optimizers import SeedOptimizer

CONFIGS = sorted((resources() / "conf" / "schedule").glob("*.yaml"))

# What fastai 2.8.12 sets before each of 14 batches: (learning rate, momentum). Made by
#     data = DataLoaders.from_dsets(TensorDataset(x, x), TensorDataset(x, x), bs=4)  # x = torch.zeros(28, 1)
#     learner = Learner(data, nn.Linear(1, 1), loss_func=nn.MSELoss(), lr=0.1)
#     learner.fit_one_cycle(2)
#     print(*zip(learner.recorder.hps["lr"], learner.recorder.hps["mom"]))
# It divides in 32 bits, hence the tolerance of the test.
FASTAI_ONE_CYCLE = [
    (0.004, 0.95),
    (0.02207249101661651, 0.9311744885243578),
    (0.06268100858539585, 0.8888739493902126),
    (0.09524650621643328, 0.8549515560245486),
    (0.09944154652622296, 0.8505584590583676),
    (0.09504849247544356, 0.8549515570401268),
    (0.08665272698974381, 0.863347406484321),
    (0.07500024864862766, 0.8750000013513858),
    (0.06112643022143862, 0.8888739585181465),
    (0.0462640375762221, 0.9037364997887758),
    (0.031733628132047, 0.9182670545384983),
    (0.018826326880508407, 0.9311744848643402),
    (0.00868897339899119, 0.9413119397204059),
    (0.002222339993940392, 0.9477786377924375),
]

# What fastai 0.7.0 sets: CosAnneal(None, nb=21, cycle_mult=2) of its sgdr.py, whose calc_lr(0.01) is asked with
# iteration = 0, 1, 2, ...; the steps around the warm part's end, the two restarts, and the middle of the second cycle.
FASTAI_COS_ANNEAL = {
    0: 0.0001,
    1: 0.0001,
    2: 0.009777864028930702,
    3: 0.009504844339512096,
    20: 5.584586887435739e-05,
    21: 0.01,
    22: 0.0099860189859059,
    42: 0.005,
    62: 1.3981014094099354e-05,
    63: 0.01,
    64: 0.009996503523941993,
}


def rates(schedule: Schedule, *, epochs: int, steps_per_epoch: int, lr: float) -> list[float]:
    steps = epochs * steps_per_epoch
    return [schedule.at(step, steps=steps, steps_per_epoch=steps_per_epoch, lr=lr)["lr"] for step in range(steps)]


def of_torch(make: Callable[[Any], Any], steps: int, lr: float) -> list[float]:
    """The rate that a scheduler of PyTorch sets for each step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)
    scheduler, found = make(optimizer), []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def close(values: list[float]) -> Any:
    return pytest.approx(values, rel=1e-9, abs=1e-12)


# ---- one cycle -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "rate", "momentum"),
    [
        (0, 2e-4, 0.95),
        (1, 2.000048511e-4, None),
        (781, 2.598793628e-3, 0.90002513),
        (1562, 4.999998787e-3, None),
        (1563, 4.99999986e-3, None),
        (3125, 3.7500125e-3, 0.875),
        (6249, 5.056146519e-8, None),
    ],
)
def test_one_cycle_has_the_values_of_fastais_formula(step: int, rate: float, momentum: float | None) -> None:
    """Five epochs of 1250 batches at 5e-3, by arithmetic; as many digits as are printed here."""
    found = OneCycle().at(step, steps=6250, steps_per_epoch=1250, lr=5e-3)
    assert found["lr"] == pytest.approx(rate, rel=1e-9)
    if momentum is not None:
        assert found["momentum"] == pytest.approx(momentum, rel=5e-9)


def test_one_cycle_is_fastais() -> None:
    found = [OneCycle().at(step, steps=14, steps_per_epoch=7, lr=0.1) for step in range(14)]
    assert [values["lr"] for values in found] == pytest.approx(
        [rate for rate, _ in FASTAI_ONE_CYCLE], rel=1e-6, abs=1e-8
    )
    assert [values["momentum"] for values in found] == pytest.approx([mom for _, mom in FASTAI_ONE_CYCLE], rel=1e-6)


def test_one_cycle_is_pytorchs_but_for_where_it_ends() -> None:
    """PyTorch reaches the peak and the end one step early, and its last rate is relative to the first."""
    steps, peak = 401, 100
    theirs = of_torch(
        lambda optimizer: lr_scheduler.OneCycleLR(
            optimizer, 0.1, steps, pct_start=(peak + 1) / steps, div_factor=25, final_div_factor=1e5 / 25
        ),
        steps,
        0.1,
    )
    # With its ends put where PyTorch's are, one step fewer and the peak at the same step, it is the same curve.
    ours = [
        replace(OneCycle(), pct_start=peak / (steps - 1)).at(step, steps=steps - 1, steps_per_epoch=1, lr=0.1)["lr"]
        for step in range(steps)
    ]
    assert ours == close(theirs)
    as_it_is = rates(OneCycle(), epochs=1, steps_per_epoch=steps, lr=0.1)
    assert max(abs(mine - other) for mine, other in zip(as_it_is, theirs, strict=True)) < 0.1 * 2 / peak
    assert as_it_is != close(theirs)


def test_one_cycle_can_leave_the_momentum_alone() -> None:
    assert OneCycle(moms=None).at(3, steps=10, steps_per_epoch=5, lr=1.0).keys() == {"lr"}


@pytest.mark.parametrize(("optimizer", "key"), [(torch.optim.SGD, "momentum"), (torch.optim.AdamW, "betas")])
def test_one_cycle_moves_sgds_momentum_and_adams_beta1_the_other_way(optimizer: Any, key: str) -> None:
    network = build_stacked(lambda: torch.nn.Sequential(torch.nn.Linear(2, 1)), (0, 1))
    assert network is not None
    stepped, found = SeedOptimizer(network, 2, lambda parameters: optimizer(parameters, lr=0.1)), []
    for step in range(20):
        values = OneCycle().at(step, steps=20, steps_per_epoch=10, lr=0.1)
        stepped.set({0: values, 1: values})
        (group,) = stepped.optimizer.param_groups
        found.append((group["lr"], group[key][0] if key == "betas" else group[key]))
    moves = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(found)]
    assert all(rate * momentum < 0 for rate, momentum in moves)
    assert found[5] == pytest.approx((0.1, 0.85))
    assert found[0][1] == 0.95


# ---- the others ------------------------------------------------------------------------------------------------------


def test_constant_is_the_optimizers_own_rate() -> None:
    assert rates(Constant(), epochs=2, steps_per_epoch=2, lr=0.3) == [0.3] * 4


def test_phases_change_at_the_epoch() -> None:
    found = rates(Phases(((0.1, 3), (0.01, 1), (0.5, 2))), epochs=6, steps_per_epoch=2, lr=9.0)
    assert found == [0.1] * 6 + [0.01] * 2 + [0.5] * 4


def test_cosine_restarts_with_warmup_are_fastais() -> None:
    found = rates(CosineRestarts(warmup=True), epochs=7, steps_per_epoch=21, lr=0.01)
    assert [found[step] for step in FASTAI_COS_ANNEAL] == close(list(FASTAI_COS_ANNEAL.values()))
    assert found[2:] == rates(CosineRestarts(), epochs=7, steps_per_epoch=21, lr=0.01)[2:]


def test_the_warm_part_is_a_twentieth_of_the_first_cycle_rounded_up() -> None:
    for steps_per_epoch, warm in [(19, 1), (20, 1), (21, 2), (60, 3), (1250, 63)]:
        found = rates(CosineRestarts(warmup=True), epochs=3, steps_per_epoch=steps_per_epoch, lr=1.0)
        assert found[:warm] == [0.01] * warm
        assert min(found[warm : warm + 2]) > 0.9 or warm == 1
        assert found[steps_per_epoch] == 1.0


@pytest.mark.parametrize(("length", "times", "min_lr"), [(1, 1, 0.0), (2, 1, 0.01), (1, 2, 0.0), (2, 3, 0.02)])
def test_cosine_restarts_are_pytorchs(length: int, times: int, min_lr: float) -> None:
    theirs = of_torch(
        lambda optimizer: lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 5 * length, times, min_lr), 150, 0.4
    )
    assert rates(CosineRestarts(length, times, min_lr), epochs=30, steps_per_epoch=5, lr=0.4) == close(theirs)


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
def test_cyclic_is_pytorchs(mode: Any) -> None:
    gamma = 0.97 if mode == "exp_range" else 1.0
    theirs = of_torch(
        lambda optimizer: lr_scheduler.CyclicLR(
            optimizer, 0.01, 0.3, step_size_up=7, mode=mode, gamma=gamma, cycle_momentum=False
        ),
        60,
        0.3,
    )
    assert rates(Cyclic(7, 0.01, 0.3, mode=mode, gamma=gamma), epochs=6, steps_per_epoch=10, lr=9.0) == close(theirs)
    assert rates(Cyclic(7, 0.01, mode=mode, gamma=gamma), epochs=6, steps_per_epoch=10, lr=0.3) == close(theirs)


def test_cyclic_by_epoch_stands_still_within_one() -> None:
    found = rates(Cyclic(2, 0.1, 0.5, per="epoch", mode="triangular2"), epochs=8, steps_per_epoch=3, lr=9.0)
    by_epoch = [0.1, 0.3, 0.5, 0.3, 0.1, 0.2, 0.3, 0.2]
    assert found == close([rate for rate in by_epoch for _ in range(3)])


def test_a_triangle_is_the_published_rule() -> None:
    """Of a comparison of CIFAR-10 rates: up in five epochs, down by as much each epoch, and then half of the lowest."""
    low, high = 1e-6, 0.3
    up = [low + e * (high - low) / 5 for e in range(6)]
    down = [high - (e - 5) * (high - low) / 5 for e in range(6, 10)]
    rule = [*up, *down, low / 2, low / 2]
    for schedule in (Triangle(5, low, high), Triangle(5, low)):
        found = rates(schedule, epochs=12, steps_per_epoch=3, lr=high)
        assert found == close([rate for rate in rule for _ in range(3)])


@pytest.mark.parametrize(("warmup", "unit"), [(2, "epochs"), (12, "steps")])
def test_linear_warmup_is_pytorchs(warmup: int, unit: Any) -> None:
    theirs = of_torch(lambda optimizer: lr_scheduler.LinearLR(optimizer, 1 / 3, 1.0, total_iters=12), 30, 0.2)
    found = rates(LinearWarmup(warmup, unit, start_factor=1 / 3), epochs=5, steps_per_epoch=6, lr=0.2)
    assert found == close(theirs)


def test_linear_warmup_can_end_in_a_linear_decay() -> None:
    found = rates(LinearWarmup(4, "steps", end_factor=0.5), epochs=2, steps_per_epoch=6, lr=0.8)
    assert found == close([0.0, 0.2, 0.4, 0.6, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45])


# ---- configs and bad values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_builds_and_gives_usable_values(path: Path) -> None:
    schedule = build(OmegaConf.to_container(OmegaConf.load(path)), "schedule")  # type: ignore[arg-type]
    assert isinstance(schedule, Schedule)
    schedule.check(6)
    for step in range(60):
        values = schedule.at(step, steps=60, steps_per_epoch=10, lr=0.1)
        assert values.keys() <= {"lr", "momentum"}
        assert 0 <= values["lr"] <= 0.1 + 1e-12
        assert all(math.isfinite(value) for value in values.values())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: OneCycle(pct_start=1.0), "schedule.pct_start=1.0"),
        (lambda: OneCycle(div=0), "schedule.div=0"),
        (lambda: OneCycle(div="a"), "schedule.div=a"),
        (lambda: OneCycle(moms=[0.9, 0.8]), "null or three numbers"),
        (lambda: OneCycle(moms=[0.9, 1.0, 0.9]), "below 1"),
        (lambda: Phases([]), "[[0.1, 3], [0.01, 3]]"),
        (lambda: Phases([[0.1, 3.5]]), "whole number of epochs"),
        (lambda: Phases([0.1, 3]), "pairs"),
        (lambda: Phases([[math.nan, 3]]), "learning rate from 0 on"),
        (lambda: CosineRestarts(cycle_len=0), "schedule.cycle_len=0"),
        (lambda: CosineRestarts(cycle_mult=1.5), "schedule.cycle_mult=1.5"),
        (lambda: CosineRestarts(warmup="yes"), "true or false"),
        (lambda: Cyclic(0, 0.1), "schedule.step_size=0"),
        (lambda: Cyclic(5, 0.1, -1), "schedule.max_lr=-1"),
        (lambda: Cyclic(5, 0.1, per="epochs"), "did you mean 'epoch'"),
        (lambda: Cyclic(5, 0.1, mode="triangular3"), "did you mean 'triangular' or 'triangular2'"),
        (lambda: Cyclic(5, 0.1, mode="exp_range", gamma=1.1), "schedule.gamma=1.1"),
        (lambda: Cyclic(5, 0.1, gamma=0.9), "schedule.mode=exp_range"),
        (lambda: Triangle(0, 0.1), "schedule.up=0"),
        (lambda: Triangle(5, -0.1), "schedule.min_lr=-0.1"),
        (lambda: LinearWarmup(1, "step"), "did you mean 'steps'"),
        (lambda: LinearWarmup(1, start_factor=-1), "schedule.start_factor=-1"),
    ],
)
def test_bad_values_are_named(make: Callable[[], Schedule], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert said in str(caught.value)


def test_phases_that_do_not_fill_the_training_are_refused() -> None:
    phases = Phases([[0.1, 3], [0.01, 3]])
    phases.check(6)
    with pytest.raises(ConfigError, match=r"schedule\.phases=.* 6 epochs.*trainer\.max_epochs=5"):
        phases.check(5)


def test_a_warmup_longer_than_the_training_is_refused() -> None:
    LinearWarmup(3).check(3)
    LinearWarmup(30, "steps").check(3)
    with pytest.raises(ConfigError, match=r"schedule\.warmup=4 epochs.*trainer\.max_epochs=3"):
        LinearWarmup(4).check(3)


# ---- the command -----------------------------------------------------------------------------------------------------


def test_the_table_has_the_first_the_peak_and_the_last_step() -> None:
    shown = preview("one_cycle", ["optimizer.lr=5e-3", "trainer.max_epochs=5"], steps_per_epoch=1250)
    head, *rows = [line.split() for line in table(shown).splitlines()]
    assert head == ["step", "epoch", "lr", "momentum"]
    assert 12 <= len(rows) <= 14
    assert rows[0] == ["0", "0.00", "0.0002", "0.95"]
    assert rows[-1] == ["6249", "5.00", "5.05615e-08", "0.95"]
    assert ["1563", "1.25", "0.005", "0.85"] in rows


def test_a_schedule_of_fewer_steps_than_the_epochs_have_is_shown_to_its_end() -> None:
    given = ["optimizer.lr=5e-3", "trainer.max_epochs=5", "+trainer.max_steps=2000"]
    rates = preview("one_cycle", given, steps_per_epoch=1250).values["lr"]
    assert (len(rates), int(rates.argmax())) == (2000, 500)


@pytest.mark.slow
def test_the_command_prints_and_draws(tmp_path: Path) -> None:
    picture = tmp_path / "new" / "cycle.png"
    done = CliRunner().invoke(
        main, ["schedule", "one_cycle", "optimizer=sgd", "schedule.moms=null", "--plot", str(picture)]
    )
    assert done.exit_code == 0, done.output
    first, last = (done.stdout.splitlines()[place].split() for place in (1, -1))
    assert first == ["0", "0.00", "0.0004"]
    assert last[0] == "999"
    one_panel = matplotlib.image.imread(picture)
    assert one_panel.std() > 0.05
    CliRunner().invoke(main, ["schedule", "one_cycle", "--plot", str(picture)])
    assert matplotlib.image.imread(picture).shape[0] > 1.5 * one_panel.shape[0]


def test_a_schedule_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "schedule").mkdir()
    (tmp_path / "schedule" / "mine.yaml").write_text("_target_: seedbed.schedules.Phases\nphases: [[0.5, 10]]\n")
    assert set(preview("mine", steps_per_epoch=2, config_dir=tmp_path).values["lr"]) == {0.5}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["onecycle"], "did you mean 'one_cycle'"),
        (["one_cycle", "schedule.pctstart=0.3"], "there is no key 'schedule.pctstart', did you mean 'pct_start'"),
        (["constant", "schedule.div=3"], "schedule=constant has no key 'schedule.div'; of group 'schedule', one_cycle has it"),
        (["one_cycle", "data=messages"], "data is not a setting of schedule, optimizer, trainer"),
        (["one_cycle", "~trainer.max_epochs"], "Write trainer.max_epochs=VALUE"),
        (["one_cycle", "schedule.pct_start=3"], "schedule.pct_start=3"),
        (["one_cycle", "schedule=cyclic"], "first argument"),
        (["one_cycle", "optimizer=adm"], "did you mean 'adam'"),
        (["one_cycle", "optimizer.lr=-1"], "optimizer.lr=-1"),
        (["one_cycle", "trainer.max_epochs=0"], "trainer.max_epochs=0"),
        (["one_cycle", "schedule.div=1,2"], "schedule.div=1,2"),
        (["phases"], "trainer.max_epochs=6"),
        (["one_cycle", "--config-dir", "absent"], "no such folder"),
    ],
)  # fmt: skip
def test_bad_input_is_one_paragraph(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(main, ["schedule", *arguments])
    assert done.exit_code == 2
    assert done.stderr.startswith("seedbed: ")
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_completion_offers_schedules(tmp_path: Path) -> None:
    (tmp_path / "schedule").mkdir()
    (tmp_path / "schedule" / "cyclic_mine.yaml").touch()
    shell = ShellComplete(main, {}, "seedbed", "_SEEDBED_COMPLETE")
    offered = shell.get_completions(["schedule", "--config-dir", str(tmp_path)], "cy")
    assert [item.value for item in offered] == ["cyclic", "cyclic_mine"]


def test_help_has_examples_that_can_be_typed() -> None:
    done = CliRunner().invoke(main, ["schedule", "--help"])
    examples = done.output.split("Examples:\n")[1].splitlines()
    assert len(examples) == 3
    for line in examples:
        words = line.split("--plot")[0].split()
        assert CliRunner().invoke(main, words[1:]).exit_code == 0

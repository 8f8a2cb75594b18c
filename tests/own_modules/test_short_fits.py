"""A dry run of a user's own modules: a few batches are measured, and nothing is recorded or written."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbed.config.experiment import load_experiments
from seedbed.own_modules import short_fits
from seedbed.running.dry_run import DryRunResult, VariantCells, dry_run_of
from seedbed.running.estimates import EARLIER, MEASURED
from seedbed.running.runner import run
from tests.own_modules import projects
from tests.own_modules.conftest import Write
from tests.running.test_dry_run import files


def of(project: Path, *overrides: str) -> DryRunResult:
    return dry_run_of(load_experiments("width", overrides, project))


def test_a_few_batches_are_measured_and_nothing_is_written(project: Path) -> None:
    before = files(project)
    narrow, wide = of(project).variants
    assert files(project) == before
    for each, hidden in ((narrow, 2), (wide, 8)):
        estimate = each.estimate
        assert (each.missing, estimate.source, estimate.epochs, estimate.why_unknown) == (2, MEASURED, 2, "")
        assert estimate.rows == {"train": 48, "val": 16, "test": 16}
        assert estimate.parameters == (4 + 1) * hidden + hidden + 1
        assert estimate.seconds is not None
        assert 0 < estimate.seconds < 60


def test_epochs_are_made_of_all_batches_though_few_are_taken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def take(clock: short_fits._Clock, side: str) -> None:
        taken.append(side)
        clock.seconds[side].append(1.0)
        if len(clock.seconds[side]) == 2:
            raise short_fits._Enough

    monkeypatch.setattr(short_fits._Clock, "_take", take)
    overrides = ("variant=narrow", "seeds=1", "datamodule.batch_size=4", "trainer.max_epochs=10")
    (each,) = of(project, *overrides).variants
    assert taken == ["train"] * 2 + ["val"] * 2
    batches = 48 // 4 + 16 // 4
    assert each.estimate.seconds == pytest.approx(10 * batches + 16 // 4, abs=3)  # and the test


@pytest.mark.slow
def test_what_cannot_be_known(new_project: Write) -> None:
    def only(result: DryRunResult) -> VariantCells:
        (each,) = result.variants
        return each

    streams = new_project(experiment=projects.EXPERIMENT.replace("mine.Data,", "mine.Data, how: stream_train,"))
    each = only(of(streams, "variant=narrow"))
    assert (each.estimate.seconds, each.estimate.source) == (None, "")
    assert "shows when it is over" in each.estimate.why_unknown
    fails = new_project(experiment=projects.EXPERIMENT.replace("mine.Regressor,", "mine.Fails, fails_for: 0,"))
    each = only(of(fails, "variant=narrow"))
    assert each.estimate.seconds is None
    assert each.estimate.why_unknown == "RuntimeError: no luck with this seed"


@pytest.mark.slow
def test_times_of_earlier_seeds(project: Path) -> None:
    run("width", ["variant=narrow", "seeds=1"], project)
    (each,) = of(project, "variant=narrow", "seeds=3").variants
    assert (each.cells, each.missing, each.estimate.source) == (3, 2, EARLIER)

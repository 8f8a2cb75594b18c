"""How many processes train a user's modules where nobody says it: found from what the first seed takes."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from seedbed.config.experiment import load_experiment
from seedbed.own_modules import training
from seedbed.own_modules.at_once import Usage, seeds_at_once_from
from seedbed.own_modules.planned import PlannedModule
from seedbed.running.planning import plan_cells
from seedbed.running.runner import run
from seedbed.training.progress import Display
from seedbed.training.workers import can_start_processes


@pytest.mark.parametrize(
    ("used", "seeds", "cores", "fitting", "count", "why"),
    [
        (
            Usage(60, 62, 30),
            9,
            2,
            9,
            2,
            "kept 1.0 of 2 cores busy for 60.0 s, and 1.0 were idle; the other 9 train 2 at a time",
        ),
        (Usage(60, 62, 52), 9, 8, 9, 8, "train 8 at a time"),
        (Usage(60, 62, 52), 3, 8, 9, 3, "train 3 at a time"),
        (Usage(60, 120, 45), 9, 8, 9, 4, "kept 2.0 of 8 cores busy"),
        (Usage(60, 6, 57), 9, 2, 9, 2, "train 2 at a time"),
        (Usage(60, 62, 52), 9, 8, 3, 3, "train 3 at a time"),
        (Usage(60, 110, 5), 9, 2, 9, 1, "follow one after the other, as two at a time would take each other's cores"),
        (Usage(60, 20, 0), 9, 2, 9, 1, "kept 0.3 of 2 cores busy for 60.0 s, and 0.0 were idle; the other 9 follow"),
        (Usage(60, 62, 30), 9, 2, 1, 1, "as the free memory is too small for two at a time"),
        (Usage(1, 1, 0.5), 9, 2, 9, 1, "as processes would take longer to start"),
        (Usage(1, 1, 0.5), 29, 2, 9, 2, "the other 29 train 2 at a time"),
    ],
)
def test_processes_are_started_where_one_seed_leaves_cores_idle_and_it_pays(
    used: Usage, seeds: int, cores: int, fitting: int, count: int, why: str
) -> None:
    found, said = seeds_at_once_from(used, seeds, cores, fitting)
    assert found == count
    assert why in said


def test_work_of_this_process_is_measured() -> None:
    before = Usage.so_far()
    sum(range(3_000_000))
    used = before.until_now()
    assert used.cpu_seconds > 0
    assert used.seconds > 0.01
    assert -0.1 < used.idle_seconds <= used.seconds + 0.1


@pytest.mark.parametrize(
    ("text", "can"),
    [
        ("import seedbed\nseedbed.run('width')\n", False),
        ("if __name__ == '__main__':\n    print()\n", True),
        (None, True),
    ],
)
def test_a_script_that_would_run_again_in_each_process_starts_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, can: bool
) -> None:
    file = tmp_path / "script.py"
    file.write_text(text or "")
    main = SimpleNamespace(__spec__=None, **({"__file__": str(file)} if text else {}))
    monkeypatch.setitem(sys.modules, "__main__", main)
    assert can_start_processes() is can


@pytest.mark.slow
def test_the_seeds_that_are_left_train_in_processes(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "own_cores", lambda: 2)
    monkeypatch.setattr(Usage, "until_now", lambda self: Usage(100, 104, 50))
    asked = ["variant=narrow", "seeds=3"]
    outcome = run("width", asked, project, display=Display())
    assert outcome.failures == {}
    assert outcome.trained == 3
    said = "narrow, seed 0 kept 1.0 of 2 cores busy for 100.0 s, and 1.0 were idle; the other 2 train 2 at a time"
    assert said in capsys.readouterr().err
    here = run("width", [*asked, "trainer.seeds_at_once=1", "+datamodule.batch_size=16"], project)
    assert here.trained == 3
    assert outcome.cells["test/mse"].tolist() == here.cells["test/mse"].tolist()


@pytest.mark.slow
def test_nothing_is_found_where_a_number_or_the_same_bits_are_asked_for(project: Path) -> None:
    def finds(*given: str) -> bool:
        experiment = load_experiment("width", ["variant=narrow", *given], project)
        (planned,) = plan_cells(experiment, Display(quiet=True)).plan
        assert isinstance(planned, PlannedModule)
        return planned.finds_at_once

    assert finds()
    assert not finds("trainer.seeds_at_once=1")
    assert not finds("trainer.deterministic=true")

"""What is shown of work that takes long: bars, and lines where no bar can be drawn."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from seedbed.running.runner import run
from seedbed.training import progress
from seedbed.training.epoch_progress import ShownStack
from seedbed.training.progress import Display
from tests.shown import Shown


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def said(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that it is set to, for what counts them."""
    now = [1000.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def timed(display: Display, clock: list[float]) -> Display:
    display._progress.get_time = lambda: clock[0]
    return display


def test_what_takes_long_is_said_once_and_later_when_nothing_else_was(log: Path, clock: list[float]) -> None:
    display = timed(Display(quiet=True, log=log), clock)
    with display.about("one").doing("Reading the data") as tell:
        tell(0, 10)
        clock[0] += 1.9
        tell(1, 10)
        assert said(log) == []
        clock[0] += 0.2
        tell(2, 10)
        assert len(said(log)) == 1
        assert said(log)[0].startswith("one: Reading the data: 20 % in 0:00:02, about 0:00:")
        clock[0] += 9.9
        tell(3, 10)
        assert len(said(log)) == 1
        clock[0] += 0.1
        tell(4, 10)
        assert said(log)[1].startswith("one: Reading the data: 40 % in 0:00:12, about 0:00:2")
    clock[0] += 100
    display.at("none", 1, 10, 3, 0)
    assert len(said(log)) == 2, "there is nothing to say"


def test_training_gives_lines_after_silence_only_and_they_become_rarer(log: Path, clock: list[float]) -> None:
    display = timed(Display(quiet=True, log=log), clock)
    display.begin(30)
    display.at("none", 1, 10, 3, 0)
    clock[0] += 9
    display.say("smote is left out")
    clock[0] += 9
    display.at("none", 2, 10, 3, 3)
    assert said(log) == ["smote is left out"]
    clock[0] += 1
    display.at("none", 3, 10, 3, 3)
    assert said(log)[1].startswith("none  epoch 3/10  3 seeds: 20 % in 0:00:19")
    clock[0] += 3600
    display.at("none", 4, 10, 3, 3)
    for seconds, lines in ((300, 3), (120, 4)):
        clock[0] += seconds
        display.at("none", 4, 10, 3, 0)
        assert len(said(log)) == lines


def test_what_tells_nothing_is_said_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "SECONDS_UNSAID", 0.02)
    with Display() as display, display.doing("Compiling the steps"):
        deadline = time.monotonic() + 20
        while not (line := capsys.readouterr().err) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert line.startswith("Compiling the steps ... (0:00:")


def test_a_display_may_be_entered_again(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display()
    with display:
        with display:
            pass
        assert display._lines is not None
        thread = display._lines._thread
        assert thread is not None
        assert thread.is_alive()
    assert not thread.is_alive()
    assert capsys.readouterr().err == ""


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_UNSAID", 0.0)
    with Display(quiet=True) as display, display.doing("Reading the data") as tell:
        tell(1, 2)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("widgets", "live"), [(True, True), (False, False)])
def test_a_notebook_has_bars_where_they_can_be_drawn(
    monkeypatch: pytest.MonkeyPatch, widgets: bool, live: bool
) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(progress, "find_spec", lambda name: object() if widgets else None)
    assert Display().live is live
    assert not Display(quiet=True).live


def test_a_bar_has_a_length_as_soon_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    display = Display()
    with display.doing("Reading the data") as tell:
        (bar,) = display._progress.tasks
        assert bar.total is None
        tell(3, 10)
        assert (bar.description, bar.completed, bar.total) == ("Reading the data", 3, 10)
        with display.doing("Checking them"):
            assert len(display._progress.tasks) == 2
    assert display._progress.tasks == []


# ---- who tells -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_shows_what_it_does_before_and_after_the_training(project: Path) -> None:
    shown = Shown()
    outcome = run("messages", ["seeds=2", "trainer.max_epochs=1", "tracking.pictures=false"], project, display=shown)
    assert not outcome.failures
    assert shown.done["Planning the variants"] == [(0, 2), (1, 2)]
    rows = {
        f"Making the training rows of {variant}, seed {seed}" for variant in ("none", "oversample") for seed in (0, 1)
    }
    assert {"Preparing the data", "Reading the results", "Comparing the variants", *rows} <= set(shown.done)
    assert shown.done["Preparing the data"], "texts are encoded in it"
    assert sum(advance for *_, advance, unit in shown.trained if unit == "epoch") == 4
    assert shown._progress.tasks[0].finished


def test_a_stack_shows_range_tests_before_its_epochs() -> None:
    shown = Shown()
    stack = ShownStack(shown, "none", epochs=5, seeds=3)
    for word in ((0, 0), (1, 0), (None, 2), (None, 5)):
        stack.hear(*word)
    assert shown.trained == [
        ("none", 1, 5, 3, 0, "epoch"),
        ("none", 1, 3, 3, 0, "range test"),
        ("none", 2, 3, 3, 0, "range test"),
        ("none", 3, 5, 3, 6, "epoch"),
        ("none", 5, 5, 3, 9, "epoch"),
    ]

"""A project of the tests' own: config folder, experiment, store and cache, all in a temporary folder."""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

# Small networks gain nothing from a second thread, and lose much where tests share the cores with other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from tests.properties import Examine, for_a_minute, some_times

# Elsewhere in this file, packages that take seconds are imported by what needs them: the process that deals out the tests
# needs none.
if TYPE_CHECKING:
    from seedbed.figures import Kind
    from seedbed.report.pictures.picture import Picture
    from seedbed.running.runner import Outcome

REPOSITORY = Path(__file__).resolve().parent.parent
TrainOnce = Callable[..., "tuple[Path, Outcome]"]

DATA = """
_target_: tests.made_up.Messages
rows: 80
spam: 20
digest: {digest}
"""
EXPERIMENT = """
# @package _global_
defaults:
  - override /data: messages
  - override /model: mlp
  - override /task: classification
question: Does it work?
seeds: 3
model: {hidden: [8]}
trainer: {max_epochs: 2, batch_size: 16, accelerator: cpu, seeds_at_once: 3}
tracking: {pictures: false} # they take longer to draw than all else
variants:
  none: [imbalance=none]
  oversample: [imbalance=oversample]
report: {metric: test/accuracy, baseline: none}
"""
OTHERS = {
    "failing_seed": "  none: [imbalance=none]\n  flaky: [imbalance=fails_for, imbalance.seed=2]",
    "all_six": (
        "  none: [imbalance=none]\n  class_weights: [imbalance=class_weights]\n  undersample: [imbalance=undersample]\n"
        "  oversample: [imbalance=oversample]\n  smote: [imbalance=smote]\n  text_augment: [imbalance=text_augment]"
    ),
    "interrupted": "  none: [imbalance=none]\n  cut: [imbalance=signals]\n  oversample: [imbalance=oversample]",
    "smote_only": "  smote: [imbalance=smote, imbalance.sampler.k_neighbors=40]",
}


def write_project(folder: Path) -> Path:
    for name in ("data", "experiments", "imbalance"):
        (folder / name).mkdir(parents=True)
    (folder / "data" / "messages.yaml").write_text(DATA.format(digest="d" * 64))
    (folder / "imbalance" / "fails_for.yaml").write_text("_target_: tests.made_up.FailsFor\nseed: ???\n")
    (folder / "imbalance" / "signals.yaml").write_text("_target_: tests.made_up.Signals\nname: SIGTERM\n")
    (folder / "experiments" / "messages.yaml").write_text(EXPERIMENT)
    start, end = EXPERIMENT.split("variants:\n", maxsplit=1)[0], EXPERIMENT[EXPERIMENT.index("report:") :]
    for name, variants in OTHERS.items():
        baseline = end if "none:" in variants else end.replace(", baseline: none", "")
        (folder / "experiments" / f"{name}.yaml").write_text(f"{start}variants:\n{variants}\n{baseline}")
    return folder


# Compiled once for all tests, and for the processes that they start: SEEDBED_CACHE is another folder in each test.
os.environ.setdefault("NUMBA_CACHE_DIR", str(REPOSITORY / ".pytest_cache" / "numba"))


@pytest.fixture(scope="session", autouse=True)
def migrations_read_once() -> Iterator[None]:
    """Whoever opens a database of MLflow's or Optuna's loads all its migrations, dozens of modules: here once a session."""
    import alembic.util

    load = alembic.util.load_python_file
    load_once = functools.cache(load)

    def loaded(folder: str, name: str) -> ModuleType:
        does_work = name == "env.py"  # when it is loaded
        return load(folder, name) if does_work else load_once(folder, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alembic.util, "load_python_file", loaded)
        yield


@pytest.fixture(scope="session", autouse=True)
def installed_callbacks_looked_up_once() -> Iterator[None]:
    """Every Trainer reads the entry points of all installed packages: they are the same for the whole session."""
    fabric = sys.modules.get("lightning_fabric.utilities.registry")
    if fabric is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fabric, "entry_points", functools.cache(fabric.entry_points))
        yield


@pytest.fixture(scope="session", autouse=True)
def databases_wait_for_no_disk() -> Iterator[None]:
    """SQLite waits at every commit until the disk has it, longer than the tests compute: they need no store after a power cut."""
    from sqlalchemy import Engine, event

    def wait_for_no_disk(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=OFF")

    event.listen(Engine, "connect", wait_for_no_disk)
    yield
    event.remove(Engine, "connect", wait_for_no_disk)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: making one takes seconds, copying it does not."""
    from seedbed.tracking.store import Store

    folder = tmp_path_factory.mktemp("store")
    Store(f"sqlite:///{folder / 'mlflow.db'}", folder, "unused")
    return folder / "mlflow.db"


@pytest.fixture(scope="session")
def train_once(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> TrainOnce:
    """Runs an experiment in a project of its own, which tests copy: ``folder, outcome = train_once("messages")``.

    ``prepare`` is called with the folder before, to write more into it.
    """

    from seedbed.running.runner import run

    def trained(
        name: str, overrides: Sequence[str] = (), prepare: Callable[[Path], object] = lambda _: None
    ) -> tuple[Path, Outcome]:
        folder = write_project(tmp_path_factory.mktemp("trained") / "project")
        shutil.copy(empty_store, folder / "mlflow.db")
        prepare(folder)
        with pytest.MonkeyPatch.context() as surroundings:
            _set_apart(surroundings, folder.parent / "cache")
            outcome = run(name, overrides, config_dir=folder)
        return folder, outcome

    return trained


@pytest.fixture(scope="session")
def trained_once(train_once: TrainOnce) -> tuple[Path, Outcome]:
    """A project in which all cells of ``messages`` were trained, once in a session: ``trained_project`` copies it."""
    folder, outcome = train_once("messages")
    assert (outcome.trained, outcome.failures) == (6, {})
    return folder, outcome


@pytest.fixture(params=[some_times, pytest.param(for_a_minute, marks=pytest.mark.extended)], ids=["some", "minute"])
def examine(request: pytest.FixtureRequest) -> Examine:
    """Try a property on generated inputs: ``examine(holds, text=strategies.text())`` calls ``holds(text=...)``."""
    tried: Examine = request.param
    return tried


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's cache or store."""
    _set_apart(monkeypatch, tmp_path / "cache")


def _set_apart(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("SEEDBED_CACHE", str(cache))
    for name in ("MLFLOW_TRACKING_URI", "SEEDBED_PROJECT", "SEEDBED_DEBUG", "SEEDBED_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def project_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the project of each test lies, one after the other: what was composed in a folder is not composed again."""
    return tmp_path_factory.mktemp("place") / "project"


@pytest.fixture
def bare_project(tmp_path: Path, project_place: Path) -> Path:
    """A project without a store; ``tmp_path / "project"`` is a link to it."""
    shutil.rmtree(project_place, ignore_errors=True)
    (tmp_path / "project").symlink_to(project_place)
    return write_project(project_place)


@pytest.fixture
def project(bare_project: Path, empty_store: Path) -> Path:
    shutil.copy(empty_store, bare_project / "mlflow.db")
    return bare_project


@pytest.fixture
def trained_project(tmp_path: Path, project_place: Path, trained_once: tuple[Path, Outcome]) -> Path:
    """A project in which ``messages`` was run as it stands: 2 variants of 3 seeds, in one launch."""
    shutil.rmtree(project_place, ignore_errors=True)
    (tmp_path / "project").symlink_to(project_place)
    return Path(shutil.copytree(trained_once[0], project_place))


@pytest.fixture
def draw_only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``draw_only("loss")``: of the pictures of reports in Markdown and LaTeX, which take longer than all else, this one."""

    from seedbed.report import writing
    from seedbed.report.pictures.picture import files_of

    def draw_only(*names: str) -> None:
        def chosen(drawn: Iterable[Picture], kinds: Iterable[Kind], *, quick: bool = False) -> dict[str, bytes]:
            return files_of([picture for picture in drawn if picture.name in names], kinds, quick=quick)

        monkeypatch.setattr(writing, "files_of", chosen)

    return draw_only


@pytest.fixture
def first_outcome(trained_once: tuple[Path, Outcome]) -> Outcome:
    """What that run gave back."""
    return trained_once[1]


@pytest.fixture
def seedbed(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line in a process of its own, on the test's project: ``seedbed("run", "messages", "seeds=2")``."""
    project = tmp_path / "project"

    def command(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "seedbed",
                *arguments,
                *(["--config-dir", str(project)] if arguments[0] in CONFIGURED else []),
            ],
            cwd=cwd or project,
            env={
                **os.environ,
                "PYTHONPATH": f"{REPOSITORY / 'src'}{os.pathsep}{REPOSITORY}",
                "COLUMNS": "200",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return command


CONFIGURED = ("run", "report", "power", "status", "ui", "verify", "diff", "search", "site")


# ---- the mark slow: what it includes, and where it is not true -------------------------------------------------------

SLOW = 0.5
"""CPU seconds, those of child processes among them, from which on a test is to be marked as slow."""
SURELY_SLOW, SURELY_QUICK = 6 * SLOW, 0.25 * SLOW
"""What is said at the end of a session leaves out those between, which are now above and now below."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is marked as extended is slow too: ``-m 'not slow'`` leaves it out."""
    for item in items:
        if item.get_closest_marker("extended"):
            item.add_marker("slow")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Note how long a test takes, without its fixtures, which others may share, where the summary below finds it."""
    start = _cpu_seconds()
    try:
        return (yield)
    finally:
        mark = next((name for name in ("extended", "slow") if item.get_closest_marker(name)), "")
        item.user_properties.append(("cost", [mark, _cpu_seconds() - start]))


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests whose mark is not true."""
    costs: dict[tuple[str, str], float] = {}
    for report in terminalreporter.getreports("passed"):
        if cost := dict(report.user_properties).get("cost"):
            test = report.nodeid.partition("[")[0], cost[0]
            costs[test] = max(cost[1], costs.get(test, 0.0))
    for title, mark, is_wrong in (
        (
            f"not marked as slow, of more than {SURELY_SLOW:g} s CPU time (first imports count too)",
            "",
            lambda seconds: seconds > SURELY_SLOW,
        ),
        (f"marked as slow, of less than {SURELY_QUICK:g} s CPU time", "slow", lambda seconds: seconds < SURELY_QUICK),
    ):
        wrong = {name: seconds for (name, of), seconds in costs.items() if of == mark and is_wrong(seconds)}
        if wrong:
            terminalreporter.section(title)
        for name, seconds in sorted(wrong.items(), key=lambda one: -one[1]):
            terminalreporter.line(f"{seconds:6.1f} s  {name}")

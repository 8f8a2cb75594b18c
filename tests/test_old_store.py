"""Projects that earlier versions trained (``scripts/make_store``): found, reported, verified and asked as those versions did."""

from __future__ import annotations

import json
import re
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hydra.utils import get_object

from seedbed.cli.main import main

ARCHIVES = sorted((Path(__file__).parent / "stores").glob("*.tar.xz"))
VARIANTS = {
    "mails": ("none", "class_weights", "text_augment", "scheduled", "own"),
    "stars": ("dot_product", "network"),
}
ROUNDING = 2e-3
"""Of printed values: other processors add up in another order."""
Ask = Callable[..., Result]


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.xz"))
def old_project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Unpacked elsewhere than it was made; its modules are gone afterwards, for other tests have some of these names."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    names, path = {file.stem for file in folder.glob("*.py")}, list(sys.path)
    _forget(names)
    yield folder
    _forget(names)
    sys.path[:] = path


def _forget(names: set[str]) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in names]:
        del sys.modules[name]


@pytest.fixture
def ask(old_project: Path) -> Ask:
    def command(*arguments: str) -> Result:
        done = CliRunner().invoke(main, [*arguments, "--config-dir", str(old_project)])
        assert done.exit_code == 0, done.output
        return done

    return command


def table_of(text: str) -> str:
    """The rows of what is printed."""
    return text.rsplit("---\n", maxsplit=1)[-1]


def without_numbers(text: str) -> str:
    return re.sub(r"-?\d+\.\d+", "NUMBER", text)


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


@pytest.mark.parametrize("experiment", VARIANTS)
def test_all_cells_are_found(ask: Ask, experiment: str) -> None:
    rows = [line.split() for line in ask("status", experiment).stdout.splitlines()]
    assert all([variant, "3"] in rows for variant in VARIANTS[experiment])


@pytest.mark.slow
def test_nothing_is_trained_again(ask: Ask) -> None:
    assert "All 15 cells are trained already: nothing to do." in ask("run", "mails").stderr


@pytest.mark.slow
@pytest.mark.parametrize("experiment", VARIANTS)
def test_the_report_gives_the_same_values(ask: Ask, old_project: Path, tmp_path: Path, experiment: str) -> None:
    ask("report", experiment, "--format", "csv", "--output", str(tmp_path))
    for name in ("results.csv", "curves.csv", "comparisons.csv"):
        then, now = (pd.read_csv(folder / name) for folder in (old_project / "expected" / experiment, tmp_path))
        pd.testing.assert_frame_equal(now[then.columns], then)


@pytest.mark.slow
def test_a_metric_of_today_is_computed_from_the_weights(ask: Ask, tmp_path: Path) -> None:
    done = ask("report", "mails", "--metric", "test/brier", "--format", "csv", "--output", str(tmp_path))
    assert "Scores of 15 seeds" in done.stderr
    cells = pd.read_csv(tmp_path / "results.csv")
    assert cells["test/brier"].between(0, 1).all()
    scored = json.loads((tmp_path / "record.json").read_text())["scored"]
    assert scored["from_weights"] == dict.fromkeys(VARIANTS["mails"], 3)
    for variant, of_variant in scored["variants"].items():
        of_cells = cells[cells["variant"] == variant]
        for measure in ("brier", "average_precision"):  # the latter was recorded then
            assert of_cells[f"test/{measure}"].tolist() == pytest.approx(of_variant["measures"][measure], abs=1e-5)


@pytest.mark.slow
def test_a_cell_repeats(ask: Ask) -> None:
    assert "1 of 1 cell repeats" in ask("verify", "mails", "--cells", "1", "--variant", "own").output


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("predict", ["mails", "--variant", "none", "--text", "claim your prize", "--text", "lunch at home"]),
        ("recommend", ["stars", "--variant", "dot_product", "--user", "4", "-k", "5"]),
    ],
)
def test_trained_seeds_answer_the_same(ask: Ask, old_project: Path, name: str, arguments: list[str]) -> None:
    then, now = table_of((old_project / "expected" / f"{name}.txt").read_text()), table_of(ask(name, *arguments).stdout)
    assert without_numbers(now) == without_numbers(then)
    assert numbers(now) == pytest.approx(numbers(then), abs=ROUNDING)


def test_names_that_stored_configs_hold_stay_what_they_are(old_project: Path) -> None:
    for name in json.loads((old_project / "expected" / "targets.json").read_text()):
        assert callable(get_object(name)), name

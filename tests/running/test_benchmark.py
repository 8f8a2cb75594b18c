"""An experiment over several data sets: what is trained, recorded and gone on with, whatever fails or stops in between."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import seedbed
from seedbed.cli.diff import differences
from seedbed.cli.main import main
from seedbed.config.experiment import load_experiments
from seedbed.errors import ConfigError, DataError, TrackingError
from seedbed.imbalance.base import Encode, Resampled, Strategy, TrainingRows
from seedbed.report.rewording import of_benchmark
from seedbed.results import Benchmark, Results
from seedbed.running import multirun
from seedbed.running.benchmark import BenchmarkOutcome, run_experiments
from seedbed.running.retraining import finished_cells
from seedbed.running.runner import Outcome
from seedbed.search.plan import read_plan
from seedbed.search.runner import search
from seedbed.tracking.launches import find_launch, find_tracked, on_data_set, parts_of
from seedbed.tracking.store import Store, open_project_store
from seedbed.training.progress import Display
from tests.running.test_runner import statuses
from tests.running.test_verify import here  # noqa: F401 - a fixture
from tests.several import FEW, LISTED, SOME, VARIANTS, write_experiment, write_tables
from tests.stored import children, client_of, runs

SPARED = "SEEDBED_TEST_SPARE"


class Fails(Strategy):
    """Cannot make the rows of seed 1 of a table with so many training rows, nor is it asked for them when it is planned."""

    error: type[BaseException] = RuntimeError

    def __init__(self, *, rows: int) -> None:
        self.rows = rows

    def apply(self, rows: TrainingRows, seed: int, encode: Encode | None) -> Resampled:
        if seed == 1 and len(rows.labels) == self.rows and SPARED not in os.environ:
            raise self.error(f"no rows for seed {seed}")
        return super().apply(rows, seed, encode)


class Interrupts(Fails):
    error = KeyboardInterrupt


def run(folder: Path, *overrides: str, fail_fast: bool = False) -> BenchmarkOutcome:
    outcome = ran(folder, *overrides, fail_fast=fail_fast)
    assert isinstance(outcome, BenchmarkOutcome)
    return outcome


def ran(folder: Path, *overrides: str, fail_fast: bool = False) -> Outcome | BenchmarkOutcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return run_experiments(load_experiments("many", overrides, folder), for_report=False, fail_fast=fail_fast)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> tuple[Path, BenchmarkOutcome]:
    """A project in which all cells of ``many`` are trained: none on three data sets, smote on two of them."""
    folder = tmp_path_factory.mktemp("several") / "project"
    folder.mkdir()
    _prepare(folder, empty_store)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "SEEDBED_PROJECT", "SEEDBED_DEBUG", "SEEDBED_CONFIG_DIR", SPARED):
            patch.delenv(name, raising=False)
        outcome = run(folder)
    return folder, outcome


def _prepare(folder: Path, empty_store: Path) -> None:
    write_tables(folder)
    write_experiment(folder)
    shutil.copy(empty_store, folder / "mlflow.db")
    (folder / "imbalance").mkdir()
    for kind in (Fails, Interrupts):
        text = f"_target_: {__name__}.{kind.__name__}\nrows: ???\n"
        (folder / "imbalance" / f"{kind.__name__.lower()}.yaml").write_text(text)


@pytest.fixture
def trained(once: tuple[Path, BenchmarkOutcome], tmp_path: Path) -> Path:
    """A copy of that project."""
    return Path(shutil.copytree(once[0], tmp_path / "project"))


@pytest.fixture
def untrained(tmp_path: Path, empty_store: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    _prepare(folder, empty_store)
    return folder


def store_of(folder: Path) -> Store:
    return open_project_store("many", folder)


def typed(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--config-dir", str(folder)])


# ---- what is trained and recorded ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_launch_over_data_sets_in_mlflow_and_read_back(once: tuple[Path, BenchmarkOutcome]) -> None:
    folder, outcome = once
    assert (outcome.trained, outcome.failures) == (10, {})
    store = store_of(folder)
    (launch,) = runs(store, "launch")
    assert (launch.info.run_id, launch.info.status) == (outcome.launch, "FINISHED")
    parts = children(store, launch.info.run_id)
    assert [part.info.run_name for part in parts] == ["one", "two", "mixed"]
    variants = [[run.info.run_name for run in children(store, part.info.run_id)] for part in parts]
    assert variants == [["none", "smote"], ["none", "smote"], ["none"]]
    assert {status for kind in ("data_set", "variant", "seed") for status in statuses(store, kind).values()} == {
        "FINISHED"
    }
    cells = outcome.cells
    assert cells.groupby(["data_set", "variant"], sort=False).size().to_dict() == {
        ("one", "none"): 2,
        ("one", "smote"): 2,
        ("two", "none"): 2,
        ("two", "smote"): 2,
        ("mixed", "none"): 2,
    }
    benchmark = seedbed.load("many", config_dir=folder)
    assert isinstance(benchmark, Benchmark)
    assert benchmark.variants == ("none", "smote")
    assert list(benchmark.inapplicable["mixed"]) == ["smote"]
    assert benchmark.launch == outcome.launch
    assert seedbed.compare(benchmark)[["variant", "other"]].to_numpy().tolist() == [["smote", "none"]]
    on_two = seedbed.load("many", config_dir=folder, data_set="two")
    assert isinstance(on_two, Results)
    pd.testing.assert_frame_equal(on_two.cells, benchmark.data_sets["two"].cells)
    assert on_two.launch == parts[1].info.run_id == seedbed.load("many", on_two.launch, folder).launch  # type: ignore[union-attr]
    with pytest.raises(TrackingError, match=r"data_set=tow.*did you mean 'two'"):
        seedbed.load("many", config_dir=folder, data_set="tow")


@pytest.mark.extended
def test_only_what_is_missing_is_trained(trained: Path) -> None:
    """Seeds, data sets and variants are added at the cost of their cells, and names are no part of a recipe."""
    assert run(trained).trained == 0
    assert len(runs(store_of(trained), "launch")) == 1, "the same asked again is the same launch"
    assert run(trained, "seeds=3", "data_sets=one", "variant=none").trained == 1
    (trained / "new.csv").write_text((trained / "two.csv").read_text() + "0.5,0.5,0.5,1\n")
    new = LISTED["two"].replace("two.csv", "new.csv")
    write_experiment(trained, {"uno": LISTED["one"], "new": new, "mixed": LISTED["mixed"]})
    later = run(trained, "variant=none")
    assert later.trained == 2
    assert list(later.results.data_sets) == ["uno", "new", "mixed"]
    assert later.cells["status"].eq("FINISHED").all()


@pytest.mark.slow
def test_only_a_new_data_set_is_trained_and_a_new_name_is_none(trained: Path) -> None:
    (trained / "new.csv").write_text((trained / "two.csv").read_text() + "0.5,0.5,0.5,1\n")
    write_experiment(trained, {"uno": LISTED["one"], "new": LISTED["two"].replace("two.csv", "new.csv")})
    later = run(trained, "variant=none")
    assert later.trained == 2
    assert list(later.results.data_sets) == ["uno", "new"]
    assert later.cells["status"].eq("FINISHED").all()


@pytest.mark.slow
def test_cells_serve_an_experiment_that_lists_no_data_sets(trained: Path) -> None:
    write_experiment(trained, {})
    alone = ran(trained, "data=feature_csv", "data.path=one.csv", "data.label=y", "variant=none")
    assert isinstance(alone, Outcome)
    assert alone.trained == 0
    assert alone.cells["status"].eq("FINISHED").all()


@pytest.mark.extended
def test_cells_are_those_of_an_experiment_on_one_data_set(untrained: Path) -> None:
    """Data sets may be listed later, and be taken back."""
    of_one = ["data=feature_csv", "data.path=one.csv", "data.label=y", "variant=none"]
    write_experiment(untrained, {})
    alone = ran(untrained, *of_one)
    assert isinstance(alone, Outcome)
    assert alone.trained == 2
    write_experiment(untrained, {"one": LISTED["one"], "again": LISTED["two"], "two": LISTED["two"]})
    outcome = run(untrained, "variant=none")
    assert outcome.trained == 2, "the same data under two names are trained once"
    assert outcome.cells["status"].eq("FINISHED").all()
    write_experiment(untrained, {})
    assert ran(untrained, *of_one).trained == 0


@pytest.mark.slow
def test_a_cell_that_fails_stops_no_other_and_is_trained_by_the_same_command(
    untrained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = {"none": VARIANTS["none"], "flaky": f"[imbalance=fails, imbalance.rows={FEW * 6 // 10}]"}
    write_experiment(untrained, variants=variants)
    monkeypatch.chdir(untrained)
    failed = typed(untrained, "run", "many", "data_sets=one,two", "variant=flaky")
    assert failed.exit_code == 1, failed.output
    assert "FAILED one: flaky, seed 1" in failed.stderr
    store = store_of(untrained)
    assert len(store.cells()) == 3
    assert statuses(store, "data_set") == {"one": "FAILED", "two": "FINISHED"}
    assert list(statuses(store, "launch").values()) == ["FAILED"]
    lines = _of_the_latest_launch(untrained)
    assert next(line.split() for line in lines if line.startswith("one "))[1::2] == ["failed", "1"]
    monkeypatch.setenv(SPARED, "1")
    again = run(untrained, "data_sets=one,two", "variant=flaky")
    assert (again.trained, again.failures) == (1, {})


@pytest.mark.slow
def test_fail_fast_starts_neither_the_next_variant_nor_the_next_data_set(untrained: Path) -> None:
    rows = FEW * 6 // 10
    write_experiment(untrained, variants={"flaky": f"[imbalance=fails, imbalance.rows={rows}]", **VARIANTS})
    failed = run(untrained, fail_fast=True)
    assert list(failed.failures) == ["one: flaky, seed 1"]
    store = store_of(untrained)
    assert statuses(store, "variant") == {"flaky": "FAILED"}
    assert statuses(store, "data_set") == {"one": "FAILED", "two": "KILLED", "mixed": "KILLED"}
    assert failed.cells["status"].value_counts().to_dict() == {"MISSING": 15, "FAILED": 1}


@pytest.mark.slow
def test_an_interrupt_keeps_what_is_finished_and_the_same_command_goes_on(
    untrained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = SOME * 6 // 10
    write_experiment(untrained, variants={**VARIANTS, "cut": f"[imbalance=interrupts, imbalance.rows={rows}]"})
    with pytest.raises(KeyboardInterrupt):
        run(untrained, "variant=cut")
    store = store_of(untrained)
    assert statuses(store, "data_set") == {"one": "FINISHED", "two": "KILLED", "mixed": "KILLED"}
    assert list(statuses(store, "launch").values()) == ["KILLED"]
    assert "RUNNING" not in {found.info.status for kind in ("variant", "seed") for found in runs(store, kind)}
    kept = len(store.cells())
    assert kept == 2
    said = typed(untrained, "status", "many").output
    assert "killed" in said
    assert "missing" in said
    monkeypatch.setenv(SPARED, "1")
    again = run(untrained, "variant=cut")
    assert (again.trained, again.failures) == (4, {})


@pytest.mark.slow
def test_runs_of_a_crash_are_ended_by_the_next_command(trained: Path) -> None:
    store = store_of(trained)
    (launch,) = store.launches()
    crashed = [launch.id, parts_of(store, launch)[2].id]
    for run_id in crashed:
        client_of(store).update_run(run_id, status="RUNNING")
        store.run(run_id).log(tags={"pid": "4194303999"})
    assert "mixed     killed" in typed(trained, "status", "many").output
    assert run(trained).trained == 0
    assert {client_of(store).get_run(run_id).info.status for run_id in crashed} == {"KILLED"}
    assert [launch.status for launch in store.launches()] == ["FINISHED", "KILLED"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variants", "missing", "kind", "said"),
    [
        ({**VARIANTS, "smote": "[imbalance=smote, imbalance.sampler.k_neighbors=20]"}, "", ConfigError, "'one'.*smote"),
        (VARIANTS, "two.csv", DataError, "'two'.*two.csv"),
    ],
)
def test_what_is_wrong_on_one_data_set_is_said_before_anything_is_trained(
    untrained: Path, variants: dict[str, str], missing: str, kind: type[Exception], said: str
) -> None:
    write_experiment(untrained, variants=variants)
    if missing:
        (untrained / missing).unlink()
    with pytest.raises(kind, match=f"Data set {said}"):
        run(untrained)
    with pytest.raises(TrackingError):
        store_of(untrained)


def test_progress_is_counted_over_all_data_sets() -> None:
    display = Display(quiet=True)
    of_one = display.about("one")
    display.begin(4)
    of_one.at("none", 1, 2, 2, 3)
    (bar,) = display._progress.tasks
    assert (bar.completed, bar.total, bar.description) == (3, 4, "one: none  epoch 1/2  2 seeds")


# ---- commands --------------------------------------------------------------------------------------------------------


def test_status_has_a_line_for_each_data_set(once: tuple[Path, BenchmarkOutcome]) -> None:
    folder, outcome = once
    lines = _of_the_latest_launch(folder)
    assert lines[0] == f"Latest launch {outcome.launch[:8]}, over 3 data sets"
    assert lines[1].split("  ")[0] == "data set"
    rows = [line.split() for line in lines[2:5]]
    assert [[row[0], row[1], *row[3:]] for row in rows] == [
        ["one", "done", "4", "0"],
        ["two", "done", "4", "0"],
        ["mixed", "done", "2", "2"],
    ]
    assert lines[5] == "smote does not apply to mixed."
    assert [line[:8] for line in lines[8:]] == [outcome.launch[:8]]
    assert find_launch(store_of(folder), rows[1][2]).data_set == "two"
    assert "many: 10 cells trained in 1 launch" in typed(folder, "status").output.splitlines()


def _of_the_latest_launch(folder: Path) -> list[str]:
    """What status says of the latest launch and after it."""
    lines = typed(folder, "status", "many").output.splitlines()
    return lines[next(at for at, line in enumerate(lines) if line.startswith("Latest launch")) :]


@pytest.mark.slow
def test_status_shows_what_the_file_asks_for_whatever_the_latest_launch_was_about(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def whole() -> list[str]:
        return typed(trained, "status", "many").output.split("\n\n")[0].splitlines()

    monkeypatch.chdir(trained)
    assert whole()[1:6] == [
        "data set  none  smote",
        "one          2      2",
        "two          2      2",
        "mixed        2      -",
        "-: the variant does not apply to the data set.",
    ]
    (earlier,) = store_of(trained).launches()
    partial = run(trained, "data_sets=one", "variant=smote").launch
    new = LISTED["one"].replace("one.csv", "new.csv")
    renamed = {"uno": LISTED["one"], "two": LISTED["two"], "mixed": LISTED["mixed"], "new": new}
    write_experiment(trained, renamed, {**VARIANTS, "over": "[imbalance=oversample]"})
    assert whole() == [
        "experiments/many.yaml as it stands: seeds trained, of 2",
        "data set  none  smote  over",
        "uno          2      2     0",
        "two          2      2     0",
        "mixed        2      -     0",
        "new          0      0     0",
        "-: the variant does not apply to the data set.",
        "10 of 22 cells are trained, 12 are missing: 'seedbed run many' trains them.",
        f"'seedbed report many' shows the latest launch, {partial[:8]}, with 2 of them; with --run {earlier.id[:8]}, one with 10.",
    ]
    file = trained / "experiments" / "many.yaml"
    file.write_text(file.read_text().replace("max_epochs: 1", "max_epochs: 2"))
    assert "0 of 24 cells are trained" in whole()[-2], "the file asks for another recipe"
    file.write_text(file.read_text().replace("seeds: 2", "seeds: none"))
    assert "seeds" in typed(trained, "status", "many").output.splitlines()[0]
    assert _of_the_latest_launch(trained)[0].startswith(f"Latest launch {partial[:8]}")


@pytest.mark.slow
def test_a_launch_on_some_data_sets_is_reported_in_a_folder_of_its_own(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reported(*more: str) -> Result:
        done = typed(trained, "report", "many", "--format", "csv", *more)
        assert done.exit_code == 0, done.output
        return done

    monkeypatch.chdir(trained)
    folder = trained / "experiments" / "many"
    reported()
    whole = (folder / "results.csv").read_bytes()
    partial = run(trained, "data_sets=one").launch
    own = folder / "launches" / partial[:8]
    said = f"(data_sets=[one]), so its report goes to {own}. To write it to {folder}, add --output {folder}.\n"
    assert said in reported().stderr
    assert (folder / "results.csv").read_bytes() == whole
    assert len((own / "results.csv").read_text().splitlines()) == 5
    assert str(own) not in reported("--output", str(folder)).stderr, "who names the folder means it"
    assert (folder / "results.csv").read_bytes() == (own / "results.csv").read_bytes()
    assert str(own) not in reported("--data-set", "one").stderr, "it lacks nothing on that data set"
    assert (folder / "one" / "results.csv").is_file()
    few = run(trained, "data_sets=one,two", "variant=none").launch
    assert (
        f"(variant=[none]), so its report goes to {folder}/launches/{few[:8]}/two."
        in reported("--data-set", "two").stderr
    )
    run(trained, "data_sets=two,one,mixed")
    assert "launches" not in reported().stderr
    assert (folder / "results.csv").read_bytes() == whole


@pytest.mark.slow
def test_a_file_that_has_changed_is_compared_on_every_data_set(trained: Path) -> None:
    benchmark = seedbed.load("many", config_dir=trained)
    assert isinstance(benchmark, Benchmark)

    def said() -> list[str]:
        return of_benchmark(benchmark, trained)[1]

    assert said() == []
    changed = LISTED["two"].replace("feature_csv,", "feature_csv, data.missing=median,")
    write_experiment(trained, {"one": LISTED["one"], "two": changed}, {**VARIANTS, "smote": "[imbalance=smote]"})
    (sentence,) = said()
    assert "(it has no data set mixed; the overrides of data set two; the overrides of smote)" in sentence
    write_experiment(trained, {"new": LISTED["one"]})
    assert "(it has no data set one, two and mixed)" in said()[0]
    write_experiment(trained)
    file = trained / "experiments" / "many.yaml"
    file.write_text(file.read_text().replace("max_epochs: 1", "max_epochs: 2"))
    assert "(trainer.max_epochs is 2, and was 1)" in said()[0]


def test_a_few_cells_are_of_many_data_sets_and_variants(once: tuple[Path, BenchmarkOutcome]) -> None:
    store, launch = find_tracked("many", once[0])
    names = [cell.name for cell in finished_cells(store, launch, None)]
    assert names[:5] == [
        "one: none, seed 0",
        "two: smote, seed 0",
        "mixed: none, seed 0",
        "one: smote, seed 0",
        "two: none, seed 1",
    ]
    assert len(names) == len(set(names)) == 10
    assert [cell.name for cell in finished_cells(store, launch, "smote", "one")] == ["smote, seed 0", "smote, seed 1"]
    with pytest.raises(ConfigError, match=r"--variant smot.*no such variant, did you mean 'smote'"):
        finished_cells(store, launch, "smot")


@pytest.mark.extended
@pytest.mark.usefixtures("here")
def test_cells_on_data_sets_repeat(once: tuple[Path, BenchmarkOutcome]) -> None:
    folder, _ = once
    done = typed(folder, "verify", "many", "--cells", "2")
    assert done.exit_code == 0, done.output
    assert "one: none, seed 0: identical" in done.output
    assert "two: smote, seed 0: identical" in done.output
    assert "2 of 10 trained cells again, on 2 of 3 data sets." in done.output
    alone = typed(folder, "verify", "many", "--alone")
    assert alone.exit_code == 2
    assert "Name it with --data-set: one, two, mixed." in alone.output


@pytest.mark.extended
def test_two_launches_over_data_sets_side_by_side(trained: Path) -> None:
    run(trained, "data_sets=one,mixed", "seeds=3", "variant=none", "optimizer.lr=0.01")
    text = differences("many~1", "many", config_dir=trained, width=120)
    lines = text.splitlines()
    assert "data sets: in both one, mixed; only in A two" in lines
    assert lines.count("seeds: in both 0, 1; only in B 2") == 1, "what differs on all is said once"
    assert (
        sum(line.split() == ["optimizer.lr", "0.001", "0.01"] for line in lines) == 2
    )  # with the file, which was moved
    at = [number for number, line in enumerate(lines) if line.startswith("On ")]
    assert [lines[number] for number in at] == ["On one", "On mixed"]
    assert lines[at[0] + 1] == "variants: in both none; only in A smote"
    assert "variants: same" not in text, "nothing is said of what is the same"
    assert sum(line.startswith("none ") and line.endswith("other cells, 2 seeds in both") for line in lines) == 2
    on_one = differences("many~1", "many", config_dir=trained, width=120, data_set="one")
    assert on_one.splitlines()[0].split()[:4] == ["A", "many", "on", "one"]
    same = differences("many", "many", config_dir=trained, width=120).splitlines()[-1]
    assert same.startswith("The cells of the variants and seeds in both are the same on all data sets")
    with pytest.raises(TrackingError, match=r"--data-set two.*no such data set"):
        differences("many~1", "many", config_dir=trained, data_set="two")


@pytest.mark.slow
def test_one_data_set_is_asked_for_by_its_name(once: tuple[Path, BenchmarkOutcome]) -> None:
    folder, _ = once
    (folder / "asked.csv").write_text("a,b,c\n1,0,0\n")
    asked = ["predict", "many", "--file", str(folder / "asked.csv"), "--variant", "none"]
    unclear = typed(folder, *asked)
    assert unclear.exit_code == 2
    assert "is over 3 data sets, and this is about one. Name it with --data-set: one, two, mixed." in unclear.output
    clear = typed(folder, *asked, "--data-set", "one")
    assert clear.exit_code == 0, clear.output
    assert clear.output.startswith("many on one, launch ")
    for command in (["power", "many"], ["export", "many"], ["recommend", "many", "--user", "1"]):
        assert "Name it with --data-set" in typed(folder, *command).output
    assert typed(folder, "power", "many", "--data-set", "two").exit_code == 0


@pytest.mark.slow
def test_an_exported_model_says_which_data_set(trained: Path) -> None:
    done = typed(trained, "export", "many", "--variant", "none", "--data-set", "two")
    assert done.exit_code == 0, done.output
    store = store_of(trained)
    (model,) = runs(store, "model")
    assert model.data.params["data_set"] == "two"
    (logged,) = client_of(store).search_logged_models([store.experiment_id])
    assert logged.name == "two_none"


@pytest.mark.extended
def test_jobs_of_a_multirun_are_launches_over_data_sets(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    assert multirun.run_jobs("many", ["data_sets=one,[two,mixed]"], trained) == 0
    store = store_of(trained)
    assert [launch.data_sets for launch in store.launches()] == [("two", "mixed"), ("one",), ("one", "two", "mixed")]
    lines = _of_the_latest_launch(trained)
    assert [line.split()[-1] for line in lines[2:4]] == ["data_sets=[one]", "data_sets=[two,mixed]"]
    assert [line.split()[3] for line in lines[2:4]] == ["4", "6"]
    said = capfd.readouterr().err
    assert "one: one.csv was read as" in said
    assert "2 files were read as delimited text" in said
    assert "2 jobs: 2 done" in said


@pytest.mark.slow
def test_a_search_is_on_one_data_set_and_its_study_is_named_after_it(
    untrained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(untrained)
    asked = ["variant=none", "optimizer.lr=1e-3,1e-2"]
    with pytest.raises(
        ConfigError, match=r"one data set, and the file lists 3\. Pick one with data_sets=NAME, of one, two"
    ):
        search("many", asked, untrained)
    plans = [read_plan("many", [*asked, f"data_sets={name}"], untrained) for name in ("one", "two")]
    assert [plan.settings.study for plan in plans] == ["many/one/none", "many/two/none"]


@pytest.mark.extended
def test_searches_on_two_data_sets_are_two_studies(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    asked = ["variant=none", "optimizer.lr=1e-3,1e-2", "search.fresh_seeds=2"]
    found = [search("many", [*asked, f"data_sets={name}"], trained) for name in ("one", "two")]
    assert [each.search.study for each in found] == ["many/one/none", "many/two/none"]
    assert all(each.tested and not each.tested.failures for each in found)
    store = store_of(trained)
    tested = find_launch(store, of_search=True, data_set="one")
    assert (tested.id, tested.data_set) == (found[0].tested and found[0].tested.launch, "one")
    assert find_launch(store, of_search=True).data_set == "two"
    assert on_data_set(store, tested, "one") == tested
    with pytest.raises(TrackingError, match="is on data set 'one'"):
        on_data_set(store, tested, "two")


@pytest.mark.slow
def test_range_tests_on_one_data_set(untrained: Path) -> None:
    asked = ["variant=none", "lr_finder.steps=5", "seeds=1"]
    with pytest.raises(
        ConfigError, match=r"one data set, and the file lists 3\. Pick one with data_sets=NAME, of one, two"
    ):
        seedbed.find_lr("many", asked, untrained, quiet=True)
    found = seedbed.find_lr("many", [*asked, "data_sets=two"], untrained, quiet=True)
    assert str(found).startswith("two: none: 1 seed, 5 rates")
    store = open_project_store("many.lr_find", untrained)
    (tested,) = runs(store, "lr_find")
    assert (tested.info.run_name, tested.data.tags["seedbed.data_set"]) == ("two: none", "two")


@pytest.mark.slow
def test_mlflows_page_opens_on_the_variants_of_each_data_set(once: tuple[Path, BenchmarkOutcome]) -> None:
    store = store_of(once[0])
    view = json.loads(client_of(store).get_experiment(store.experiment_id).tags["mlflow.sharedViewState.variants"])
    found = client_of(store).search_runs(
        [store.experiment_id], view["searchFilter"], order_by=[f"{view['orderByKey']} ASC"]
    )
    said = [
        (run.data.tags["seedbed.data_set"], run.info.run_name, run.data.tags.get("seedbed.verdict")) for run in found
    ]
    outcome = once[1]
    wanted = {(row.data_set, row.variant) for row in outcome.cells.itertuples()}
    assert len(said) == len(wanted)
    assert {(data_set, variant) for data_set, variant, _ in said} == wanted
    assert {verdict for _, variant, verdict in said if variant == "none"} == {"baseline"}
    assert all(verdict for _, _, verdict in said)
    assert view["selectedColumns"][0] == "tags.`seedbed.data_set`"
    assert view["orderByKey"] != "attributes.start_time"  # by which MLflow folds runs below those above them

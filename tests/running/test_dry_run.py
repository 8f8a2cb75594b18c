"""A dry run: what it says of the cells, rows and times of a run, and that it writes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seedbed.cli.main import main
from seedbed.config.experiment import load_experiments
from seedbed.data import encoding_cache
from seedbed.data.dry import dry_run
from seedbed.data.encoders import HashEncoder
from seedbed.data.encoding_cache import encode_cached
from seedbed.running import estimates
from seedbed.running.dry_run import DryRunResult, VariantCells, dry_run_of
from seedbed.running.estimates import EARLIER, MEASURED, Estimate, seconds_of_all
from seedbed.running.runner import run
from seedbed.training import short_fits
from seedbed.training.short_fits import FitTimes
from tests.several import FEW, OTHERS, write_experiment, write_tables


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process, and in a short time."""
    monkeypatch.setattr(short_fits, "_MEASURED", {})
    monkeypatch.setattr(short_fits, "SECONDS_OF_STEPS", 0.02)


def of(project: Path, *overrides: str, name: str = "messages") -> DryRunResult:
    return dry_run_of(load_experiments(name, overrides, project))


def typed(project: Path, *arguments: str, name: str = "messages") -> Result:
    return CliRunner().invoke(main, ["run", name, *arguments, "--dry-run", "--config-dir", str(project)])


def by_name(result: DryRunResult) -> dict[str, VariantCells]:
    return {f"{each.data_set} {each.variant}".strip(): each for each in result.variants}


def files(*folders: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


# ---- nothing is written ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nothing_is_written_where_there_is_nothing_yet(bare_project: Path, tmp_path: Path) -> None:
    before = files(bare_project)
    done = typed(bare_project)
    assert done.exit_code == 0, done.output
    assert files(bare_project) == before
    assert not (tmp_path / "cache").exists()
    assert done.stdout.splitlines()[-1].startswith("6 cells, 0 there already; about ")
    assert done.stdout.endswith("Nothing was written.\n")


def test_nothing_is_written_beside_what_was_trained(trained_project: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "kept").write_text("by others")
    before = files(trained_project, cache)
    assert typed(trained_project, "seeds=5").exit_code == 0
    assert files(trained_project, cache) == before


def test_data_that_are_not_here_are_not_fetched(
    bare_project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEEDBED_DATA", raising=False)
    done = typed(bare_project, "data=sms_spam", "report.metric=test/accuracy")
    assert done.exit_code == 0, done.output
    assert "sms_spam is not on this machine: a run would fetch it from https://" in done.stdout
    assert "(0.5 MB)" in done.stdout
    assert done.stdout.endswith("What there is to train shows when the data are here. Nothing was written.\n")
    assert not (tmp_path / "cache").exists()


def test_a_few_texts_are_encoded_in_place_of_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(encoding_cache, "SOME", 4)
    texts, encoder, encoded = [f"text {number}" for number in range(40)], HashEncoder(dimensions=8), list[int]()
    encode = encoder.encode
    monkeypatch.setattr(encoder, "encode", lambda some, progress=None: (encoded.append(len(some)), encode(some))[1])
    with dry_run() as dry:
        assert encode_cached(encoder, texts).shape == (40, 8)
    assert encoded == [1, 4]
    (ahead,) = dry.ahead
    assert "40 texts" in ahead.what
    assert ahead.seconds > ahead.spent > 0
    assert not (tmp_path / "cache").exists()
    kept = encode_cached(encoder, texts)
    with dry_run() as dry:
        assert (encode_cached(encoder, texts) == kept).all()
    assert dry.ahead == []


# ---- cells, rows and times -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_cells_rows_and_the_source_of_a_time(trained_project: Path) -> None:
    result = of(trained_project, "seeds=5")
    assert (result.cells, result.missing, result.unknown) == (10, 4, False)
    none, oversample = by_name(result).values()
    assert (none.cells, none.missing, none.estimate.source) == (5, 2, EARLIER)
    rows = none.estimate.rows
    assert sum(rows.values()) == 80
    assert none.estimate.trains_on is None
    assert oversample.estimate.trains_on is not None
    assert oversample.estimate.trains_on > rows["train"] == oversample.estimate.rows["train"]
    assert none.estimate.parameters == (16 + 1) * 8 + (8 + 1) * 2
    assert none.estimate.seconds is not None
    assert none.estimate.memory > 10**7
    other = by_name(of(trained_project, "optimizer.lr=0.5"))["none"]
    assert (other.missing, other.estimate.source) == (3, MEASURED)
    nothing = of(trained_project)
    assert (nothing.cells, nothing.missing) == (6, 0)
    assert nothing.known_seconds == sum(each.seconds for each in nothing.ahead)  # the cache is empty
    assert "6 cells, 6 there already: nothing to train. Nothing was written." in typed(trained_project).stdout


def test_times_of_another_machine_are_left_out(trained_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates.socket, "gethostname", lambda: "another")
    assert by_name(of(trained_project, "seeds=4", "variant=none"))["none"].estimate.source == MEASURED


def test_a_time_grows_with_epochs_rows_and_seeds(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = FitTimes(3, step=0.1, validation=0.2, epoch=0.0, fit=0.5, around=1.0, first=2.0, memory=10**9, gpu_memory=0)
    monkeypatch.setattr(estimates, "fit_times", lambda *_: times)
    monkeypatch.setattr(estimates, "SECONDS_OF_A_RECORD", 0.0)

    def seconds(*overrides: str) -> float:
        result = of(project, "variant=none", *overrides)
        (each,) = result.variants
        assert each.estimate.seconds is not None
        assert (result.begun, result.at_most) == (2.0, "patience=3" in overrides)
        return each.estimate.seconds

    steps = -(-56 // 16)  # of an epoch
    assert seconds() == pytest.approx(1.5 + 2 * (0.2 + steps * 0.1), abs=0.1)
    assert seconds("trainer.max_epochs=4") == pytest.approx(1.5 + 4 * (0.2 + steps * 0.1), abs=0.1)
    assert seconds("seeds=6", "patience=3") == pytest.approx(2 * (1.5 + 2 * (0.2 + steps * 0.1)), abs=0.1)


@pytest.mark.slow
def test_an_estimate_is_near_the_time_that_is_recorded(project: Path) -> None:
    overrides = ["variant=none", "trainer.max_epochs=60"]
    (each,) = of(project, *overrides).variants
    outcome = run("messages", overrides, project)
    assert each.estimate.seconds is not None
    recorded = outcome.cells["seconds"].sum()
    assert recorded / 4 < each.estimate.seconds < 4 * recorded + 2  # the machine may be busy


def test_stacks_in_processes_begin_where_one_is_free() -> None:
    nothing = Estimate({}, None, None, 1, 0.0, "", at_most=False, memory=0)
    apart = [replace(nothing, seconds=each / 2, at_once=2, of_stacks=(each,)) for each in (4.0, 1.0, 5.0)]
    assert seconds_of_all(apart) == 6.0  # the third after the second
    assert seconds_of_all([*apart, replace(nothing, seconds=3.0), replace(nothing, seconds=None)]) == 9.0
    assert (
        seconds_of_all([replace(apart[0], beside_stacks=8.0), *apart[1:]]) == 8.0
    )  # what is prepared here takes longer
    assert seconds_of_all([]) == 0.0


def test_models_that_take_no_steps(project: Path) -> None:
    result = of(project, "variant=none", "model={_target_: sklearn.linear_model.LogisticRegression}")
    (each,) = result.variants
    assert (each.estimate.parameters, each.estimate.epochs, each.estimate.source) == (None, 0, MEASURED)
    assert each.estimate.seconds is not None
    assert 0 < each.estimate.seconds < 30


def test_a_seed_whose_rows_cannot_be_made_has_no_time(project: Path) -> None:
    done = typed(project, "seeds=[2]", name="failing_seed")
    assert done.exit_code == 0, done.output
    assert "flaky: how long it takes cannot be known: RuntimeError: no rows for seed 2." in done.stdout
    assert "; at least about" in done.stdout


def test_rows_that_cannot_work_are_found_as_in_a_run(bare_project: Path) -> None:
    done = typed(bare_project, name="smote_only")
    assert done.exit_code == 2, done.output
    assert "max k = 13" in done.stderr


# ---- several data sets, jobs, bad input ------------------------------------------------------------------------------


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "several"
    folder.mkdir()
    write_tables(folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.slow
def test_several_data_sets(several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEEDBED_DATA", raising=False)
    there = {name: f"[data=feature_csv, data.path={name}.csv, data.label=y]" for name in ("one", "mixed")}
    write_experiment(several, {**there, "away": "[data=keel, data.name=car-good]"})
    result = of(several, name="many")
    assert list(by_name(result)) == ["one none", "one smote", "mixed none"]
    assert [sum(each.estimate.rows.values()) for each in result.variants] == [FEW, FEW, OTHERS]
    assert list(result.not_here) == ["away"]
    assert result.unknown
    done = typed(several, name="many")
    assert done.stdout.splitlines()[1].startswith("data set  variant")
    assert "Data set 'away': keel is not on this machine" in done.stdout
    assert "6 cells, 0 there already; at least about" in done.stdout


def test_jobs_of_a_multirun(project: Path) -> None:
    done = typed(project, "-m", "optimizer.lr=0.1,0.2", "variant=none")
    assert done.exit_code == 0, done.output
    assert [line for line in done.stdout.splitlines() if line.startswith("job ")] == [
        "job 0  optimizer.lr=0.1",
        "job 1  optimizer.lr=0.2",
    ]
    assert "2 jobs, one after the other: 6 cells, 0 there already; about" in done.stdout
    assert not (project / "multirun").exists()


def test_cells_that_two_jobs_ask_for_are_trained_by_the_first(project: Path) -> None:
    done = typed(project, "-m", "seeds=2,3", "variant=none")
    assert "2 jobs, one after the other: 5 cells, 2 there already" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("variant=nome",), "did you mean 'none'"),
        (
            ("-m", "hydra/sweeper=optuna", "variant=none", "optimizer.lr=interval(0.1,0.2)"),
            "a search chooses its trials",
        ),
        (("--cfg", "job"), "--dry-run and --cfg are answered one at a time"),
    ],
)
def test_bad_input_is_found_as_in_a_run(bare_project: Path, arguments: tuple[str, ...], said: str) -> None:
    done = typed(bare_project, *arguments)
    assert done.exit_code == 2, done.output
    assert said in done.stderr

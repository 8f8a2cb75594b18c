"""The commands as they are typed, in a process of their own where that is what is tested."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seedbed.cli.commands.data import data
from seedbed.cli.main import main
from seedbed.data.published.keel_sets import SETS
from seedbed.data.sources import sha256
from seedbed.tracking.store import Store, store_uri
from tests.conftest import CONFIGURED
from tests.made_up import write_keel
from tests.running.test_runner import statuses, store_of
from tests.stored import runs

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def typed(tmp_path: Path) -> Callable[..., Result]:
    """The same in this process, for commands whose own process is not what is tested."""

    def command(*arguments: str) -> Result:
        own = ["--config-dir", str(tmp_path / "project")] if arguments[0] in CONFIGURED else []
        return CliRunner().invoke(main, [*arguments, *own], env={"COLUMNS": "200"})

    return command


def test_a_setting_that_is_typed_as_an_option_is_answered_with_how_it_is_typed() -> None:
    done = CliRunner().invoke(main, ["run", "spam_imbalance", "--seeds=3"])
    assert done.exit_code == 2
    assert "No such option '--seeds'. Settings are typed without dashes, as seeds=VALUE." in " ".join(
        done.output.split()
    )
    assert "without dashes" not in CliRunner().invoke(main, ["status", "--seeds=3"]).output


def test_help_has_examples() -> None:
    commands = [[], *([name] for name in main.commands), *(["data", name] for name in data.commands)]
    for command in commands:
        done = CliRunner().invoke(main, [*command, "--help"])
        assert done.exit_code == 0
        assert f"Examples:\n  seedbed {' '.join(command)}" in done.output


def test_heavy_packages_are_not_imported_for_help() -> None:
    heavy = {"torch", "pytorch_lightning", "mlflow", "hydra", "omegaconf", "pandas", "numpy", "sklearn", "matplotlib"}
    code = f"import sys, seedbed.cli.main; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_a_run_prints_its_table_and_little_else(seedbed: Command, typed: Callable[..., Result]) -> None:
    """Output to a file: the table on standard output, and one line per variant beside it; no more when asked again."""
    done = seedbed("run", "messages", "trainer.max_epochs=30")
    assert done.returncode == 0, done.stderr
    assert "test/accuracy ± std" in done.stdout
    assert [line.split()[0] for line in done.stdout.splitlines()[3:5]] == ["none", "oversample"]
    assert len(done.stderr) < 5000
    for variant in ("none:", "oversample:"):
        assert sum(line.startswith(variant) for line in done.stderr.splitlines()) == 1
    assert "Epoch" not in done.stderr
    again = typed("run", "messages", "trainer.max_epochs=30")
    assert "nothing to do" in again.stderr
    assert again.stdout == done.stdout


@pytest.mark.slow
def test_status_and_report(typed: Callable[..., Result], trained_project: Path) -> None:
    assert "FINISHED" in typed("status", "messages").stdout
    assert "messages: 6 cells trained in 1 launch" in typed("status").stdout
    folder = trained_project / "experiments" / "messages"

    def written() -> dict[str, bytes]:
        done = typed("report", "messages")
        assert done.exit_code == 0, done.stderr
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    files = written()
    of_scores = ("reliability", "roc", "precision_recall", "f1_by_threshold")
    names = ("accuracy", "seeds", "differences", "curves", *of_scores)
    drawn = {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    tables = {*(f"{name}.csv" for name in ("results", "curves", "comparisons", "published")), "record.json"}
    assert {name for name in files if not name.startswith("tables/")} == {
        "report.md",
        "report.html",
        "report.tex",
        *drawn,
        *tables,
    }
    assert {"tables/result.tex", "tables/comparisons.tex", "tables/every_seed.tex"} < set(files)
    assert written() == files
    wrong = typed("report", "messages", "--metric", "test/acuracy")
    assert wrong.exit_code == 2
    assert "test/accuracy" in wrong.stderr


@pytest.mark.slow
def test_a_run_writes_the_report_that_is_asked_for(
    typed: Callable[..., Result],
    trained_project: Path,
    draw_only: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw_only("accuracy")
    folder = trained_project / "experiments" / "messages"
    with monkeypatch.context() as patch:
        patch.setattr("seedbed.tracking.reading.read_results", None)  # what the run has read is not read again
        done = typed("run", "messages", "--report")
    assert done.exit_code == 0, done.stderr
    assert f"{folder / 'report.md'}\n" in done.stdout
    assert "Report: seedbed report" not in done.stderr
    written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {"report.md", "curves.csv", "record.json"} <= {path.name for path in written}
    assert typed("report", "messages").exit_code == 0
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == written


@pytest.mark.slow
def test_no_report_is_written_where_seeds_failed(typed: Callable[..., Result], project: Path) -> None:
    done = typed("run", "failing_seed", "--report", "variant=flaky", "seeds=3", "trainer.max_epochs=1")
    assert done.exit_code == 1
    assert "No report is written, as something failed. Of what did not: seedbed report failing_seed" in done.stderr
    assert not list(project.glob("experiments/failing_seed/**/report.md"))


def test_what_trains_nothing_has_no_report(typed: Callable[..., Result]) -> None:
    done = typed("run", "spam_imbalance", "--report", "--dry-run")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--dry-run trains nothing that could be reported. Leave --report out." in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "mesages"), "did you mean 'messages'"),
        (("run", "messages", "variant=nome"), "did you mean 'none'"),
        (("run", "smote_only"), "max k = 13"),
        (("report", "messages"), "seedbed run messages"),
        (("status", "messages"), "seedbed run messages"),
        (("data", "fetch", "sms_spm"), "did you mean 'sms_spam'"),
    ],
    ids=["experiment", "variant", "smote", "report", "status", "data"],
)  # fmt: skip
@pytest.mark.usefixtures("project")
def test_bad_input_is_one_paragraph_and_exit_code_2(
    typed: Callable[..., Result], arguments: tuple[str, ...], said: str
) -> None:
    done = typed(*arguments)
    assert done.exit_code == 2
    (paragraph,) = [line for line in done.stderr.splitlines() if line.startswith("seedbed: ")]
    assert done.stderr.rstrip().endswith(paragraph)
    assert said in paragraph
    assert done.stdout == ""


@pytest.mark.slow
@pytest.mark.usefixtures("project")
def test_only_debug_shows_a_traceback(
    seedbed: Command, typed: Callable[..., Result], capfd: pytest.CaptureFixture[str]
) -> None:
    """The one in a process of its own, as nothing else says what is printed of an error that is let through."""
    plain = typed("run", "mesages")
    assert isinstance(plain.exception, SystemExit)
    assert "Traceback" not in plain.output + capfd.readouterr().err
    shown = seedbed("run", "mesages", "--debug")
    assert shown.returncode == 1
    assert "Traceback" in shown.stderr


@pytest.mark.slow
def test_multirun_runs_every_job_and_says_which_failed(
    typed: Callable[..., Result], project: Path, draw_only: Callable[..., None]
) -> None:
    """In both jobs one seed fails: both run, both are in one store, and each job's log has its traceback."""
    draw_only("sweep")
    jobs = ["model.hidden=[4],[8]", "variant=none,flaky", "seeds=3", "trainer.max_epochs=1", "hydra.job.chdir=true"]
    done = typed("run", "failing_seed", "-m", *jobs)
    assert done.exit_code == 1
    store = store_of(project, "failing_seed")
    assert [found.info.status for found in runs(store, "launch")] == ["FAILED", "FAILED"]
    assert len(runs(store, "launch")) == 2
    assert sorted(found.info.status for found in runs(store, "seed")) == ["FAILED"] * 2 + ["FINISHED"] * 10
    rows = [line for line in done.stdout.splitlines() if line.startswith("flaky ") and " ± " in line]
    assert ["n=2/3, 1 failed" in row for row in rows] == [True, True]
    logs = sorted(project.glob("multirun/failing_seed/*/*/job-*.log"))
    assert len(logs) == 2
    assert all("Traceback" in log.read_text() and str(log) in done.stderr for log in logs)
    assert len(list(project.rglob("mlflow.db"))) == 1
    assert typed("report", "failing_seed", "--format", "md").exit_code == 0
    (folder,) = (
        project / "experiments" / "failing_seed" / "launches"
    ).iterdir()  # as the job's overrides ask for other cells
    page = (folder / "report.md").read_text()
    section = page.split("## Sweep")[1].split("## ")[0]
    assert "one of two jobs of a sweep over `model.hidden`" in section
    assert [line.split("|")[1].strip() for line in section.splitlines() if line.startswith(r"| \[")] == [
        r"\[4\]",
        r"\[8\]",
    ]
    assert (folder / "sweep.png").stat().st_size > 1000


@pytest.mark.usefixtures("trained_project")
def test_power_reads_what_is_tracked(typed: Callable[..., Result]) -> None:
    done = typed("power", "messages", "--difference", "0.3", "--metric", "test/loss")
    assert done.exit_code == 0, done.stderr
    assert "seeds for 0.3" in done.stdout
    lines = done.stdout.splitlines()
    assert lines[1].startswith("Exploratory: not the comparison that the experiment names")
    assert any(line.startswith("oversample ") for line in lines)


@pytest.mark.slow
def test_multirun_finds_bad_input_before_the_first_job(typed: Callable[..., Result], project: Path) -> None:
    done = typed("run", "messages", "-m", "model.hidden=[4],[8]", "trainer.batch_size=16,0")
    assert done.exit_code == 2
    assert "trainer.batch_size=0" in done.stderr
    assert not (project / "multirun").exists()


@pytest.mark.extended
def test_one_store_from_any_folder(seedbed: Command, project: Path, tmp_path: Path) -> None:
    swept = seedbed("run", "messages", "-m", "variant=none", "seeds=1,2", "hydra.job.chdir=true", cwd=project / "data")
    assert swept.returncode == 0, swept.stderr
    once = seedbed("run", "messages", "variant=none", "seeds=3", cwd=tmp_path)
    assert "2 of 3 trained already" in once.stderr
    assert len(runs(store_of(project, "messages"), "seed")) == 3
    assert [path.parent for path in tmp_path.rglob("mlflow.db")] == [project]


@pytest.mark.extended
@pytest.mark.parametrize(
    ("name", "status"),
    [
        pytest.param("SIGINT", "KILLED", marks=pytest.mark.extended),
        pytest.param("SIGTERM", "KILLED", marks=pytest.mark.extended),
        ("SIGKILL", "RUNNING"),
    ],
)
def test_a_killed_run_is_seen_as_killed_and_resumed(
    seedbed: Command,
    typed: Callable[..., Result],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    status: str,
) -> None:
    settings = f"_target_: tests.made_up.Signals\nname: {name}\nafter: {5 if name == 'SIGKILL' else 0}\n"
    (project / "imbalance" / "signals.yaml").write_text(settings)
    cut = seedbed("run", "interrupted")
    assert cut.returncode != 0
    assert "Traceback" not in cut.stderr
    store = Store(store_uri(project), project, "interrupted")
    assert statuses(store, "variant") == {"none": "FINISHED", "cut": status}
    monkeypatch.setenv("SEEDBED_TEST_SPARE", "1")
    rest = typed("run", "interrupted")
    assert rest.exit_code == 0, rest.stderr
    assert "none: 3 trained before" in rest.stderr
    assert ("KILLED" in rest.stderr) == (status == "RUNNING")
    assert not [
        found for kind in ("launch", "variant", "seed") for found in runs(store, kind) if found.info.status == "RUNNING"
    ]


@pytest.mark.extended
def test_slurms_warning_ends_a_fit_as_killed_and_leaves_no_checkpoint(seedbed: Command, project: Path) -> None:
    """As --signal=USR1@60 sends it, in a job of several tasks; ``scontrol`` puts a job back that Lightning handles."""
    (project / "model").mkdir()
    (project / "model" / "signals.yaml").write_text(
        "_target_: tests.made_up.SignalsWhileItTrains\n_partial_: true\nname: SIGUSR1\n"
    )
    path = project / "experiments" / "interrupted.yaml"
    path.write_text(path.read_text().replace("cut: [imbalance=signals]", "cut: [model=signals, '~model.hidden']"))
    before = {found.name for found in project.iterdir()}
    job = {
        "SLURM_JOB_NAME": "train", "SLURM_JOB_ID": "123", "SLURM_NTASKS": "1", "SLURM_PROCID": "0",
        "SLURM_LOCALID": "0", "SLURM_NODEID": "0",
    }  # fmt: skip
    cut = seedbed("run", "interrupted", **job)
    assert cut.returncode == 128 + signal.SIGUSR1
    assert "ended by SIGUSR1" in cut.stderr
    assert "Traceback" not in cut.stderr
    store = store_of(project, "interrupted")
    assert statuses(store, "variant") == {"none": "FINISHED", "cut": "KILLED"}
    assert list(statuses(store, "launch").values()) == ["KILLED"]
    assert {found.name for found in project.iterdir()} - before <= {"mlartifacts", "mlflow.db.lock"}
    rest = seedbed("run", "interrupted", SEEDBED_TEST_SPARE="1", **job | {"SLURM_NTASKS": "4", "SLURM_PROCID": "3"})
    assert rest.returncode == 0, rest.stderr
    assert "none: 3 trained before" in rest.stderr


def test_data_commands(typed: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data" / "sms_spam"
    folder.mkdir(parents=True)
    (folder / "SMSSpamCollection").write_text("ham\tnot the real file\n")
    monkeypatch.setenv("SEEDBED_DATA", str(tmp_path / "data"))
    listed = typed("data", "list")
    assert "sms_spam:" in listed.stdout
    assert "CC BY 4.0" in listed.stdout
    checked = typed("data", "check")
    assert checked.exit_code == 1
    assert "wrong" in checked.stdout
    refused = typed("data", "fetch", "sms_spam")
    assert refused.exit_code == 2
    assert "7d039a24" in refused.stderr


def test_the_sets_of_keel_are_listed_and_fetched_by_name(
    typed: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data" / "keel" / "yeast3.dat"
    write_keel(path)
    monkeypatch.setitem(SETS, "yeast3", dataclasses.replace(SETS["yeast3"], digest=sha256(path)))
    monkeypatch.setenv("SEEDBED_DATA", str(tmp_path / "data"))
    assert f"keel (105 sets): 1 of them in {path.parent}\n" in typed("data", "list").stdout
    (listed,) = [line for line in typed("data", "list", "keel").stdout.splitlines() if line.startswith("yeast3 ")]
    assert listed.split() == ["yeast3", "1484", "163", "8.1", "yeast", "yes"]
    assert "yeast3 " not in typed("data", "list", "sms_spam").stdout
    assert "keel (105 sets): ok" in typed("data", "check").stdout
    assert typed("data", "fetch", "keel", "yeast3").stdout == f"yeast3: {path}\n"
    for words, said in (
        (("keel",), "`seedbed data list keel` shows all of them"),
        (("keel", "yeast3", "yeastt3"), "no set 'yeastt3' of keel, did you mean 'yeast3'"),
        (("sms_spam", "yeast3"), "sms_spam is one data set: leave out yeast3"),
    ):
        refused = typed("data", "fetch", *words)
        assert (refused.exit_code, refused.stdout) == (2, "")
        assert said in refused.stderr

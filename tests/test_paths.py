"""Where things lie: folders that are named oddly, deleted or nobody's, and what cannot be written."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from seedbed import paths
from seedbed.cli.main import main
from seedbed.cli.ui import OF_THE_SERVER
from seedbed.data import sources
from seedbed.errors import ConfigError, DataError
from seedbed.report.files import check_writable, write_files
from tests.conftest import REPOSITORY


def test_a_tilde_is_the_home_folder_only_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert paths.expanded("~/x") == tmp_path / "x"
    assert paths.expanded("~nobody-is-called-so/x") == Path("~nobody-is-called-so/x")
    (tmp_path / "~root").mkdir()
    assert paths.expanded("~root") == Path("~root")


def test_a_folder_that_was_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(ConfigError, match="was deleted"):
        paths.project_folder()


def test_a_user_whom_the_system_does_not_know(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(paths.tempfile, "tempdir", str(tmp_path))
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME", "XDG_CACHE_HOME", "SEEDBED_CACHE"):
        monkeypatch.setenv(name, "")  # so that they are set back afterwards
        monkeypatch.delenv(name)
    paths.ensure_home()
    home = tmp_path / f"seedbed-{os.getuid()}"
    assert (Path.home(), os.environ["USER"]) == (home, str(os.getuid()))
    assert sources.cache_dir().is_relative_to(home)
    assert home.stat().st_mode & 0o777 == 0o700
    assert [record.getMessage() for record in caplog.records] == [
        f"The user {os.getuid()} has no home folder: caches go to {home}. HOME names another folder, SEEDBED_CACHE one for "
        "seedbed's."
    ]
    paths.ensure_home()
    assert len(caplog.records) == 1


@pytest.mark.extended
def test_a_process_of_such_a_user_imports_all_packages(tmp_path: Path) -> None:
    code = (
        "import pwd\n"
        "def unknown(uid): raise KeyError(uid)\n"
        "pwd.getpwuid = unknown\n"
        "import seedbed.tracking, seedbed.figures, seedbed.training.stack_trainer"
    )
    told = {"PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV"}
    environment = {key: value for key, value in os.environ.items() if key in told}
    where = {"PYTHONPATH": str(REPOSITORY / "src"), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | where, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"caches go to {tmp_path}/seedbed-" in done.stderr


@pytest.mark.parametrize("place", ["/proc/x", "{folder}/file", "{folder}/file/below"])
def test_a_cache_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    folder = Path(place.format(folder=tmp_path))
    with (
        pytest.raises(DataError, match=rf"{folder} cannot take more data: .* SEEDBED_CACHE"),
        sources.writable_folder(folder),
    ):
        pass


def test_an_array_that_is_cut_by_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no space is left"), sources.writable_folder(tmp_path):
        raise OSError("640 requested and 12 written")


@pytest.mark.parametrize("place", ["/proc/x", "{folder}/file", "{folder}/file/below"])
def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    bare_project: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").touch()
    output = place.format(folder=tmp_path)
    arguments = ["report", "messages", "--config-dir", str(bare_project), "--output", output]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert (
        f"seedbed: {output} cannot take files: " in done.output
    )  # not that nothing is tracked, which is looked up later
    assert "--output" in done.output


def test_what_is_tried_leaves_no_folder(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b", "--output")
    assert os.listdir(tmp_path) == []


def test_a_report_for_which_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seedbed.report.files.tempfile.mkstemp", full)
    with pytest.raises(ConfigError, match=r"cannot be written to .*: No space left on device\. .* --output; nothing"):
        write_files(tmp_path, {"a.md": "x"}, "--output")


@pytest.mark.slow
def test_bad_input_leaves_no_store(bare_project: Path) -> None:
    (bare_project / "data" / "messages.yaml").write_text("_target_: seedbed.data.text_csv.TextCsv\npath: none.csv\n")
    for command in ("run", "search", "lr-find", "status", "report", "power"):
        more = {"search": ["variant=none", "optimizer.lr=1e-3,1e-2"]}.get(command, [])
        done = CliRunner().invoke(main, [command, "messages", *more, "--config-dir", str(bare_project)])
        assert done.exit_code == 2, done.output
    assert not list(bare_project.rglob("*.db*"))


def test_only_the_servers_own_warning_is_left_out() -> None:
    code = "import warnings; warnings.warn('starlette.middleware.wsgi is deprecated and will go'); warnings.warn('another')"
    environment = {**os.environ, "PYTHONWARNINGS": ",".join(OF_THE_SERVER)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "starlette" not in done.stderr.replace(code, "")
    assert "UserWarning: another" in done.stderr


def test_the_project_folder_is_found_from_below(bare_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = bare_project / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert paths.project_folder() == bare_project
    assert paths.project_folder(os.path.relpath(bare_project)) == bare_project

"""What is installed: the wheel's files, a run of it outside the repository, and the versions that go with it."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import REPOSITORY, write_project

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="builds the wheel: install the extra dev")
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(REPOSITORY))
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The site-packages of a new environment: the wheel, read-only, and what it needs from this environment."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment)
    python = environment / "bin" / "python"
    pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    (packages,) = environment.glob("lib/python*/site-packages")
    # A folder that a .pth file names is searched, but its own .pth files are not read: an editable seedbed stays unseen.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n" + sysconfig.get_path("platlib"))
    package = packages / "seedbed"
    folders = [package, *(path for path in package.rglob("*") if path.is_dir())]
    # As after an administrator's installation. Root may write all the same: tests compare the files as well.
    for folder in folders:
        folder.chmod(0o555)
    yield packages
    for folder in folders:
        folder.chmod(0o755)


@pytest.fixture
def own_project(tmp_path: Path) -> Path:
    """A user's folder with the code that its configs name."""
    folder = write_project(tmp_path / "project")
    shutil.copy(REPOSITORY / "tests" / "made_up.py", folder)
    data = folder / "data" / "messages.yaml"
    data.write_text(data.read_text().replace("tests.made_up", "made_up"))
    return folder


def pip(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def seedbed(packages: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The installed command, typed in ``folder``."""
    folder.mkdir(exist_ok=True)
    program = packages.parents[2] / "bin" / "seedbed"
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [program, *arguments], cwd=folder, env=surroundings, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file with its size and time, but for what Python itself caches."""
    found = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


@pytest.mark.extended
def test_the_wheel_holds_code_configs_and_experiments_and_nothing_else(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    own = {Path("seedbed") / path for path in files(REPOSITORY / "src" / "seedbed")}
    own |= {Path("hydra_plugins") / path for path in files(REPOSITORY / "src" / "hydra_plugins")}
    own |= {Path("seedbed/conf") / path for path in files(REPOSITORY / "conf")}
    own |= {Path("seedbed/experiments") / path.name for path in (REPOSITORY / "experiments").glob("*.yaml")}
    assert {Path(name) for name in names if ".dist-info/" not in name} == own
    assert Path("seedbed/py.typed") in own
    assert f"seedbed-{PROJECT['version']}.dist-info/licenses/LICENSE" in names


@pytest.mark.extended
def test_an_installed_seedbed_writes_into_the_project_alone(installed: Path, own_project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    before = files(installed)
    assert seedbed(installed, elsewhere, "--version").stdout.split()[-1] == PROJECT["version"]
    code = "import seedbed; print(seedbed.__file__)"
    imported = subprocess.run(
        [installed.parents[2] / "bin" / "python", "-c", code], cwd=elsewhere, capture_output=True, text=True, check=True
    )
    assert Path(imported.stdout.strip()).is_relative_to(installed)

    ran = seedbed(installed, elsewhere, "run", "messages", "--config-dir", str(own_project))
    assert "test/accuracy ± std" in ran.stdout
    assert [line.split()[0] for line in ran.stdout.splitlines()[3:5]] == ["none", "oversample"]
    seedbed(installed, elsewhere, "report", "messages", "--config-dir", str(own_project))

    assert (own_project / "mlflow.db").stat().st_size > 0
    assert any((own_project / "mlartifacts").rglob("*.yaml"))
    assert (own_project / "experiments" / "messages" / "report.md").is_file()
    assert any(Path(os.environ["SEEDBED_CACHE"]).rglob("*.npy"))
    assert list(elsewhere.iterdir()) == []
    assert files(installed) == before


def test_the_citation_names_this_version_and_licence() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


def test_constraints_pin_a_version_of_every_dependency_that_will_do() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = [re.fullmatch(r"([\w.-]+)[=<]=([\w.]+)", line) for line in lines if not line.startswith("#")]
    assert all(pins), "a line is not NAME==VERSION, or NAME<=VERSION where an extra needs an earlier one"
    versions = {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}
    assert "seedbed" not in versions
    for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]:
        needed = Requirement(text)
        pinned = versions.get(canonicalize_name(needed.name))
        assert pinned is not None, f"{needed.name} is not in constraints.txt; its first lines say how to make it anew"
        assert needed.specifier.contains(pinned), f"constraints.txt has {needed.name} {pinned}, not {needed.specifier}"


@pytest.mark.extended
@pytest.mark.parametrize("extra", [name for name in PROJECT["optional-dependencies"] if name != "dev"])
def test_every_extra_can_be_installed_with_the_constraints(extra: str) -> None:
    """By pip, which only looks up what it would install."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--constraint", "constraints.txt"]
    looked_up = subprocess.run(
        [*command, f".[{extra}]"], cwd=REPOSITORY, capture_output=True, text=True, timeout=590, check=False
    )
    if re.search("No matching distribution|connection|No module named pip", looked_up.stderr, re.IGNORECASE):
        pytest.skip(f"pip reaches no index: {looked_up.stderr.splitlines()[-1]}")
    assert looked_up.returncode == 0, looked_up.stderr


def test_no_installed_package_asks_for_another_optuna() -> None:
    """Hydra's own Optuna sweeper would take Optuna back to 2; the sweeper here is seedbed's."""
    ours = importlib.metadata.version("optuna")
    assert ours.startswith("5.")
    for package in importlib.metadata.distributions():
        for text in package.requires or ():
            asked = Requirement(text)
            if asked.name == "optuna" and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
                assert asked.specifier.contains(ours), f"{package.name} asks for {text}"

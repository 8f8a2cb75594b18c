"""The hooks of ``.pre-commit-config.yaml`` for files that no other check reads: workflows, forms and the citation."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPOSITORY

FILES = sorted(
    path.relative_to(REPOSITORY).as_posix()
    for path in [*REPOSITORY.glob("*.*"), *(REPOSITORY / ".github").rglob("*")]
    if path.is_file()
)
HOOKS = [
    hook
    for repository in yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"]
    for hook in repository["hooks"]
    if "files" in hook
]
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").iterdir())


def run(hook: dict[str, Any], files: list[str]) -> subprocess.CompletedProcess[str]:
    """The hook's command, of the environment in which the tests run."""
    program, *arguments = shlex.split(hook["entry"])
    installed = Path(sys.executable).parent / Path(program).name
    if not installed.exists():
        pytest.skip(f"{installed.name} is not installed: install the extra dev")
    return subprocess.run(
        [installed, *arguments, *files], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "hook",
    [
        pytest.param(hook, id=hook["id"], marks=[pytest.mark.slow] if "jsonschema" in hook["entry"] else [])
        for hook in HOOKS
    ],
)
def test_a_hook_passes_on_the_files_that_it_is_for(hook: dict[str, Any]) -> None:
    files = [file for file in FILES if re.search(hook["files"], file)]
    assert files, f"no file matches {hook['files']}"
    done = run(hook, files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_what_it_is_here_for(tmp_path: Path) -> None:
    """An action by a name that can move, and a token that stays in the checkout."""
    (hook,) = (hook for hook in HOOKS if hook["id"] == "zizmor")
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    loose = tmp_path / ".github" / "workflows" / "tests.yml"
    text = next(path for path in WORKFLOWS if path.name == "tests.yml").read_text()
    loose.write_text(
        re.sub(r"(checkout)@\w+ .*", r"\1@main", text).replace("persist-credentials: false", "fetch-depth: 1")
    )
    done = run(hook, [str(loose)])
    assert done.returncode != 0
    assert {"unpinned-uses", "artipacked"} <= set(re.findall(r"\[([\w-]+)\]", done.stdout))


def test_the_workflow_tests_the_versions_of_python_that_the_package_names() -> None:
    project = (REPOSITORY / "pyproject.toml").read_text()
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "tests.yml").read_text())
    tested = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert tested == re.findall(r"Python :: (3\.\d+)", project)
    assert f'requires-python = ">={tested[0]}"' in project
    assert all(f"python{version}" in (REPOSITORY / "scripts" / "environment.sh").read_text() for version in tested)

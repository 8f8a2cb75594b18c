"""The reference pages of the documentation, which are made from the code."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import seedbed
from seedbed.cli.main import main as program
from tests.conftest import REPOSITORY
from tests.scripts.loading import load_script

docs = load_script("docs")


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return docs.reference_pages()


def test_every_command_has_a_page_with_its_help(pages: dict[str, str]) -> None:
    names = {path.partition("/")[2] for path in pages if path.startswith("commands/")}
    assert names == {"index.md", *(f"{name}.md" for name in program.commands)}
    assert "seedbed run spam_imbalance seeds=30" in pages["commands/run.md"]  # an example
    assert "## seedbed data fetch" in pages["commands/data.md"]
    for name in program.commands:
        assert f"\n{name}\n" in pages["commands/index.md"].partition("toctree")[2]


def test_every_file_of_every_group_is_on_the_page_of_its_group(pages: dict[str, str]) -> None:
    for path in (REPOSITORY / "conf").glob("*/**/*.yaml"):
        group = path.parent.relative_to(REPOSITORY / "conf").as_posix()
        page = pages[f"config/{group.replace('/', '-')}.md"]
        assert f"\n## {path.stem}\n" in page
        for line in path.read_text().splitlines():
            if not line.startswith("#"):
                assert line in page
        assert f"[{group}]({group.replace('/', '-')}.md)" in pages["config/index.md"]


def test_what_a_choice_is_comes_from_its_comment_and_docstrings(pages: dict[str, str]) -> None:
    (section,) = (part for part in pages["config/imbalance.md"].split("\n## ") if part.startswith("class_weights\n"))
    assert "\nRare classes weigh more in the loss, by inverse frequency" in section
    assert "`seedbed.imbalance.class_weights.ClassWeights`: Weights n / (C n\\_c)" in section
    assert '`class_weight="balanced"`' in section


def test_a_docstring_stands_once_on_a_page(pages: dict[str, str]) -> None:
    assert pages["config/imbalance.md"].count("Applies `sampler` to the training rows") == 1
    assert "`seedbed.imbalance.resample.Resample`: see [adasyn](#adasyn)" in pages["config/imbalance.md"]


def test_a_target_that_is_not_there_is_named() -> None:
    with pytest.raises(LookupError, match="Nothing"):
        docs.docstring("seedbed.imbalance.base.Nothing")


def test_all_that_python_offers_has_its_place(pages: dict[str, str]) -> None:
    page = pages["python.md"]
    for name in seedbed.__all__:
        assert f"## seedbed.{name}\n" in page or f"\n`seedbed.{name}`: " in page
    assert "def compare(\n    results: Results" in page
    assert "    *,\n    quiet: bool = False,\n) -> Outcome | BenchmarkOutcome\n" in page
    assert "- `trained`: Cells trained by this call" in page  # a field
    assert "- `comparisons`: Each variant against the baseline" in page  # a property
    assert "- `values(variant, metric)`: Final values" in page  # a method
    assert "_by_variant" not in page


def test_a_build_fails_where_sphinx_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pages: dict[str, str]
) -> None:
    """Which is told to fail on any warning; pages of what is no more are gone."""
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "old.md").touch()
    told: list[str] = []
    monkeypatch.setattr(docs, "REFERENCE", tmp_path)
    monkeypatch.setattr(docs, "sphinx", lambda arguments: told.extend(arguments) or 1)
    monkeypatch.setattr(sys, "argv", ["docs.py"])
    assert docs.main() == 1
    assert "--fail-on-warning" in told
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")} == set(pages)

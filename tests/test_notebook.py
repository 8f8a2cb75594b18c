"""``docs/notebook.ipynb``: its cells run, in their shortest form, and what is saved in it came of a whole run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

from tests.conftest import REPOSITORY

PATH = REPOSITORY / "docs" / "notebook.ipynb"
CODE = [cell for cell in json.loads(PATH.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
SHORTER = {
    "draw.normal(size=(1000, 4))": "draw.normal(size=(1000, 4))[:200]",
    "draw.random(1000)": "draw.random(1000)[:200]",
    "seeds: 10": "seeds: 2\ntracking: {{pictures: false}}",
    "max_epochs: 40": "max_epochs: 1",
}


@pytest.mark.slow
def test_the_cells_run_one_after_the_other(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first-run").mkdir()
    shutil.copy(empty_store, tmp_path / "first-run")
    source = "\n".join("".join(cell["source"]) for cell in CODE)
    for whole, shorter in SHORTER.items():
        assert whole in source
        source = source.replace(whole, shorter)
    names: dict[str, Any] = {}
    exec(compile(source, str(PATH), "exec"), names)
    plt.close("all")
    assert (names["outcome"].failures, names["outcome"].trained) == ({}, 6)
    assert list(names["by_seed"]) == ["none", "class_weights", "oversample"]
    assert names["results"].launch == names["outcome"].launch


def test_what_is_saved_came_of_one_run_without_errors() -> None:
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    outputs = [output for cell in CODE for output in cell["outputs"]]
    assert {output.get("name", "stdout") for output in outputs} == {"stdout"}
    assert {output["output_type"] for output in outputs} == {"execute_result", "stream", "display_data"}
    said = "".join(line for output in outputs for line in output.get("text", []))
    assert "from none on test/f1 with 10 seeds" in said or "than none by" in said
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert PATH.stat().st_size < 200_000

"""MLflow's types stay inside tracking/: no other room imports them, or reads a run as MLflow has it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import seedbed

PACKAGE = Path(seedbed.__file__).parent
OTHERS = [
    path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "tracking"
]
OF_MODELS = ("mlflow.exceptions", "mlflow.models", "mlflow.pyfunc", "mlflow.types")
"""What serving/ imports: MLflow's models and their schemas, and the error that its server answers."""
OF_RUNS = {"data.tags", "data.params", "data.metrics", "info.run_id", "info.run_name", "info.status", "info.start_time"}
TAGS = {f"seedbed.{name}" for name in ("kind", "variant", "seed", "fingerprint", "launch", "outcome", "error", "key")}


def trespasses(source: str, *, models: bool = False) -> list[str]:
    """What a module outside tracking/ has no business with, each with its line."""
    return [
        f"line {line}: {what}"
        for node in ast.walk(ast.parse(source))
        for line, what in _of(node)
        if not (models and what.startswith(OF_MODELS))
    ]


def _of(node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Import(names=names):
            yield from ((node.lineno, alias.name) for alias in names if _is_mlflows(alias.name))
        case ast.ImportFrom(module=str(module), level=0) if _is_mlflows(module):
            yield node.lineno, module
        case ast.Attribute(attr="client" | "_client" as name):
            yield node.lineno, f".{name}"
        case ast.Attribute(value=ast.Attribute(attr=first), attr=second) if f"{first}.{second}" in OF_RUNS:
            yield node.lineno, f".{first}.{second}"
        case ast.Constant(value=str(text)) if text in TAGS or text.startswith("mlflow.parent"):
            yield node.lineno, repr(text)


def _is_mlflows(module: str) -> bool:
    return module == "mlflow" or module.startswith("mlflow.")


@pytest.mark.slow
def test_only_tracking_knows_mlflows_runs() -> None:
    assert len(OTHERS) > 100
    found = {
        str(path): trespasses((PACKAGE / path).read_text("utf-8"), models=path.parts[0] == "serving") for path in OTHERS
    }
    assert {path: of_file for path, of_file in found.items() if of_file} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import mlflow", "import mlflow.entities", "from mlflow.entities import Run", "from mlflow import MlflowClient",
        "store.client.get_run(x)", "store._client", "run.data.tags['x']", "[r.info.run_id for r in runs]",
        "tags['seedbed.seed']",
    ],
)  # fmt: skip
def test_a_trespass_is_found(source: str) -> None:
    assert len(trespasses(source)) == 1
    assert trespasses("from mlflow.models import Model", models=True) == []
    assert len(trespasses("from mlflow.entities import Run", models=True)) == 1

"""Writes the predictor of a variant as an MLflow model into the tracking store, and says how to serve it."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path

# Before any of MLflow's: see tracking/client.py.
from seedbed.tracking.models import TrackedModel, register_model, tracked_model, upload  # isort: split

import mlflow.pyfunc
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import AnyType, ColSpec, Schema

from seedbed.checks import require_choice
from seedbed.paths import PACKAGE, expanded
from seedbed.serving.building import INDEXES, predictor_of
from seedbed.serving.predictor import Column, Predictor
from seedbed.serving.requirements import requirements
from seedbed.tracking.names import ON_DATA_SET
from seedbed.tracking.tracked_run import TrackedRun, ending
from seedbed.trained.loading import TrackedVariant, find_variant

CODE = Path(__file__).parent / "model.py"
"""What MLflow runs to load the model."""


@dataclass(frozen=True)
class Exported:
    """An MLflow model in the store."""

    about: str
    uri: str
    """As MLflow's commands take it: "models:/m-..."."""
    tracking_uri: str
    """Where it lies, without a password."""
    query: str
    """JSON that the server answers."""
    registered: str = ""
    """Name and version in the registry: "spam/1"."""

    def __str__(self) -> str:
        """What to type to serve it and to ask it."""
        registered = f", registered as {self.registered}" if self.registered else ""
        served = f"models:/{self.registered}" if self.registered else self.uri
        serve = ["mlflow", "models", "serve", "-m", served, "--env-manager", "local", "--port", "5001"]
        ask = ["curl", "http://127.0.0.1:5001/invocations", "-H", "Content-Type: application/json", "-d", self.query]
        return "\n".join(
            [
                self.about,
                f"Exported as {self.uri}{registered}.",
                "",
                "Serve it:",
                f"  MLFLOW_TRACKING_URI={shlex.quote(self.tracking_uri)} {shlex.join(serve)}",
                "Ask it:",
                f"  {shlex.join(ask)}",
            ]
        )


def export(
    experiment: str,
    variant: str | None = None,
    run: str | None = None,
    seed: int | None = None,
    *,
    threshold: float | None = None,
    index: str = "exact",
    register: str | None = None,
    data_set: str | None = None,
    config_dir: str | PathLike[str] | None = None,
) -> Exported:
    """Log the model of a variant, by default of the best one of the latest launch with all its seeds.

    It goes into a run of its own below the variant's, so that no record of a seed changes. ``threshold``, of
    two classes, is the probability from which a row is of the rarer one. ``index`` is one of ``INDEXES``; ``register`` is a name
    in MLflow's model registry, which gets a new version. Of a launch over several data sets,
    ``data_set`` says on which the seeds were trained. Raises a ``SeedbedError``.
    """
    require_choice("--index", index, INDEXES)
    tracked = find_variant(experiment, variant, run, config_dir, data_set=data_set)
    predictor = predictor_of(tracked, seed, index, threshold)
    on = {ON_DATA_SET: tracked.data_set} if tracked.data_set else {}
    labels = {} if threshold is None else {"threshold": threshold}
    tags = {"variant": tracked.name, "launch": tracked.results.launch, **on}
    with ending(tracked.store.start(f"{tracked.name}, served", "model", tags, tracked.run)) as of_model:
        of_model.log(params={"seeds": list(predictor.seeds), "index": index, "kind": predictor.KIND, **labels, **on})
        model = _log(tracked, of_model, predictor, config_dir)
        registered = register_model(tracked.store, model, register) if register else ""
    query = json.dumps({"dataframe_records": predictor.example().to_dict("records")}, ensure_ascii=False)
    return Exported(predictor.about, model.uri, tracked.store.uri, query, registered)


def _log(
    tracked: TrackedVariant, run: TrackedRun, predictor: Predictor, config_dir: str | PathLike[str] | None
) -> TrackedModel:
    """Write and upload the files."""
    named = f"{tracked.data_set}_{tracked.name}" if tracked.data_set else tracked.name
    name = re.sub(r"[^\w-]", "_", named)  # MLflow takes no '.' and the like here
    with tracked_model(tracked.store, run.id, name, predictor.KIND) as model, tempfile.TemporaryDirectory() as folder:
        described = Model(artifact_path=model.location, model_uuid=model.id, model_id=model.id, run_id=run.id)
        on = {ON_DATA_SET: tracked.data_set} if tracked.data_set else {}
        save(predictor, Path(folder) / "model", described, _own_code(config_dir), on)
        upload(tracked.store, model, Path(folder) / "model")
    return model


def save(
    predictor: Predictor,
    folder: Path,
    described: Model | None = None,
    own_code: list[Path] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write an MLflow model into ``folder``, which must not exist yet, with further ``metadata``.

    The model is a file of code (``CODE``) and the predictor's files: nothing is pickled. seedbed's code travels with it,
    so that what answers is what was exported, wherever it is served.
    """
    code = [PACKAGE, *(own_code or [])]
    with tempfile.TemporaryDirectory() as written:
        files = Path(written) / "predictor"
        predictor.save(files)
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(CODE),
            artifacts={"predictor": str(files)},
            code_paths=[str(path) for path in code],
            signature=ModelSignature(_schema(predictor.questions), _schema(predictor.answers)),
            input_example=predictor.example(),
            pip_requirements=requirements(predictor, code),
            metadata={"seedbed": version("seedbed"), "about": predictor.about, **(metadata or {})},
            mlflow_model=described,
        )


def _schema(columns: tuple[Column, ...]) -> Schema:
    any_type = AnyType()  # type: ignore[no-untyped-call]
    types = {column.name: any_type if column.type == "any" else column.type for column in columns}
    return Schema([ColSpec(types[column.name], column.name, required=column.required) for column in columns])


def _own_code(config_dir: str | PathLike[str] | None) -> list[Path]:
    """The user's modules and packages at the top of ``config_dir`` that the variant has imported by now."""
    if config_dir is None:
        return []
    folder = expanded(config_dir).resolve()
    return [path for path in sorted(folder.iterdir()) if _is_imported(path)]


def _is_imported(path: Path) -> bool:
    module = sys.modules.get(path.stem if path.suffix == ".py" else path.name)
    if path.suffix == ".py":
        return getattr(module, "__file__", None) == str(path)
    return path.is_dir() and str(path) in list(getattr(module, "__path__", []))

"""MLflow models in a project's store, and its model registry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Before any of MLflow's: see client.py.
from seedbed.tracking.store import Store  # isort: split

from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow.tracking._tracking_service.utils import _use_tracking_uri

from seedbed.errors import TrackingError


@dataclass(frozen=True)
class TrackedModel:
    """A model of a run."""

    id: str
    run: str
    """Id of the run."""
    location: str
    """Where MLflow keeps its files."""

    @property
    def uri(self) -> str:
        """Address that MLflow's commands take: "models:/m-..."."""
        return f"models:/{self.id}"


@contextmanager
def tracked_model(store: Store, run: str, name: str, kind: str) -> Iterator[TrackedModel]:
    """A new model of a run, to which ``upload`` adds the files; it is READY at the end, or FAILED on an error."""
    client = store._client
    logged = client.create_logged_model(store.experiment_id, name, run, model_type=kind)
    try:
        yield TrackedModel(str(logged.model_id), run, str(logged.artifact_location))
    except BaseException:
        client.finalize_logged_model(logged.model_id, "FAILED")
        raise
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(logged.model_id, step=0)])


def upload(store: Store, model: TrackedModel, folder: Path) -> None:
    """Store all files of a folder as those of the model."""
    store._client.log_model_artifacts(model.id, str(folder))


def register_model(store: Store, model: TrackedModel, name: str) -> str:
    """Add the model to the registry as a new version of ``name``; returns both: "spam/1". Raises ``TrackingError``."""
    try:
        with _mlflows_own_address(store.address):
            return _registered(store, model, name)
    except MlflowException as error:
        raise TrackingError(f"--register {name}: MLflow refuses it: {error}") from error


def _registered(store: Store, model: TrackedModel, name: str) -> str:
    client = store._client
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    registered = client.create_model_version(name, model.uri, model.run, model_id=model.id)
    return f"{name}/{registered.version}"


@contextmanager
def _mlflows_own_address(address: str) -> Iterator[None]:
    """A registry in a database looks models up at the address that MLflow has for all of the process, not at its own."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    try:
        with _use_tracking_uri(address):
            yield
    finally:
        if before is not None:
            os.environ["MLFLOW_TRACKING_URI"] = before

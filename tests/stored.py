"""What stands in a store, as MLflow itself gives it: the view from outside, for tests of what is recorded."""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities import Run

from seedbed.tracking.store import Store


def client_of(store: Store) -> MlflowClient:
    return store._client


def runs(store: Store, kind: str) -> list[Run]:
    """All runs of a kind, in the order in which they were started."""
    return store._search(f"tags.`seedbed.kind` = '{kind}'")


def children(store: Store, run_id: str) -> list[Run]:
    """The runs below a run, in the order in which they were started."""
    return store._search(f"tags.`mlflow.parentRunId` = '{run_id}'")


def file_names(store: Store, run_id: str, folder: str | None = None) -> set[str]:
    """Names of the files and folders of a run."""
    return {file.path for file in store._client.list_artifacts(run_id, folder)}

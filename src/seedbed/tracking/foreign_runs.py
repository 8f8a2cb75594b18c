"""Runs that seedbed did not write, of any experiment in any MLflow store, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, ErrorCode

from seedbed.errors import TrackingError, near_misses
from seedbed.tracking.client import ProjectClient, usable
from seedbed.tracking.databases import without_password
from seedbed.tracking.runs import true_status
from seedbed.tracking.store import OLDEST_FIRST, opened

OF_THE_MACHINE = "system/"
"""Begins the names of what MLflow records of the machine that a run runs on."""
OF_MLFLOW = "mlflow."
INVALID = ErrorCode.Name(INVALID_PARAMETER_VALUE)


@dataclass(frozen=True)
class StoredRun:
    """One run as it stands there."""

    id: str
    status: str
    """FINISHED, FAILED, KILLED, RUNNING or SCHEDULED."""
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    """The last value of each."""


class StoredExperiment:
    """An experiment of MLflow's, to be read."""

    def __init__(self, uri: str, project: Path, name: str) -> None:
        """Raises ``TrackingError`` where there is none of that name, and ``NothingTracked`` where there is no store."""
        self.name, self._uri = name, uri
        self._client: ProjectClient = opened(uri, project, "name the store of the runs with --tracking-uri")
        with usable(uri):
            found = self._client.get_experiment_by_name(name)
            names = list(self._client.experiment_names().values())
        if found is None or found.lifecycle_stage == "deleted":
            raise TrackingError(
                f"--mlflow {name}: {without_password(uri)} has no such experiment, {near_misses(name, names)} Another store is "
                "named with --tracking-uri."
            )
        self._id = str(found.experiment_id)

    def runs(self, query: str = "") -> list[StoredRun]:
        """All runs that are not deleted, the oldest first; those that a ``query`` in MLflow's grammar finds."""
        try:
            found = self._client.runs([self._id], query, OLDEST_FIRST)
        except TrackingError as error:
            cause = error.__cause__
            if not query or not isinstance(cause, MlflowException) or cause.error_code != INVALID:
                raise
            why = " ".join(str(cause).split())[:400]
            raise TrackingError(f"--filter {query!r}: MLflow refuses it: {why}") from error
        return [self._stored(run) for run in found]

    def points(self, run: StoredRun) -> Iterator[tuple[str, int, float]]:
        """Metric, step and value of each curve of a run: of the metrics with several steps."""
        last: dict[str, dict[int, float]] = {name: {} for name in sorted(run.metrics)}
        with usable(self._uri):
            for point in self._client.points(run.id, last):
                last[point.key][point.step] = point.value
        for name, of_metric in last.items():
            if len(of_metric) > 1:
                yield from ((name, step, value) for step, value in sorted(of_metric.items()))

    def _stored(self, run: Any) -> StoredRun:
        tags = {name: text for name, text in run.data.tags.items() if not name.startswith(OF_MLFLOW)}
        tags |= {"mlflow.runName": run.info.run_name or ""}
        metrics = {name: of for name, of in run.data.metrics.items() if not name.startswith(OF_THE_MACHINE)}
        return StoredRun(run.info.run_id, true_status(run), dict(run.data.params), tags, metrics)

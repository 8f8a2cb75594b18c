"""A run that this process writes."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from seedbed.tracking.client import DESCRIPTION, ProjectClient
from seedbed.tracking.names import ERROR, LABEL, in_store, metric_names
from seedbed.tracking.params import param_key, param_text


@dataclass
class TrackedRun:
    """One run in the store that this process writes."""

    _client: ProjectClient
    _id: str | Future[str]
    """Of a run that another thread begins, what that thread will give."""
    name: str = ""
    """As MLflow shows it, of a run that is begun here."""
    above: TrackedRun | None = None
    """The run above it, where that is alive as long as this one writes."""
    ended: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    """Canonical name of each metric logged so far, by its label."""
    _naming: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def id(self) -> str:
        """MLflow's; where another thread begins the run, this waits for it."""
        return self._id if isinstance(self._id, str) else self._id.result()

    def log(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        curves: Iterable[tuple[str, int, float]] = (),
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> None:
        """Write in batches. Non-finite values are left out: SQL stores would turn inf into 1.8e308.

        ``curves``: label, epoch and value of each point. ``description``: Markdown, which MLflow's page of the run shows.
        """
        now = int(time.time() * 1000)
        points = [(label, step, value) for label, step, value in curves if math.isfinite(value)]
        with self._naming:  # a variant's run is written by the thread that trains and by the one that records
            names = metric_names(dict.fromkeys([*self.labels, *(label for label, _, _ in points)]))
            self.labels = names
        metrics = [(names[label], value, now, step) for label, step, value in points]
        texts = [(param_key(key), param_text(value)) for key, value in (params or {}).items()]
        of_metrics = {f"{LABEL}{name}": label for label, name in names.items() if label != name}
        described = {} if description is None else {DESCRIPTION: description}
        self._client.write(self.id, metrics, texts, {**in_store(tags or {}), **described, **in_store(of_metrics)})

    def add_data(self, name: str, digest: str, source: Mapping[str, Any]) -> None:
        """Record the data set as MLflow's dataset input; ``source`` is where it comes from."""
        self._client.add_data(self.id, name, digest, source)

    def artifact(self, name: str, content: str | bytes) -> None:
        """Store a small file under ``name``."""
        self._client.add_file(self.id, name, content.encode() if isinstance(content, str) else content)

    def text(self, name: str) -> str:
        """Read such a file back."""
        with self._client.file(self.id, name) as path:
            return path.read_text("utf-8")

    @contextmanager
    def with_load(self) -> Iterator[None]:
        """Record the load of the machine every ten seconds, as MLflow's system metrics."""
        from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

        monitor = SystemMetricsMonitor(self.id, tracking_uri=self._client.tracking_uri)  # type: ignore[no-untyped-call]
        monitor.start()  # type: ignore[no-untyped-call]
        try:
            yield
        finally:
            monitor.finish()  # type: ignore[no-untyped-call]

    def fail(self, error: BaseException) -> None:
        """End as FAILED, with the error as a tag where the store still takes one."""
        try:
            self.log(tags={ERROR: f"{type(error).__name__}: {error}"[:4000]})
        finally:
            self.end("FAILED")

    def end(self, status: str) -> None:
        """Set the final status; the first one counts."""
        if not self.ended:
            self._client.set_terminated(self.id, status)
            self.ended = True


@contextmanager
def ending(run: TrackedRun) -> Iterator[TrackedRun]:
    """Give the run its true final status: FINISHED, FAILED on an error, KILLED on an interrupt or SIGTERM."""
    try:
        yield run
    except (KeyboardInterrupt, SystemExit):
        run.end("KILLED")
        raise
    except BaseException as error:
        run.fail(error)
        raise
    run.end("FINISHED")

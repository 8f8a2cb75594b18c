"""What MLflow's page of an experiment opens on: its shared views, which lie in the store as tags of the experiment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

SHARED_VIEW = "mlflow.sharedViewState."
"""Before the key of a view, in the name of its tag; MLflow's own button Share makes such views."""
NARROW, WIDE = 130, 200
"""Widths of columns in pixels."""
VARIANTS, SEEDS = "variants", "seeds"
"""Keys of the views of the latest launch: its variants with their means, and the seeds' runs with their curves."""


def address_of(experiment_id: str, view: str | None = None, *, charts: bool = False) -> str:
    """The part of a page's address after the server's: an experiment of MLflow's, opened on one of its views, as a table or as charts."""
    asked = {"workflowType": "machine_learning"} if view is None else {"viewStateShareKey": view}
    asked |= {"compareRunsMode": "CHART"} if charts else {}
    return f"/#/experiments/{quote(experiment_id)}/runs?{urlencode(asked)}"


def metric_column(name: str) -> str:
    return f"metrics.`{name}`"


def tag_column(name: str) -> str:
    return f"tags.`{name}`"


def view(
    query: str, columns: Sequence[str], *, sorted_by: str, ascending: bool, charts: str, grouped_by: str | None = None
) -> str:
    """A view of the runs that a query finds, as a table with these columns after the name.

    ``sorted_by`` is a column; ``charts`` is a regular expression for the metrics of which there are charts; ``grouped_by`` is
    the tag by which the curves of runs are drawn as their mean.
    """
    state: dict[str, Any] = {
        "searchFilter": query,
        "orderByKey": sorted_by,
        "orderByAsc": ascending,
        "selectedColumns": list(columns),
        "columnOrder": list(columns),
        "columnWidths": {column: WIDE if column.startswith("tags.") else NARROW for column in columns},
        "chartsSearchFilter": charts,
    }
    if grouped_by is not None:
        state["groupBy"] = {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "tag", "groupByData": grouped_by}],
        }
    return json.dumps(state)

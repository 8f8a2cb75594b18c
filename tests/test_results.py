"""What a launch says of itself beside its numbers."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from seedbed.results import Results


@pytest.mark.parametrize(
    ("data", "is_inspected"),
    [
        ({"inspected": True}, True),
        ({"inspected": False, "rating_range": [1, 5]}, False),
        ({"rating_range": [1, 5]}, True),  # as version 0.1.0 recorded it
        ({}, False),
    ],
)
def test_a_launch_says_whether_its_networks_are_inspected(data: dict[str, Any], is_inspected: bool) -> None:
    results = Results("made up", {}, (), pd.DataFrame(), pd.DataFrame(), data)
    assert results.is_inspected is is_inspected

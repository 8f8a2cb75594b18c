"""Names that a report asks for: which of them the data have."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from seedbed.errors import ConfigError
from seedbed.trained.queries import check_names, foreign_names

RATED = SimpleNamespace(user_names=("1", "42"), item_names=("Item 3", "Item 7"))
"""What a table of ratings says of names."""


def test_names_that_are_typed_are_meant_and_a_user_of_another_file_is_not() -> None:
    report = {"user": 42, "similar_to": "Star Wars (1977)"}
    assert foreign_names(RATED, report, {"data", "data.path"}) == report
    assert foreign_names(RATED, report, {"data"}) == {"similar_to": "Star Wars (1977)"}
    assert foreign_names(RATED, report, {"data.path", "report.user", "report.similar_to"}) == {}
    assert foreign_names(RATED, {"user": None, "similar_to": "Item 3"}, {"data.path"}) == {}


def test_names_are_looked_up_where_a_table_has_them() -> None:
    check_names(RATED, {"user": 42, "similar_to": "item 3"})
    check_names(SimpleNamespace(), {"user": None})
    with pytest.raises(
        ConfigError, match=r"report\.similar_to='Item 33': the data has no such name, did you mean 'Item 3'"
    ):
        check_names(RATED, {"similar_to": "Item 33"})
    with pytest.raises(ConfigError, match=r"report\.user=42: it is asked of ratings, and these data are none"):
        check_names(SimpleNamespace(classes=("ham", "spam")), {"user": 42})

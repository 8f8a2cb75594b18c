"""Single values of a config, as messages show them."""

from __future__ import annotations

from pathlib import Path

from seedbed.checks import shown
from seedbed.errors import without_addresses


def test_no_message_shows_where_an_object_lies() -> None:
    assert shown([without_addresses, object]) == "[without_addresses,<class 'object'>]"
    assert without_addresses(f"got {Path.cwd!r} and {shown}").endswith("and shown")

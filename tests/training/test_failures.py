"""What is said of failures: each cause once, with the user's own line where it arose."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from json import JSONDecodeError
from multiprocessing import get_context
from pathlib import Path

import pytest

from seedbed.training.failures import Failure, grouped


def test_seeds_that_fail_alike_are_said_once() -> None:
    alike, other = Failure("ValueError: x", ""), Failure("ValueError: y", "")
    failures = {f"a, seed {seed}": other if seed == 2 else alike for seed in (5, 0, 1, 2, 3)}
    failures |= {"b": alike, "b, seed 4": alike, "b, seed 5": alike, **{f"c, seed {seed}": alike for seed in range(4)}}
    assert [where for where, _ in grouped(failures)] == [
        "a, seeds 0, 1, 3 and 5",
        "a, seed 2",
        "b",
        "b, seeds 4 and 5",
        "c, seeds 0 to 3",
    ]


def test_the_line_of_ones_own_code_is_named_through_packages_and_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_that_fails.py").write_text(
        "import json\n\n\ndef fails(text):\n    return json.loads(text)\n\n\ndef calls(text='{'):\n    return fails(text)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    own_that_fails = import_module("own_that_fails")

    with pytest.raises(JSONDecodeError) as caught:
        own_that_fails.calls()
    failure = Failure.of(caught.value.with_traceback(caught.tb.tb_next))  # type: ignore[union-attr]
    assert failure.located == f"{failure.why} (own_that_fails.py:5)"
    with ProcessPoolExecutor(1, get_context("fork")) as pool, pytest.raises(JSONDecodeError) as in_process:
        pool.submit(own_that_fails.calls).result()
    in_process.value.__traceback__ = None
    assert Failure.of(in_process.value).located.endswith(" (own_that_fails.py:5)")
    assert Failure("ValueError: x", 'File "<string>", line 3, in f').located == "ValueError: x"

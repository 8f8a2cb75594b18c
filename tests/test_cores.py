"""How many cores there are, and how OpenMP's threads wait on them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seedbed import cores


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cores, "LOAD", tmp_path / "loadavg")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(cores, "available_cores", lambda: 4)
    return tmp_path / "loadavg"


@pytest.mark.parametrize(
    ("running", "idle", "looks"), [(1, 8, "20000"), (2, 7, "20000"), (5, 4, "20000"), (6, 3, "1000"), (9, 0, "1000")]
)
def test_threads_stay_awake_where_nobody_else_wants_the_cores(load: Path, running: int, idle: int, looks: str) -> None:
    load.write_text(f"1.50 0.75 0.25 {running}/312 4711\n")
    assert cores.idle_cores() == idle
    assert cores.openmp_waits() == {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": looks}


@pytest.mark.parametrize("text", [None, "", "1.50 0.75 0.25", "0.00 0.00 0.00 0/0 0", "x x x x x"])
def test_where_the_system_does_not_say_threads_soon_sleep(load: Path, text: str | None) -> None:
    if text is not None:
        load.write_text(text)
    assert cores.idle_cores() == 0
    assert cores.openmp_waits()["GOMP_SPINCOUNT"] == "1000"


@pytest.mark.skipif(not cores.LOAD.is_file(), reason="Linux alone says what runs")
def test_a_process_that_computes_is_seen() -> None:
    before = cores.idle_cores()
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        # Others may end meanwhile, so it is the four together that must be seen.
        assert any(cores.idle_cores() < before for _ in range(2000))
    finally:
        for process in busy:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"), ({"GOMP_SPINCOUNT": "7"}, "None 7")],
)
def test_what_the_user_has_set_stays(given: dict[str, str], expected: str) -> None:
    said = "import os, seedbed; print(*map(os.environ.get, ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')))"
    bare = {name: value for name, value in os.environ.items() if name not in cores.OPENMP_WAITS}
    found = subprocess.run([sys.executable, "-c", said], env=bare | given, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(expected)
    assert given or found.stdout.split()[1] in {"20000", "1000"}

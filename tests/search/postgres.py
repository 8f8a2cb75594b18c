"""A PostgreSQL server of the tests' own, on a free port of this host and in a temporary folder."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

USER, PASSWORD = "seedbed", "not-to-be-shown"
SECONDS_TO_START = 30


@dataclass(frozen=True)
class Server:
    port: int

    def address(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def make_database(self, name: str) -> str:
        """An empty database; its address."""
        import psycopg2  # noqa: PLC0415

        with contextlib.closing(psycopg2.connect(self.address("postgres"))) as connection:
            connection.autocommit = True
            connection.cursor().execute(f'create database "{name}"')
        return self.address(name)


@contextmanager
def running_server() -> Iterator[Server]:
    """Skips the test where there is none to start."""
    pytest.importorskip("psycopg2", reason="psycopg2 is not installed: pip install psycopg2-binary")
    programs, identity = _programs(), _identity()
    with tempfile.TemporaryDirectory(prefix="seedbed-postgres-") as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD)
        if identity:
            for path in (folder, folder / "password"):
                shutil.chown(path, identity["user"])
        initdb = [programs / "initdb", "--pgdata", folder / "data", "--username", USER, "--no-sync"]
        asked = ["--auth", "scram-sha-256", "--pwfile", folder / "password", "--encoding", "UTF8", "--locale", "C"]
        made = subprocess.run([*initdb, *asked], capture_output=True, text=True, cwd=folder, **identity)  # type: ignore[call-overload]  # noqa: PLW1510
        assert made.returncode == 0, made.stderr
        server = Server(_free_port())
        settings = {"port": server.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", *options],
                stdout=log,
                stderr=log,
                cwd=folder,
                preexec_fn=_end_with_parent,  # noqa: PLW1509
                **identity,
            )
        try:
            _wait_for(server, process, folder / "log")
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # ends its connections, then itself
            try:
                process.wait(SECONDS_TO_START)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)
                process.wait()


def _programs() -> Path:
    """The folder of PostgreSQL's programs: Debian keeps those of a server off the PATH."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    found = [folder for folder in found if (folder / "postgres").exists() and (folder / "initdb").exists()]
    if not found:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    return found[-1]


def _identity() -> dict[str, Any]:
    """Whose processes the server's are: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end_with_parent() -> None:
    """Where the tests themselves are killed, nothing else would end the server (Linux: PR_SET_PDEATHSIG)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg2  # noqa: PLC0415

    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            psycopg2.connect(server.address("postgres")).close()
            return
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"PostgreSQL did not start:\n{log.read_text()}") from None
            time.sleep(0.1)

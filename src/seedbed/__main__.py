"""The command line, as ``python -m seedbed``."""

from __future__ import annotations

from seedbed.cli.main import main

main(prog_name="seedbed")

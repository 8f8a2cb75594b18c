"""``python -m seedbed.own_modules.entry FOLDER``: trains one seed, whose job lies in the folder.

A command line, since Lightning starts the further processes of a strategy such as DDP by running that of the first again.
"""

from __future__ import annotations

import sys
from pathlib import Path

from seedbed.own_modules.processes import enter

if __name__ == "__main__":
    enter(Path(sys.argv[1]))

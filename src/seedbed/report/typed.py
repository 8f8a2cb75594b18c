"""What was typed for a launch, and what of it commands about its results take too."""

from __future__ import annotations

import re

from seedbed.results import Results


def own_command(results: Results) -> str:
    """The command of the launch, or of the last that trained some of its cells; "" where that is not known."""
    own = [launch for launch in results.launches if launch["id"] == results.launch] or results.launches[-1:]
    return own[0].get("command", "") if own else ""


def config_dir_option(command: str) -> str:
    """The option that names the folder of the experiment, as it was typed; "" where it lies in the usual place."""
    given = re.search(r" --config-dir[ =]('[^']*'|[^\s'])+", command)
    return given[0] if given else ""

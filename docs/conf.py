"""Settings of the documentation, which ``scripts/docs`` builds.

The source folder is the repository, not docs/: pages link to reports, pictures and CONTRIBUTING.md by their paths, so that the
same links lead somewhere on a code host and in the built site.
"""

import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = ("docs", "experiments", "scripts", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
"""Where pages are: nothing else in the repository's folder is looked through."""

project = "seedbed"
author = "The seedbed authors"
project_copyright = author
release = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "experiments/**/report.md", "scripts/*.md"]
exclude_patterns = [path.name for path in REPOSITORY.iterdir() if path.name not in PAGES] + ["docs/_build"]

extensions = ["myst_parser"]
myst_heading_anchors = 3  # those that code hosts make of headings
highlight_language = "none"

html_theme = "furo"
html_title = "seedbed"
html_static_path = ["_static"]
html_css_files = ["seedbed.css"]
html_extra_path = ["_root"]  # an index.html at the top that leads to the front page
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False

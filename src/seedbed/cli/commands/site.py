"""``seedbed site``: the reports of a project as a folder of pages."""

from __future__ import annotations

from pathlib import Path

import click

from seedbed.cli.options import WithExamples, config_dir_option, debug_option


@click.command(
    cls=WithExamples,
    examples="""
    seedbed site
    seedbed site --output /tmp/pages
    """,
)
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to; default: site/ in the project.")
@config_dir_option
@debug_option
def site(output: Path | None, config_dir: str | None) -> None:
    """Put all reports of the project into one folder of HTML pages, with an index.

    The index has each experiment's question, the first sentence of its answer, a picture, the date, and the numbers of variants,
    seeds and data sets. Open the pages in a browser straight from the folder, without a server or a network, or upload
    them as they are. The site holds the reports that 'seedbed report' has written; one that has been removed disappears from
    the site too. A folder that holds anything other than such a site is left alone.
    """
    from seedbed.paths import project_folder
    from seedbed.report.files import check_writable
    from seedbed.report.site import write_site
    from seedbed.training.progress import Display

    project = project_folder(config_dir)
    folder = output or project / "site"
    check_writable(folder, "--output")
    with Display() as display:
        with display.doing("Writing the site"):
            written = write_site(project / "experiments", folder, f"Reports of {project.resolve().name}")
        for sentence in written.left_out:
            display.say(sentence)
    for path in written.files:
        click.echo(path)

"""The report's page in a browser: no error, no request to any host, and tables that can be sorted."""

from __future__ import annotations

import re

import pytest

from seedbed.report.writing import write_report
from tests.browser import CHROMIUM, shown

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.extended,
]


def test_the_browser_tells_errors_and_requests(tmp_path):
    """Without this the next test could not fail."""
    (tmp_path / "frame.html").write_text('<link rel="stylesheet" href="http://style.invalid/x.css">')
    page = tmp_path / "page.html"
    page.write_text(
        '<body><img src="http://picture.invalid/x.png"><script src="https://script.invalid/x.js"></script>'
        '<iframe src="frame.html"></iframe><iframe src="http://frame.invalid/"></iframe>'
        "<script>fetch('http://fetched.invalid/'); new WebSocket('ws://socket.invalid/');"
        "new Worker(URL.createObjectURL(new Blob([\"fetch('http://worker.invalid')\"]))); nowhere()</script>"
    )
    found = shown(page.as_uri(), tmp_path)
    asked = ("fetched", "frame", "picture", "script", "socket", "style", "worker")
    assert found.hosts == {f"{name}.invalid" for name in asked}
    assert any("nowhere is not defined" in said for said in found.console)


def test_what_chromium_asks_for_itself_is_not_the_pages(tmp_path):
    assert shown("about:blank", tmp_path).hosts == set()


def test_the_page_opens_without_error_or_request_and_sorts_its_tables(results, tmp_path):
    [path] = write_report(results, tmp_path, formats=["html"])
    clicks = "<script>for (let i = 0; i < 2; i++) document.querySelectorAll('table')[0].tHead.rows[0].cells[1].firstChild.click()</script>"
    sorting = tmp_path / "sorting.html"
    sorting.write_text(path.read_text().replace("</body>", f"{clicks}</body>"))
    found = shown(sorting.as_uri(), tmp_path)
    assert (found.console, found.hosts) == ([], set())
    first_table = re.search(r"<tbody>(.*?)</tbody>", found.dom, re.DOTALL)[1]
    order = re.findall(r"<tr>\s*<td[^>]*>(\w+)</td>", first_table)
    means = {name: results.values(name, "test/accuracy").mean() for name in results.variants}
    assert order == sorted(means, key=means.get, reverse=True)
    assert 'aria-sort="descending"' in found.dom

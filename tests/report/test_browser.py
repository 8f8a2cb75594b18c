"""The report's page in a browser: no error, no request to any host, and tables that can be sorted."""

from __future__ import annotations

import re

import pytest
from tests.browser import CHROMIUM, shown

from seedbed.report import write_report

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.slow,
]


def test_the_browser_tells_errors_and_requests(tmp_path):
    """Without this the next test could not fail."""
    page = tmp_path / "page.html"
    page.write_text('<body><img src="http://seedbed.invalid/x.png"><script>nowhere()</script>')
    found = shown(page.as_uri(), tmp_path)
    assert found.hosts == {"seedbed.invalid"}
    assert "nowhere is not defined" in found.console[0]


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

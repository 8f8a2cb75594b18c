"""The Markdown page as one HTML file that needs nothing else: no file beside it, and no request to any host."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from html import escape
from string import Template

from markdown_it import MarkdownIt

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style>
body { font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff;
  margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 62rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-top: .6rem; border-top: 1px solid #d9d9d9; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
nav { font-size: .9rem; margin: 1rem 0; line-height: 1.9; }
nav a { margin-right: 1.1rem; white-space: nowrap; }
a { color: #0b4f8a; }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0; }
.scroll { overflow-x: auto; margin: .8rem 0; width: max-content; min-width: 100%; max-width: calc(100vw - 2.5rem);
  position: relative; left: 50%; transform: translateX(-50%); }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e6e6e6; }
td.short { white-space: nowrap; }
thead th { border-bottom: 2px solid #4a5560; vertical-align: bottom; }
thead th button { font: inherit; font-weight: bold; color: inherit; background: none; border: 0; padding: 0;
  text-align: left; cursor: pointer; }
thead th button:hover, thead th button:focus-visible { text-decoration: underline; }
th[aria-sort=ascending] button::after { content: " ▲"; font-size: .7em; }
th[aria-sort=descending] button::after { content: " ▼"; font-size: .7em; }
code { font: .88em ui-monospace, "DejaVu Sans Mono", monospace; background: #f3f4f5; padding: .05rem .25rem;
  border-radius: 3px; overflow-wrap: anywhere; }
pre { background: #f3f4f5; padding: .8rem 1rem; overflow-x: auto; border-radius: 4px; }
pre code { padding: 0; background: none; overflow-wrap: normal; }
@media print { nav { display: none; } h2 { break-after: avoid; } table, img { break-inside: avoid; } }
</style>
</head>
<body>
$body
<script>
// A click on a heading sorts its table: by number where every filled cell of the column starts with one.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 2) continue;
  const read = (row, column) => {
    const text = row.cells[column].textContent.trim().replaceAll("\\u2212", "-");
    const number = text.match(/^[<\\[n=\\s]*([+-]?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)/i);
    return { text, number: number ? parseFloat(number[1]) : NaN, empty: text === "-" || text === "" };
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = document.createElement("button");
    button.type = "button";
    button.title = "Sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      const rows = [...body.rows].map((row) => ({ row, ...read(row, column) }));
      const numeric = rows.every((item) => item.empty || !Number.isNaN(item.number));
      rows.sort((a, b) => {
        if (a.empty || b.empty) return a.empty - b.empty;
        const order = numeric ? a.number - b.number : a.text.localeCompare(b.text);
        return down ? -order : order;
      });
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows.map((item) => item.row));
    });
  });
}
</script>
</body>
</html>
""")

# Markdown sets the last rows of a table apart by an empty one. Here they are its foot, which stays below when it is sorted.
_EMPTY_ROW = re.compile(r"<tr>\s*(?:<td></td>\s*)+</tr>\s*((?:<tr>(?:(?!</tbody>).)*)?)</tbody>", re.DOTALL)
_RULE = r'</tbody>\n<tfoot style="border-top: 2px solid #4a5560">\n\1</tfoot>'


def html(page: str, images: Mapping[str, bytes], title: str, pages: Collection[str] = ()) -> str:
    """``page`` in Markdown as HTML; ``images`` are SVG files by the name under which the page has them as PNG.

    Raw HTML in the page is shown as text, and so is any image and any link but those to ``pages``: a name may hold one.
    """
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    own = {f"{name.removesuffix('.svg')}.png" for name in images} | set(pages)
    reader.validateLink = lambda url: url in own  # type: ignore[method-assign]
    body = reader.render(page)
    body = re.sub(r'<img src="([^"]+)\.png"', lambda match: _embedded(match[1], images), body)
    # A mean and its spread, or the ends of an interval, stay in one line.
    body = re.sub(r"<td>(?=(?:<strong>)?[^<]{1,32}<)", '<td class="short">', body)
    body = _EMPTY_ROW.sub(_RULE, body)
    body = body.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    return _PAGE.substitute(title=escape(title), body=_with_contents(body))


def _embedded(name: str, images: Mapping[str, bytes]) -> str:
    data = base64.b64encode(images[f"{name}.svg"]).decode("ascii")
    return f'<img src="data:image/svg+xml;base64,{data}"'


def _with_contents(body: str) -> str:
    """Give every section a place of its own, and list them below the picture of the result."""
    titles: list[str] = []

    def anchored(match: re.Match[str]) -> str:
        titles.append(match[1])
        return f'<h2 id="section-{len(titles)}">{match[1]}</h2>'

    body = re.sub(r"<h2>(.*?)</h2>", anchored, body)
    links = " ".join(f'<a href="#section-{place}">{title}</a>' for place, title in enumerate(titles, start=1))
    return body.replace('<h2 id="section-1">', f'<nav aria-label="Sections">{links}</nav>\n<h2 id="section-1">', 1)

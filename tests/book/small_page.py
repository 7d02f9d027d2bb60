"""A small page with widgets of our own, as the book would hold them, to be read from its folder."""

import json
import shutil
import sys
from pathlib import Path

from ipywidgets.embed import embed_data

BOOK = Path(__file__).resolve().parents[2] / "book"
STATIC = BOOK / "_static"
sys.path.insert(0, str(BOOK / "_ext"))

from house import keep_inside  # noqa: E402


def write_page(folder: Path, *widgets) -> str:
    """Write `page.html` with these widgets, and what it loads, into `folder`; return its address.

    Its theme follows the browser's, as the book's does.
    """
    shutil.copy(STATIC / "widgets.js", folder)
    told = embed_data(views=widgets, drop_defaults=False)
    kind = 'type="application/vnd.jupyter.widget'
    state = keep_inside(json.dumps(told["manager_state"]))
    views = "".join(
        f'<div class="cell_output"><script {kind}-view+json">{json.dumps(view)}</script></div>'
        for view in told["view_specs"]
    )
    page = f"""<!doctype html>
      <html lang="en" data-theme="light">
      <head><meta charset="utf-8"><title>Models</title>
        <meta name="viewport" content="width=device-width">
        <style>html[data-theme="dark"] body {{ background: #121212; color: #eee; }}</style>
        <script>matchMedia("(prefers-color-scheme: dark)").onchange = (dark) =>
          (document.documentElement.dataset.theme = dark.matches ? "dark" : "light");</script>
        <script src="widgets.js"></script>
      </head>
      <body><main><h1>Models</h1>{views}</main>
        <script {kind}-state+json">{state}</script>
      </body></html>"""
    (folder / "page.html").write_text(page, encoding="utf-8")
    return (folder / "page.html").as_uri()

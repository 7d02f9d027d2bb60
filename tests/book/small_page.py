"""A small page with widgets of our own, as the book would hold them, to be read from its folder."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

from ipywidgets.embed import embed_data

BOOK = Path(__file__).resolve().parents[2] / "book"
STATIC = BOOK / "_static"
sys.path.insert(0, str(BOOK / "_ext"))

from toys import pack_states  # noqa: E402


def write_page(folder: Path, *widgets) -> str:
    """Write `page.html` with these widgets, and what it loads, into `folder`; return its address.

    Its theme follows the browser's, as the book's does.
    """
    (folder / "_static").mkdir(exist_ok=True)
    shutil.copy(STATIC / "widgets.js", folder / "_static")
    told = embed_data(views=widgets, drop_defaults=False)
    kind = "application/vnd.jupyter.widget"
    body = json.dumps({"state": told["manager_state"]["state"]})
    file = SimpleNamespace(attributes={"type": f"{kind}-state+json", "body": body})
    views = "".join(
        f'<div class="cell_output"><script type="{kind}-view+json">'
        f"{json.dumps(view)}</script></div>"
        for view in told["view_specs"]
    )
    context = {"body": views, "script_files": [file]}
    pack_states(SimpleNamespace(outdir=folder), "page", "", context, None)
    page = f"""<!doctype html>
      <html lang="en" data-theme="light">
      <head><meta charset="utf-8"><title>Models</title>
        <meta name="viewport" content="width=device-width">
        <style>html[data-theme="dark"] body {{ background: #121212; color: #eee; }}</style>
        <script>matchMedia("(prefers-color-scheme: dark)").onchange = (dark) =>
          (document.documentElement.dataset.theme = dark.matches ? "dark" : "light");</script>
        <script src="_static/widgets.js"></script>
      </head>
      <body><main><h1>Models</h1>{context["body"]}</main>
      </body></html>"""
    (folder / "page.html").write_text(page, encoding="utf-8")
    return (folder / "page.html").as_uri()

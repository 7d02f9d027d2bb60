"""What a page's widgets carry, packed: a page from a folder is not compressed by anyone else.

Each state becomes a string, deflated and in base64, in the page's own script of states. What is
large, as the weights of a model, stands in a script beside the pages, named by what it holds: two
widgets with the same weights share it. Those of the first widget are asked for at once, others at
the reader's first touch (_static/widgets.js).
"""

import base64
import hashlib
import json
import zlib
from pathlib import Path

from house import VIEW

LARGE = 40_000  # bytes in base64
FOLDER = "_static/weights"


def packed(data: bytes) -> str:
    """Deflated, in base64."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def unpacked(text: str) -> bytes:
    """What `packed` was given."""
    return zlib.decompress(base64.b64decode(text))


def pack(model: dict, folder: Path) -> tuple[str, list[str]]:
    """A widget's state as one string, and the names of what its first drawing needs of `folder`."""
    files, buffers = [], []
    for buffer in model.get("buffers", []):
        if len(buffer["data"]) < LARGE:
            buffers.append(buffer)
            continue
        data = base64.b64decode(buffer["data"])
        name = hashlib.sha256(data).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        script = f'(self.tlFiles ??= {{}})["{name}"] = "{packed(data)}";\n'
        (folder / f"{name}.js").write_text(script, encoding="utf-8", newline="\n")
        if buffer["path"] != ["data"] or not model["state"].get("first"):
            files.append(name)
        buffers.append({"path": buffer["path"], "file": name})
    state = {"state": model["state"], "buffers": buffers}
    return packed(json.dumps(state, ensure_ascii=False).encode()), files


def pack_states(app, pagename, templatename, context, doctree):
    """Pack the states of a page's widgets, and ask for what the first of them needs."""
    body = context.get("body", "")
    first = VIEW.search(body)
    if not first:
        return
    for file in context["script_files"]:
        attributes = getattr(file, "attributes", {})
        if not str(attributes.get("type", "")).endswith("widget-state+json"):
            continue
        states = json.loads(attributes["body"])["state"]
        shown = {view[1] for view in VIEW.finditer(body)}  # not their layouts
        told = {
            name: pack(states[name], Path(app.outdir, FOLDER)) for name in states if name in shown
        }
        attributes["body"] = json.dumps({"state": {name: text for name, (text, _) in told.items()}})
        root = "../" * pagename.count("/")
        asked = "".join(
            f'<script async src="{root}{FOLDER}/{name}.js"></script>' for name in told[first[1]][1]
        )
        context["body"] = body[: first.start()] + asked + body[first.start() :]


def setup(app):
    """Connect it: when all others have read the states."""
    app.connect("html-page-context", pack_states, priority=999)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""What a page's widgets carry, packed: a page from a folder is not compressed by anyone else.

Each state becomes a string, deflated and in base64, in a script behind the widget's place. What is
large, as the weights of a model, stands in a script beside the pages, named by what it holds: two
widgets with the same weights share it. Those of the first widget are asked for at once, others at
the reader's first touch (_static/widgets.js).
"""

import base64
import hashlib
import json
import re
import zlib
from pathlib import Path

from house import VIEW, widget_states

LARGE = 100_000  # bytes in base64
FOLDER = "_static/weights"


def packed(data: bytes) -> str:
    """Deflated, in base64."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def unpacked(text: str) -> bytes:
    """What `packed` was given."""
    return zlib.decompress(base64.b64decode(text))


def pack(model: dict, folder: Path) -> tuple[str, bool, list[str]]:
    """A widget's state as one string; whether it is large; what it needs of `folder` at first."""
    needed, buffers, large = [], [], False
    for buffer in model.get("buffers", []):
        if len(buffer["data"]) < LARGE:
            buffers.append(buffer)
            continue
        data = base64.b64decode(buffer["data"])
        name = hashlib.sha256(data).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        script = f'(self.tlFiles ??= {{}})["{name}"] = "{packed(data)}";\n'
        (folder / f"{name}.js").write_text(script, encoding="utf-8", newline="\n")
        large = True
        # Who brings a first answer along can wait for the weights.
        late = buffer["path"] == ["data"] and bool(model["state"].get("first"))
        if not late:
            needed.append(name)
        buffers.append({"path": buffer["path"], "file": name, "late": late})
    state = {"state": model["state"], "buffers": buffers}
    return packed(json.dumps(state, ensure_ascii=False).encode()), large, needed


PLACE = re.compile(VIEW.pattern + r"(?:<noscript>.*?</noscript>)?", re.DOTALL)


def pack_states(app, pagename, templatename, context, doctree):
    """Put each widget's state behind its place; ask at once for what the first of a page needs."""
    if not VIEW.search(context.get("body", "")):
        return
    models = widget_states(context)
    folder, root = Path(app.outdir, FOLDER), "../" * pagename.count("/")
    seen = []

    def with_state(place):
        text, large, needed = pack(models[place[1]], folder)
        asked = "".join(
            f'<script async src="{root}{FOLDER}/{name}.js"></script>' for name in needed
        )
        is_later = large and bool(seen)
        seen.append(place[1])
        call = f'<script>tlToy("{text}"{", true" if is_later else ""})</script>'
        return f"{'' if is_later else asked}{place[0]}{call}"

    context["body"] = PLACE.sub(with_state, context["body"])
    context["script_files"] = [
        file
        for file in context["script_files"]
        if not str(getattr(file, "attributes", {}).get("type", "")).endswith("widget-state+json")
    ]


def setup(app):
    """Connect it: when all others have read the states."""
    app.connect("html-page-context", pack_states, priority=999)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

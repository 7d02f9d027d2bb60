"""You are here: at the head of a chapter the whole model, small, with the chapter's part lit."""

from functools import cache

import torch

from transformer_lib.models.transformer import Transformer, TransformerConfig
from transformer_lib.show import whole

WHOLE = "07_transformer"  # the chapter that puts the parts together: it shows them large


@cache
def miniature(chapter: int) -> str:
    """The drawing as a link to the whole; nothing for a chapter that has no box of its own."""
    model = Transformer(TransformerConfig(9, 9, d_model=8, num_heads=2, d_ff=16))
    parts = {type(module).__name__ for module in model.modules()}
    derived = {name for name, file in whole.CHAPTERS.items() if file.startswith(f"{chapter:02}_")}
    lit = {"MultiHeadAttention"} if chapter == 1 else derived & parts
    if not lit or chapter == int(WHOLE[:2]):
        return ""
    source, target = torch.tensor([[3, 4, 5]]), torch.tensor([[1, 6, 7]])
    drawing = whole.transformer(model, source, target, lit=sorted(lit), small=True)
    return (
        f'<a class="here" href="{WHOLE}.html" title="You are here: the Transformer, and lit in it '
        f'what this chapter builds">{drawing._repr_html_()}</a>'
    )


def show_the_way(app, pagename, templatename, context, doctree):
    """Put the drawing beside the line under the title."""
    folder, _, name = pagename.rpartition("/")
    number = name.partition("_")[0]
    if folder == "notebooks" and number.isdigit():
        line = '<p class="facts">'
        context["body"] = context["body"].replace(line, miniature(int(number)) + line, 1)


def setup(app):
    """Connect it."""
    app.connect("html-page-context", show_the_way, priority=990)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

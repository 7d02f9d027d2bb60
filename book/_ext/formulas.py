"""Formulas as MathML: ready when the page is built; no script sets them in the reader's browser.

latex2mathml translates. What it leaves to renderers that know more than browsers do is mended here.
"""

import re
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)

SPACE = {"thinmathspace": 0.1667, "mediummathspace": 0.2222, "thickmathspace": 0.2778}
THIN = "0.1667em"
OPENED = set("([{|‖⟨")  # behind these no space follows the name of a function


def mathml(tex: str, display: str) -> str:
    """A formula as MathML.

    Args:
        tex: without its dollars.
        display: "inline" or "block".

    Raises:
        ValueError: if it holds a command that is not known.
    """
    named = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{align*}", tex)  # the same columns
    text = convert(named, display=display).replace(r"\_", "_")
    root = ElementTree.fromstring(re.sub(r"&(?!#?\w+;)", "&amp;", text))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    for element in list(root.iter()):
        _mend(element)
        if display == "block" and element.tag == "msub" and element[0].text in ("min", "max"):
            element.tag = "munder"  # as below a sum
    unknown = [word for word in root.itertext() if "\\" in word or "&" in word]
    if unknown:
        raise ValueError(f"formula: {', '.join(unknown)} in {tex!r} cannot be translated")
    return ElementTree.tostring(root, encoding="unicode")


def _mend(element: ElementTree.Element) -> None:
    """Spaces as TeX has them, words in one piece, bars without air."""
    if element.tag == "mspace":
        width = element.get("width", "").removeprefix("negative")
        if width in SPACE:
            sign = "-" if element.get("width").startswith("negative") else ""
            element.set("width", f"{sign}{SPACE[width]}em")
    if element.tag == "mo" and element.text in ("|", "‖"):
        element.set("lspace", "0")
        element.set("rspace", "0")
    letters = list(element)
    if len(letters) > 1 and all(x.get("mathvariant") == "normal" for x in letters):
        word = "".join(x.text for x in letters)
        for letter in letters:
            element.remove(letter)
        ElementTree.SubElement(element, "mi").text = word
    children = list(element)
    for at in range(len(children) - 1, -1, -1) if element.tag in ("math", "mrow", "mtd") else ():
        if not _is_function(children[at]):
            continue
        behind = children[at + 1] if at + 1 < len(children) else None
        if behind is not None and _first(behind) not in OPENED and behind.tag != "mspace":
            element.insert(at + 1, ElementTree.Element("mspace", width=THIN))
        if at and children[at - 1].tag not in ("mo", "mspace"):
            element.insert(at, ElementTree.Element("mspace", width=THIN))


def _is_function(element: ElementTree.Element) -> bool:
    """Whether it is the name of a function, as log or min, maybe with an index."""
    while element.tag in ("msub", "msup", "msubsup", "munder") and len(element):
        element = element[0]
    name = element.text or ""
    is_one = element.tag in ("mi", "mo") and len(name) > 1 and name.isalpha() and name.isascii()
    if is_one:
        element.tag = "mi"
    return is_one


def _first(element: ElementTree.Element) -> str:
    return "".join(element.itertext())[:1]


def write(self, node: nodes.math | nodes.math_block) -> None:
    """Write one formula into a page."""
    block = isinstance(node, nodes.math_block)
    try:
        text = mathml(node.astext(), "block" if block else "inline")
    except ValueError as error:
        logger.warning("%s", error, location=node)
        raise nodes.SkipNode from error
    self.body.append(f'<div class="math">{text}</div>\n' if block else text)
    raise nodes.SkipNode


def keep_stops(app, doctree, docname):
    """A line may end beside a formula, but not before its full stop, nor behind its bracket."""
    for formula in list(doctree.findall(nodes.math)):
        line, at = formula.parent, formula.parent.index(formula)
        before = _cut(line, at - 1, r"[(\[“]+$")
        behind = _cut(line, at + 1, r"^[.,;:!?)\]”’]+")
        if before or behind:
            line[at] = nodes.inline(classes=["joined"])
            line[at] += [nodes.Text(before), formula, nodes.Text(behind)]


def _cut(line: nodes.Element, at: int, pattern: str) -> str:
    """Take what is found in the text that stands there, if it is one, out of it."""
    text = line[at] if 0 <= at < len(line) else None
    found = re.search(pattern, text) if isinstance(text, nodes.Text) else None
    if found is None:
        return ""
    line[at] = nodes.Text(text[: found.start()] + text[found.end() :])
    return found[0]


def setup(app):
    """Make it the renderer of all formulas (html_math_renderer)."""
    app.connect("doctree-resolved", keep_stops, priority=900)
    app.add_html_math_renderer("mathml", (write, None), (write, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""The glossary: its terms lead the search to the chapter, and explain themselves in the others.

    softmax
      The exponential of each score ... {derived}`1: A soft look-up, by hand`

The role names a chapter and a heading in it, or a chapter alone; a heading that is not there is a
warning. The same place is what a search for the term finds first. On every page but the one that
derives it, a term's first use in a paragraph is a link whose meaning `glossary.js` shows.

Words that readers type and the glossary has not stand in also.yml. All are found in the plural too,
and with a blank where the book has a hyphen or a capital inside. Symptoms are found as
the page What you see quotes them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import roles
from sphinx import addnodes
from sphinx.util import logging

GLOSSARY = "book/glossary"
SYMPTOMS = "book/symptoms"
ALSO = Path(__file__).resolve().parents[1] / "also.yml"
PLAIN = (nodes.literal, nodes.reference, nodes.math, addnodes.pending_xref)  # never marked inside
# Never marked: the chapters use these words in their ordinary sense as well.
ORDINARY = {
    "context", "head", "key", "memory", "offset", "return", "sampling", "score", "segment", "value",
}  # fmt: skip
LOGGER = logging.getLogger(__name__)


class Derived(nodes.inline):
    """A place that the role names, until all pages have been read."""


def derived(name, rawtext, text, lineno, inliner, options=None, content=None):
    """The role: `4` or `4: LayerNorm, by hand`."""
    return [named(text, rawtext)], []


def named(text: str, rawtext: str = "") -> Derived:
    """A place by its name: a chapter's number or a page, and perhaps a heading in it."""
    chapter, _, heading = text.partition(": ")
    return Derived(rawtext, text, chapter=chapter, heading=heading)


def place(env, node: Derived) -> tuple[str, str, str]:
    """The page, the anchor and the heading that a role means."""
    known = {Path(doc).name[:2]: doc for doc in env.tocs if re.match(r"notebooks/\d\d", doc)}
    chapter = node["chapter"]
    page = chapter if chapter in env.tocs else known.get(chapter.zfill(2))
    if page and not node["heading"]:
        return page, "", ""
    wanted = _words(node["heading"])
    for link in env.tocs[page].findall(nodes.reference) if page else ():
        if _words(link.astext()) == wanted:
            return page, link["anchorname"].lstrip("#"), link.astext()
    LOGGER.warning("the glossary names a place that is not there: %s", node.astext())
    return page or GLOSSARY, "", node["heading"]


def _words(text: str) -> list[str]:
    """A heading without its markup."""
    return re.findall(r"[\w√]+", text)


def entries(env) -> Iterator[tuple[list[nodes.term], nodes.definition, Derived]]:
    """The terms of each entry, what they mean and where that is derived."""
    for item in env.get_doctree(GLOSSARY).findall(nodes.definition_list_item):
        yield list(item.findall(nodes.term)), item[-1], next(iter(item.findall(Derived)))


def collect(app, env):
    """Sphinx's `env-updated`: once all pages are read, what each term means, and where."""
    if GLOSSARY not in env.found_docs:
        return
    env.glossary_terms, env.glossary_places = {}, {}
    for terms, definition, role in entries(env):
        page, anchor, _ = place(env, role)
        meaning = " ".join(definition.astext().replace(role.astext(), "").split())
        for term in terms:
            said = term.astext()
            env.glossary_terms[said] = (term["ids"][0], meaning, page)
            env.glossary_places.setdefault(page, []).append((said, anchor))
    for name, words in yaml.safe_load(ALSO.read_text(encoding="utf-8")).items():
        page, anchor, _ = place(env, named(name))
        env.glossary_places.setdefault(page, []).extend((word, anchor) for word in words)
    if SYMPTOMS in env.found_docs:
        env.glossary_places.setdefault(SYMPTOMS, []).extend(symptoms(env.get_doctree(SYMPTOMS)))


def symptoms(doctree: nodes.document) -> Iterator[tuple[str, str]]:
    """What each row of a table quotes first, and the section that it stands in."""
    inner = {row: section for section in doctree.findall(nodes.section)
             for row in section.findall(nodes.row)}  # fmt: skip
    for row, section in inner.items():
        if quoted := re.fullmatch(r"[“\"](.*?)\.?[”\"]", row[0].astext()):
            yield quoted[1], section["ids"][0]


def typed(term: str) -> set[str]:
    """A term as it may be typed: "scaling laws", "top k", "Layer Norm", "length normalization"."""
    if term.count(" ") > 3:  # a sentence
        return {term}
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", term).replace("-", " ")
    ways = {way.replace("isation", "ization").replace("iour", "ior") for way in (term, apart)}
    return {way for one in {term, apart} | ways for way in (one, one.removesuffix("s") + "s")}


def lead_to_places(app, doctree, docname):
    """The roles become links; a page gets the index entries that the search finds it by."""
    env = app.env
    for node in list(doctree.findall(Derived)):
        page, anchor, heading = place(env, node)
        target = app.builder.get_relative_uri(docname, page) + (f"#{anchor}" if anchor else "")
        said = f"Chapter {node['chapter']}" + (f", {heading}" if heading else "")
        node.replace_self(nodes.reference("", f"{said}.", refuri=target, internal=True))
    if docname == GLOSSARY:
        for index in list(doctree.findall(addnodes.index)):
            index.parent.remove(index)  # its terms are search objects; the entries are the places'
    found = [("single", way, anchor, "main", None)
             for term, anchor in getattr(env, "glossary_places", {}).get(docname, ())
             for way in sorted(typed(term))]  # fmt: skip
    if found:
        doctree.insert(0, addnodes.index(entries=found))


def add_letters(app, doctree, docname):
    """Above the words a line of letters, each of which leads to its first word."""
    if docname != GLOSSARY:
        return
    places = {}
    for item in doctree.findall(nodes.definition_list_item):
        term = next(iter(item.findall(nodes.term)))
        places.setdefault(term.astext().lstrip("√")[0].upper(), term["ids"][0])
    line = nodes.paragraph(classes=["letters"])
    for letter, anchor in places.items():
        line += [nodes.reference("", letter, refid=anchor, internal=True), nodes.Text(" ")]
    words = next(iter(doctree.findall(nodes.definition_list)))
    words.parent.insert(words.parent.index(words), line)


# --- in the chapters -------------------------------------------------------------------------


def mark_terms(app, doctree, docname):
    """The first use of each term in a paragraph, on the pages that do not derive it."""
    terms = {said: of for said, of in getattr(app.env, "glossary_terms", {}).items()
             if of[2] != docname and said not in ORDINARY}  # fmt: skip
    if not docname.startswith("notebooks/") or not terms:
        return
    home = app.builder.get_relative_uri(docname, GLOSSARY)
    pattern, seen = spelled(terms), set()
    for text in list(doctree.findall(nodes.Text)):
        if _may_be_marked(text):
            pieces = list(_marked(text.astext(), pattern, terms, home, seen))
            if len(pieces) > 1:
                text.parent.replace(text, pieces)


def _may_be_marked(text: nodes.Text) -> bool:
    """Whether it is prose of a paragraph: no code, no formula, no link, no title."""
    node, in_paragraph = text.parent, False
    while node is not None:
        if isinstance(node, PLAIN):
            return False
        in_paragraph |= isinstance(node, nodes.paragraph) and "facts" not in node["classes"]
        node = node.parent
    return in_paragraph


def _marked(text: str, pattern: re.Pattern, terms: dict, home: str, seen: set):
    """The text in pieces, terms that were not seen before as links."""
    done = 0
    for match in pattern.finditer(text):
        said = next(term for term in terms if term.lower() == match[1].lower())
        anchor, meaning, _ = terms[said]
        if meaning in seen:
            continue
        seen.add(meaning)
        yield nodes.Text(text[done : match.start()])
        link = nodes.reference("", match[0], refuri=f"{home}#{anchor}", internal=True)
        link["classes"].append("term")
        link["reftitle"] = meaning
        yield link
        done = match.end()
    yield nodes.Text(text[done:])


def spelled(terms) -> re.Pattern:
    """Any of the terms, the longest first, with a plural's s; never within a word.

    With capitals inside it is found as it is written: ZeRO is not zero.
    """
    longest = sorted(terms, key=len, reverse=True)
    plain = {term: re.escape(term) for term in longest}
    flags = "|".join(f"(?-i:{p})" if t[1:] != t[1:].lower() else p for t, p in plain.items())
    return re.compile(rf"(?<![\w√-])({flags})s?(?![\w√-])", re.IGNORECASE)


def setup(app):
    """Register the role and the events; a term is found by the search as an object."""
    app.add_node(Derived)
    roles.register_local_role("derived", derived)
    app.setup_extension("sphinx.domains.std")
    app.registry.domains["std"].object_types["term"].attrs["searchprio"] = 0
    app.connect("env-updated", collect)
    app.connect("doctree-resolved", lead_to_places)
    app.connect("doctree-resolved", add_letters)
    app.connect("doctree-resolved", mark_terms, priority=400)
    app.add_js_file("glossary.js")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""Where the book is published, and from which commit: links out of the page, and the colophon.

    BOOK_REPOSITORY=https://github.com/owner/name make book

adds to each page links to the repository, to an edit of the page and to a report, and
the canonical address. GitHub's CI says it by itself. Without either, pages lead nowhere outside.
"""

import html
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GITHUB = "https://github.com"


def repository(environ=os.environ) -> str:
    """The address of the repository; empty where the environment does not say it.

    Raises:
        ValueError: if `BOOK_REPOSITORY` is no address of a repository on GitHub.
    """
    given = environ.get("BOOK_REPOSITORY", "").rstrip("/").removesuffix(".git")
    if given and not re.fullmatch(rf"{GITHUB}/[\w.-]+/[\w.-]+", given):
        raise ValueError(f"BOOK_REPOSITORY is {given!r}; it wants {GITHUB}/owner/name")
    if not given and environ.get("GITHUB_SERVER_URL") == GITHUB:
        given = f"{GITHUB}/{environ['GITHUB_REPOSITORY']}"
    return given


def pages(repository: str) -> str:
    """Where GitHub publishes the pages of a repository."""
    if not repository:
        return ""
    owner, name = repository.split("/")[-2:]
    site = f"https://{owner.lower()}.github.io/"
    return site if site == f"https://{name.lower()}/" else f"{site}{name}/"


def commit(folder: Path = ROOT) -> tuple[str, str]:
    """The commit that a folder's files come from and its date; empty strings outside git."""
    asked = (["describe", "--always", "--dirty", "--exclude=*"], ["log", "-1", "--format=%cs"])
    try:
        said = [subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True,
                               check=True).stdout.strip() for words in asked]  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "", ""
    return tuple(said)


def colophon(commit: str, date: str, repository: str) -> str:
    """As "Built from 33165af of 2026-11-26.", in HTML."""
    if not commit:
        return ""
    name = commit.removesuffix("-dirty")
    linked = f'<a href="{html.escape(repository)}/commit/{name}">{name}</a>'
    changed = ", with changes" if commit != name else ""
    return f" Built from {linked if repository else name} of {date}{changed}."


def configure(app, config):
    """Sphinx's `config-inited`: all that the two say, before theme and extensions read it."""
    home = repository()
    options = config.html_theme_options
    options["extra_footer"] += colophon(*commit(), home)
    if home:
        options |= {
            "repository_url": home,
            "repository_branch": "main",
            "use_repository_button": True,
            "use_edit_page_button": True,
            "use_issues_button": True,
        }
    config.ogp_site_url = config.html_baseurl = pages(home)


def cite(app, docname, source):
    """How the book is cited names the commit, where it is known."""
    if docname == "book/colophon" and (known := commit()[0]):
        source[0] = source[0].replace("{Commit ...}", f"{{Commit {known.removesuffix('-dirty')}}}")


def draw_with_one_font(app, pagename, templatename, context, doctree):
    """GitHub's mark alone would load a second font, 118 KB: a branch stands for it."""
    buttons = list(context.get("header_buttons", ()))
    for button in buttons:
        buttons += button.get("buttons", ())
        if button.get("icon", "").startswith("fab "):
            button["icon"] = "fas fa-code-branch"


def setup(app):
    """Connect all three."""
    app.connect("config-inited", configure, priority=10)
    app.connect("source-read", cite)
    app.connect("html-page-context", draw_with_one_font, priority=980)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

"""Addresses come from the environment alone, and the colophon from git."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
import addresses

HOME = "https://github.com/owner/name"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, ""),
        ({"BOOK_REPOSITORY": HOME}, HOME),
        ({"BOOK_REPOSITORY": f"{HOME}.git"}, HOME),
        ({"BOOK_REPOSITORY": f"{HOME}/"}, HOME),
        ({"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "owner/name"}, HOME),
        ({"GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "owner/name"}, ""),
    ],
)
def test_repository_is_said_by_one_variable_or_by_the_ci(environ, said):
    assert addresses.repository(environ) == said


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ValueError, match="BOOK_REPOSITORY is 'owner/name'; it wants https://"):
        addresses.repository({"BOOK_REPOSITORY": "owner/name"})


@pytest.mark.parametrize(
    ("repository", "said"),
    [
        ("", ""),
        (HOME, "https://owner.github.io/name/"),
        ("https://github.com/Owner/name", "https://owner.github.io/name/"),
        ("https://github.com/owner/owner.github.io", "https://owner.github.io/"),
    ],
)
def test_pages_are_where_github_puts_them(repository, said):
    assert addresses.pages(repository) == said


def test_colophon_names_the_commit_and_its_date():
    assert addresses.colophon("33165af", "2026-11-26", "") == " Built from 33165af of 2026-11-26."
    changed = addresses.colophon("33165af-dirty", "2026-11-26", HOME)
    assert f'<a href="{HOME}/commit/33165af">33165af</a>' in changed
    assert changed.endswith("2026-11-26, with changes.")
    assert addresses.colophon("", "", HOME) == ""


def test_commit_is_read_from_git_and_empty_without(tmp_path):
    assert addresses.commit(tmp_path) == ("", "")
    git = ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "First"]):
        subprocess.run([*git, *words], check=True)
    name, date = addresses.commit(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{7,}", name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)


def test_how_it_is_cited_names_the_commit_where_it_is_known(monkeypatch):
    source = ["  note = {Commit ...},"]
    for known, said in (("", "Commit ..."), ("33165af-dirty", "Commit 33165af")):
        monkeypatch.setattr(addresses, "commit", lambda known=known: (known, "2026-11-26"))
        addresses.cite(None, "book/colophon", source)
        assert source == [f"  note = {{{said}}},"]


class Config:
    """What `configure` changes."""

    def __init__(self):
        self.html_theme_options = {"extra_footer": "Text."}


def test_without_an_address_the_page_leads_nowhere_outside(monkeypatch):
    for name in ("BOOK_REPOSITORY", "GITHUB_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)
    addresses.configure(None, config := Config())
    assert (config.ogp_site_url, config.html_baseurl) == ("", "")
    assert {*config.html_theme_options} == {"extra_footer"}


def test_with_an_address_all_links_follow_from_it(monkeypatch):
    monkeypatch.setenv("BOOK_REPOSITORY", HOME)
    addresses.configure(None, config := Config())
    assert config.ogp_site_url == config.html_baseurl == "https://owner.github.io/name/"
    assert config.html_theme_options["repository_url"] == HOME
    assert config.html_theme_options["repository_branch"] == "main"
    assert config.html_theme_options["use_edit_page_button"]


def test_no_icon_wants_a_second_font():
    inner = {"icon": "fab fa-github"}
    group = {"icon": "fab fa-github", "buttons": [inner, {"icon": "fas fa-pencil-alt"}, {}]}
    addresses.draw_with_one_font(None, "", "", {"header_buttons": [group]}, None)
    assert group["icon"] == inner["icon"] == "fas fa-code-branch"
    assert group["buttons"][1]["icon"] == "fas fa-pencil-alt"

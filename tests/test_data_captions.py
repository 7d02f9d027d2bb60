"""Captions in pairs, from small files in the place of the published ones."""

import gzip

import pytest

from transformer_lib.data import captions
from transformer_lib.data.captions import load_captions
from transformer_lib.data.downloads import SETS, folder_of


@pytest.fixture
def files(tmp_path, monkeypatch):
    paths = {name: tmp_path / name for name in SETS["multi30k"]}
    for name, path in paths.items():
        part, language, _ = name.split(".")
        path.write_bytes(gzip.compress(f"{part} {language}’s \n\u2028second\n".encode()))
    monkeypatch.setattr(captions, "fetch", lambda name: paths if name == "multi30k" else None)
    return paths


def test_each_line_meets_the_same_line_of_the_other_language(files):
    found = load_captions()
    assert found.train == [("train de's", "train en's", (0, 0, 1)), ("second", "second", (0, 0, 2))]
    assert [pair.source for pair in found.dev] == ["val de's", "second"]
    assert found.test[0][:2] == ("test_2016_flickr de's", "test_2016_flickr en's")
    back = load_captions("en", "de")
    assert back.train[0][:2] == ("train en's", "train de's")


def test_languages_and_files_that_do_not_fit_are_refused(files):
    with pytest.raises(ValueError, match="target must be"):
        load_captions("de", "fr")
    files["val.en.gz"].write_bytes(gzip.compress(b"only one\n"))
    with pytest.raises(ValueError, match="zip"):
        load_captions()


@pytest.mark.skipif(
    not all((folder_of("multi30k") / file).is_file() for file in SETS["multi30k"]),
    reason="multi30k was not downloaded",
)
def test_the_published_files_have_the_sizes_of_the_paper():
    found = load_captions()
    assert [len(part) for part in (found.train, found.dev, found.test)] == [29_000, 1_014, 1_000]

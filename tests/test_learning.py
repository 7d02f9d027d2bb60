"""Learning from a reader's file: what it is, split, baselines, verdict, saving, repeats."""

import csv
import io
import sys
from dataclasses import replace

import pytest
import torch
from PIL import Image

import transformer_lib as tl
from transformer_lib.__main__ import main
from transformer_lib.layers.kernels import has_bf16_products
from transformer_lib.learning import files as files_read
from transformer_lib.learning import frozen
from transformer_lib.learning.card import card_of
from transformer_lib.learning.classifier import TextClassifier
from transformer_lib.learning.files import read
from transformer_lib.learning.fitting import fit, steps_that_fit
from transformer_lib.learning.split import key, split
from transformer_lib.learning.tables import Logistic, Nearest, TfIdf
from transformer_lib.learning.tokens import Tokens, unit_of
from transformer_lib.learning.writer import Writer

GOOD, BAD = "a very fine film number {}", "a dull and poor film number {}"
ROWS = [
    (text.format(i), label) for i in range(20) for text, label in ((GOOD, "good"), (BAD, "bad"))
]


@pytest.fixture(autouse=True)
def without_minilm(monkeypatch, request):
    """As on a machine without the archive, so that a run is the same everywhere."""
    if "minilm" not in request.node.name:
        monkeypatch.setattr(frozen, "is_there", lambda: False)


def quiet(_plan):
    """Say nothing."""


@pytest.fixture
def files(tmp_path):
    """A small file of each kind, by kind."""
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"{t},{y}\n" for t, y in ROWS))
    (tmp_path / "a.txt").write_text("".join(f"line {i} of the song\n" for i in range(60)))
    (tmp_path / "a.tsv").write_text(
        "".join(f"word{chr(97 + i % 26)}{i}\t{i} W {i % 7}\n" for i in range(30))
    )
    for name, shade in (("dark", 10), ("light", 240)):
        (tmp_path / "a" / name).mkdir(parents=True)
        for i in range(12):
            Image.new("L", (8, 8), shade + i).save(tmp_path / "a" / name / f"{i}.png")
    captions = "".join(
        f"a/{name}/{i}.png,{name} number {i}\n" for i in range(12) for name in ("dark", "light")
    )
    (tmp_path / "shown.csv").write_text("picture,caption\n" + captions)
    return {
        "classifier": tmp_path / "a.csv",
        "writer": tmp_path / "a.txt",
        "transducer": tmp_path / "a.tsv",
        "pictures": tmp_path / "a",
        "search": tmp_path / "shown.csv",
    }


QUESTIONS = {
    "classifier": "what a fine film",
    "writer": "line ",
    "transducer": "wordb1",
    "search": "light",
}


@pytest.mark.parametrize("kind", ["classifier", "writer", "transducer", "pictures", "search"])
def test_each_kind_is_learnt_saved_loaded_and_repeated_bit_by_bit(files, kind, tmp_path):
    learned = tl.learn(files[kind], steps=10, say=quiet)
    assert learned.kind == kind
    assert learned.about["dev"][learned.winner] == min(learned.about["dev"].values())
    question = QUESTIONS.get(kind, files[kind] / "dark" / "3.png")
    answers = {name: learned(question, ask=name) for name in learned.about["dev"]}
    assert learned(question) == answers[learned.winner]
    learned.save(tmp_path / "x.tl")
    loaded = tl.load(tmp_path / "x.tl")
    assert loaded.card == learned.card
    assert {name: loaded(question, ask=name) for name in loaded.about["dev"]} == answers
    again = tl.learn(files[kind], steps=10, say=quiet)
    assert again.about == learned.about
    pairs = zip(again.state_dict().values(), learned.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    with pytest.raises(ValueError, match="file must be new"):
        learned.save(tmp_path / "x.tl")
    learned.save(tmp_path / "x.tl", force=True)


def test_a_long_text_has_wider_heads_and_no_dropout(tmp_path):
    parts = {}
    for length in (100_000, 240_000):
        (tmp_path / "a.txt").write_text("".join(f"line {i}\n" for i in range(length // 10)))
        data = read(tmp_path / "a.txt")
        facts = Writer.facts_of(data, split(data))
        parts[length] = Writer(facts).make_training(split(data))
    short, long = (training.model.config for training in parts.values())
    assert (short.d_model, short.head_dim, short.dropout) == (64, 16, 0.3)
    assert (long.d_model, long.head_dim, long.dropout) == (96, 32, 0.0)
    assert [t.autocast for t in parts.values()] == [False, has_bf16_products("cpu")]


def test_autocast_reaches_the_loop(files):
    data = read(files["writer"])
    torch.manual_seed(0)
    training = Writer(Writer.facts_of(data, split(data))).make_training(split(data))
    seen = set()

    def loss(model, batch):
        seen.add(torch.is_autocast_enabled("cpu"))
        return training.loss(model, batch)

    fast = replace(training, loss=loss, autocast=True)
    steps_that_fit(fast, 0.001, lambda: None)
    assert seen == {True}
    seen.clear()
    fit(fast, 2, lambda: 0.0)
    assert seen == {True}


def test_minutes_become_steps_that_repeat_the_run(files):
    timed = tl.learn(files["classifier"], minutes=0.005, say=quiet)
    again = tl.learn(files["classifier"], steps=timed.about["steps"], say=quiet)
    assert again.about == timed.about
    assert f"steps={timed.about['steps']} repeats it" in timed.card


def test_what_is_drawn_while_a_file_is_looked_at_changes_no_weight(files, monkeypatch):
    """The first look loads a published encoder, which draws numbers; later ones find it there."""
    learned = tl.learn(files["classifier"], steps=10, say=quiet)
    look = TextClassifier.facts_of
    monkeypatch.setattr(TextClassifier, "facts_of", lambda *rows: (torch.rand(3), look(*rows))[1])
    again = tl.learn(files["classifier"], steps=10, say=quiet)
    assert again.about == learned.about


def test_the_plan_comes_first_with_the_score_to_beat(files):
    said = []
    learned = tl.learn(files["classifier"], steps=10, say=said.append)
    assert len(said) == 1
    assert "to beat" in said[0]
    assert "by tf-idf" in said[0]
    assert "verdict" not in said[0]
    assert "verdict" in learned.card


def test_what_is_best_on_dev_answers_and_among_equals_the_baseline(files):
    learned = tl.learn(files["pictures"], steps=10, say=quiet)
    assert learned.winner == "nearest"
    about = learned.about | {"winner": "model", "dev": {"nearest": 0.2, "model": 0.1}}
    about["test"] = about["dev"]
    said = "training may pay: model answers, 10.0 % wrong answers against 20.0 %"
    assert said in card_of(about)


def test_a_gap_that_may_be_chance_is_called_so(files):
    about = tl.learn(files["pictures"], steps=2, say=quiet).about
    scores = {"nearest": 0.2, "model": 0.1}
    for rows, warned in ((100, True), (1000, False)):  # two standard errors: 0.113 and 0.036
        said = card_of(
            about
            | {"dev": scores, "test": scores, "winner": "model"}
            | {"parts": {"train": 9, "dev": rows, "test": 9}}
        )
        assert (f"({rows} rows cannot tell this gap from chance.)" in said) == warned
        assert ("training may pay: model answers" if warned else "training pays: model") in said
        assert max(map(len, said.splitlines())) <= 100  # what a page shows of a line


BAD_FILES = {  # name, content, the line that is said
    "empty.txt": (b"", "must hold something, it is empty"),
    "short.txt": (b"too short", "at least 500 characters, got 9"),
    "latin.txt": ("ein Text\nfür uns".encode("latin-1"), "line 2 has the byte 0xfc"),
    "zeros.txt": (b"a\0b", "it holds a byte 0"),
    "few.csv": (b"text,label\na,b\nc,d\n", "at least 20 rows, got 2"),
    "column.csv": (
        b"review,stars\na,b\n",
        "the columns text and label, or picture and caption, in its first",
    ),
    "one.csv": (b"text,label\n" + b"a,b\n" * 30, "two classes or more, all are 'b'"),
    "numbers.csv": (
        b"text,label\n" + b"".join(b"t%d,%d.5\n" % (i, i) for i in range(60)),
        "60 different numbers: that is a regression",
    ),
    "names.csv": (
        b"text,label\n" + b"".join(b"t%d,n%d\n" % (i, i) for i in range(30)),
        "labels that come again, got 30 in 30 rows",
    ),
    "hole.csv": (b"text,label\na,b\nc,\n", "a text and a label in line 3"),
    "many.csv": (b"text,label\na,b\nc,d,e\n", "a text and a label in line 3"),
    "none.csv": (
        b"picture,caption\n" + b"".join(b"p%d.png,a tree\n" % i for i in range(20)),
        "must name pictures that are there, got 'p0.png'",
    ),
    "long.txt": (b"a" * 5_000_001, "lines of at most 5,000,000 characters, line 1 has 5,000,001"),
    "long.csv": (
        b"text,label\na,b\n" + b"a" * 5_000_001 + b",c\n",
        "lines of at most 5,000,000 characters, line 3 has 5,000,003",
    ),
    "tab.tsv": (b"a\tb\nc d\n", "one tab in each line, line 2 has 0"),
    "tabs.tsv": (b"a\tb\tc\n", "one tab in each line, line 1 has 2"),
    "side.tsv": (b"a\tb\nc\t\n", "both sides of the tab in line 2"),
    "same.csv": (b"text,label\n" + b"a,b\nA,c\n" * 20, "different rows enough for three parts"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_in_one_line(name, tmp_path):
    content, words = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as refused:
        tl.learn(tmp_path / name, steps=1)
    assert "\n" not in str(refused.value)
    assert name in str(refused.value)


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ValueError, match="path must be a file or a folder"):
        tl.learn(tmp_path / "none.csv")


def test_a_picture_that_is_none_is_named(files):
    (files["pictures"] / "dark" / "bad.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"dark/bad.png must be a picture"):
        read(files["pictures"])


def test_grey_and_colour_and_sizes_are_brought_together_and_said(files):
    Image.new("RGB", (50, 20), (200, 0, 0)).save(files["pictures"] / "dark" / "red.png")
    data = read(files["pictures"])
    assert {tuple(picture.shape) for picture in data.sources} == {(3, 32, 32)}
    assert data.notes == (
        "24 of 25 pictures are grey: all are read in colour",
        "pictures of 2 sizes are brought to 32 × 32 pixels",
    )


def test_what_is_changed_in_reading_is_noted(tmp_path):
    rows = "".join(f"row {i},{label}\n" for i, label in enumerate(["Good", "good ", "bad"] * 10))
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + b"text,label\n" + rows.encode())
    data = read(tmp_path / "a.csv")
    assert set(data.targets) == {"Good", "bad"}
    assert data.notes[0] == "a byte order mark at its start is left out"
    assert "'Good', 'good ' are read as one, 'Good'" in data.notes[1]
    (tmp_path / "line.txt").write_text("ab " * 400)
    data = read(tmp_path / "line.txt")
    assert "no line ends" in data.notes[0]
    parts = split(data)
    assert "".join(part.sources[0] for part in (parts.train, parts.dev, parts.test)) == "ab " * 400


def test_of_a_text_that_is_too_long_the_beginning_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files_read, "MOST_CHARACTERS", 600)
    (tmp_path / "a.txt").write_text("0123456789\n" * 100)
    data = read(tmp_path / "a.txt")
    assert len(data.sources[0]) == 600
    assert data.notes == ("the first 600 of its 1,100 characters are read",)


def test_a_long_row_leaves_the_limit_of_csv_as_it_was(files):
    before = csv.field_size_limit()
    files["classifier"].write_text("text,label\n" + ("a" * 200_000 + ",b\nc,d\n") * 10)
    assert len(read(files["classifier"]).sources[0]) == 200_000
    assert csv.field_size_limit() == before


def test_pictures_are_found_by_the_words_of_their_captions(files):
    learned = tl.learn(files["search"], steps=30, say=quiet)
    for name in ("nearest", "model"):
        found = learned("light", ask=name, guesses=5).split("\n")
        assert len(set(found)) == 5
        assert all("/light/" in path for path in found), name
    assert (files["search"].parent / found[0]).is_file()
    with pytest.raises(ValueError, match="a word that is in the captions, got 'whale'"):
        learned("whale")


def test_a_caption_is_missed_if_none_of_five_guesses_is_right(files):
    learned = tl.learn(files["search"], steps=2, say=quiet)
    parts = split(read(files["search"]))
    searcher, dev = learned.parts, parts.dev
    scores = searcher._scores("nearest", searcher._ids(dev.targets), torch.stack(dev.sources))
    order = scores.argsort(dim=1, descending=True)
    missed = [dev.targets[i] not in [dev.targets[j] for j in order[i, :5]] for i in range(len(dev))]
    assert learned.about["dev"]["nearest"] == sum(missed) / len(missed)


def test_minilm_reads_few_english_texts_and_no_others(tmp_path):
    if not frozen.is_there():
        pytest.skip("the archive was not fetched")
    english = [text for text, _ in ROWS]
    assert frozen.Frozen.suits(english)
    assert not frozen.Frozen.suits(english * 40)
    assert not frozen.Frozen.suits(["Der Himmel verfinstert sich, das Gewitter zieht herauf"] * 9)
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"{t},{y}\n" for t, y in ROWS))
    said = []
    learned = tl.learn(tmp_path / "a.csv", steps=2, say=said.append)
    assert [*learned.about["dev"]] == ["tf-idf", "minilm", "model", "together"]
    assert learned("an excellent movie", ask="minilm") == "good"  # no word of it was seen
    learned.save(tmp_path / "a.tl")
    assert (tmp_path / "a.tl").stat().st_size < 2_000_000  # the encoder is not in it
    assert tl.load(tmp_path / "a.tl")("an excellent movie", ask="minilm") == "good"


def test_copies_of_a_row_stand_on_one_side(tmp_path):
    rows = [f"Row  {i % 40},{i % 2}\nrow {i % 40},{i % 2}\n" for i in range(80)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows))
    parts = split(read(tmp_path / "a.csv"))
    sides = [{key(text) for text in part.sources} for part in (parts.train, parts.dev, parts.test)]
    assert not (sides[0] & sides[1])
    assert not (sides[0] & sides[2])
    assert not (sides[1] & sides[2])
    assert parts.duplicates == 160 - 40
    assert sum(map(len, (parts.train, parts.dev, parts.test))) == 160
    assert all(set(part.targets) == {"0", "1"} for part in (parts.train, parts.dev, parts.test))


def test_signs_that_training_lacks_are_counted(tmp_path):
    text = "".join(f"line {i} here\n" for i in range(60)) + "☃" * 30 + "\nthe end of it\n" * 2
    (tmp_path / "a.txt").write_text(text)
    learned = tl.learn(tmp_path / "a.txt", steps=2, say=quiet)
    assert learned.about["unknown"] >= 30


def test_logistic_regression_is_that_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    texts = [text for text, _ in ROWS] + ["dull but fine", "poor film fine film film film film"]
    labels = [int(label == "good") for _, label in ROWS] + [0, 1]
    tokens = Tokens.of(texts, "words")
    ids = [tokens.encode(text) for text in texts]
    ours = Logistic(len(tokens), 2, 2)
    ours.fit(ids, torch.tensor(labels))
    vectors = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]")
    theirs = LogisticRegression(C=20, tol=1e-8, max_iter=1000)  # two rows of weights share ½ ‖w‖²
    x = vectors.fit_transform(texts)
    wanted = torch.tensor(theirs.fit(x, labels).predict_proba(x)).float()
    torch.testing.assert_close(ours.probabilities(ids), wanted, atol=2e-3, rtol=0)


def test_tfidf_is_that_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    rows = [torch.tensor(row) for row in ([4, 4, 4, 5], [4, 6, 6], [5, 7])]
    table = TfIdf(8, 1)
    table.fit(rows)
    places, weights, starts = table.bags(rows)
    ours = torch.zeros(3, 4)
    for row, part in enumerate(
        zip(places.tensor_split(starts[1:]), weights.tensor_split(starts[1:]), strict=True)
    ):
        ours[row, part[0]] = part[1]
    texts = [" ".join(f"w{i}" for i in row.tolist()) for row in rows]
    theirs = TfidfVectorizer(sublinear_tf=True).fit_transform(texts).toarray()
    torch.testing.assert_close(ours, torch.tensor(theirs).float())


def test_tfidf_is_of_length_one_and_ignores_unseen_grams():
    table = TfIdf(10, 2)
    table.fit([torch.tensor([4, 5]), torch.tensor([4, 6])])
    places, weights, starts = table.bags([torch.tensor([4, 5, 7]), torch.tensor([9])])
    assert starts.tolist() == [0, 3]
    assert len(places) == 3
    assert weights.square().sum().item() == pytest.approx(1)


def test_the_nearest_row_is_the_row_itself():
    sources = [torch.tensor(row) for row in ([4, 5, 6], [6, 5, 4], [7, 7, 8])]
    table = Nearest(9)
    table.fit(sources, [torch.tensor([i]) for i in (4, 5, 6)])
    assert table.answers(sources) == [[4], [5], [6]]


def test_words_where_they_come_again_and_characters_where_not():
    assert unit_of(["a cat", "a dog", "a cat"], "words", once=0.4) == "words"
    assert unit_of(["这是一个", "那是两个"], "words", once=0.4) == "characters"
    tokens = Tokens.of(["Ab b", "b c"], "words", least=2)
    assert tokens.symbols == ("b",)
    assert tokens.encode("B x").tolist() == [4, 3]
    assert tokens.decode([1, 4, 3, 2, 4]) == "b \ufffd"


def test_the_command_line_learns_uses_and_shows_the_card(files, capsys, monkeypatch):
    out = files["classifier"].with_suffix(".tl")
    main(["learn", str(files["classifier"]), "--steps", "10"])
    said = capsys.readouterr()
    assert "to beat" in said.err
    assert "verdict" in said.out
    assert out.is_file()
    with pytest.raises(SystemExit, match="file must be new"):
        main(["learn", str(files["classifier"]), "--steps", "10"])
    main(["learn", str(files["classifier"]), "--steps", "10", "--force"])
    capsys.readouterr()
    main(["card", str(out)])
    assert capsys.readouterr().out == f"{tl.load(out).card}\n"
    main(["use", str(out), "what a fine film"])
    assert capsys.readouterr().out in ("good\n", "bad\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO("a fine film\n\na poor film\n"))
    main(["use", str(out)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == ["a fine film", "a poor film"]
    with pytest.raises(SystemExit, match="FILE must be one that `learn` wrote"):
        main(["card", "verses_gpt"])


def test_an_answer_wants_its_own_kind_of_question(files):
    learned = tl.learn(files["classifier"], steps=2, say=quiet)
    with pytest.raises(ValueError, match="text must be a text, got ''"):
        learned("")
    with pytest.raises(ValueError, match="ask must be one of"):
        learned("a film", ask="oracle")
    learned = tl.learn(files["pictures"], steps=2, say=quiet)
    with pytest.raises(ValueError, match="path must be a picture's"):
        learned("what a film")


@pytest.mark.parametrize("how", [{"minutes": 0}, {"steps": 0}, {"steps": 1.5}])
def test_minutes_and_steps_are_checked(files, how):
    with pytest.raises(ValueError, match=next(iter(how))):
        tl.learn(files["classifier"], **how)

from transformer_lib.data.verses import load_verses


def test_every_verse_is_there_once_in_the_order_of_the_book():
    verses = load_verses()
    assert len(verses) == 31_102
    assert list(verses) == sorted(verses)
    assert {book for book, _, _ in verses} == set(range(1, 67))


def test_first_and_last_verse_read_as_printed():
    verses = load_verses()
    assert verses[1, 1, 1] == "In the beginning God created the heaven and the earth."
    assert verses[66, 22, 21] == "The grace of our Lord Jesus Christ [be] with you all. Amen."


def test_text_holds_no_layout():
    assert not any("\n" in text or "  " in text or not text for text in load_verses().values())

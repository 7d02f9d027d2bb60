"""What the tests of all exercises ask of a mark."""


def assert_told(mark: str, said: str | None) -> None:
    """A right answer is called right; of a known mistake its own sentence is said."""
    if said is None:
        assert mark == "Right, on 12 random inputs."
    else:
        assert mark.startswith("Not yet. It looks like this: ")
        assert said in mark

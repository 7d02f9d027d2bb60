"""What the page prints of the library is the library's code."""

import inspect
import textwrap

from transformer_lib.layers.attention import attention
from transformer_lib.layers.multi_head import MultiHeadAttention
from transformer_lib.show.code import code, source


class Small:
    """A class.

    With two docstrings.
    """

    size = 1

    def __init__(self):
        """Make one."""
        self.text = """not a docstring"""  # a comment stays

    def promise(self):
        """Do nothing yet."""

    def after(self):
        """Say it.

        in several lines.
        """
        return "…"


def test_docstrings_are_left_out_and_nothing_else():
    assert source(Small) == textwrap.dedent('''\
        class Small:
            size = 1

            def __init__(self):
                self.text = """not a docstring"""  # a comment stays

            def promise(self):
                ...

            def after(self):
                return "…"''')


def test_docstrings_stay_where_they_are_asked_for():
    assert source(Small, docstrings=True) == inspect.getsource(Small).rstrip()


def test_a_method_stands_at_the_left_margin():
    assert source(MultiHeadAttention._split).startswith("def _split(self, x: Tensor)")
    assert '"""' not in source(MultiHeadAttention._split)


def test_what_is_printed_still_runs():
    names = {**inspect.getmodule(attention).__dict__}
    exec(source(attention), names)
    assert names["attention"].__doc__ is None
    assert inspect.signature(names["attention"]) == inspect.signature(attention)


def test_several_are_shown_in_order_and_in_colours():
    shown = code(Small.promise, Small.after)
    assert shown == repr(shown) == f"{source(Small.promise)}\n\n{source(Small.after)}"
    assert shown._repr_markdown_() == f"```python\n{shown}\n```"

"""The Transformer, built piece by piece: every class here is derived in a chapter of the book.

The folders are floors; a file imports only from those that stand before its own:

- ``checks``: what is asked of arguments, said once;
- ``layers``: the parts, from masks to encoder and decoder, on torch alone;
- ``models``: one paper a file;
- ``choosing``, ``generation``, ``weights``: writing with any model, and its weights in a file;
- ``pretrained``: published weights into our models;
- ``data``, ``training``, ``measure``, ``show``: for any model, and they know none;
- ``recipes``: how the models that ship were trained;
- ``exercises``: what marks the readers' answers.
"""

__version__ = "0.2.0"

"""The Transformer, built piece by piece: every class here is derived in a chapter of the book.

One file holds one idea, and imports only point downward:

- bottom: ``masks``, ``positions``, ``cache``, ``feed_forward`` and ``attention`` need torch alone;
- middle: ``layers`` join attention, feed-forward and norms; ``encoder`` and ``decoder`` stack them;
- top: ``models`` are whole papers; ``generation`` and ``pretrained`` use them.

Beside the floors stand ``training`` and ``data``, which know no model, and ``plots`` and
``widgets``, which take tensors and strings.
"""

__version__ = "0.1.0"

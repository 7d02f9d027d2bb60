"""The five kinds by name, as `files.read` calls them.

All have the same doors. `candidates` holds the baseline first and the model last; `score` says how
bad a candidate is on a part, so less is better; `answer` asks one of them.
"""

from transformer_lib.learning.classifier import TextClassifier
from transformer_lib.learning.pictures import Pictures
from transformer_lib.learning.search import Search
from transformer_lib.learning.transducer import Transducer
from transformer_lib.learning.writer import Writer

KINDS = {
    "writer": Writer,
    "classifier": TextClassifier,
    "transducer": Transducer,
    "pictures": Pictures,
    "search": Search,
}

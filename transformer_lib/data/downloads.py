"""Standard data sets, fetched on request: checked, kept, and resumed where a download broke off.

    files = fetch("multi30k")
    german = gzip.open(files["train.de.gz"], "rt", encoding="utf-8").readlines()

Nothing is fetched unless `fetch` is called, and nothing twice. The files lie in the folder that
the environment variable TRANSFORMER_LIB_DATA names, by default in the user's cache.
"""

import os
from pathlib import Path

import pooch
import requests
from urllib3.exceptions import HTTPError

VARIABLE = "TRANSFORMER_LIB_DATA"
_TIMEOUT = 30  # seconds without a sign of life from the server
_LIMIT = 256 << 20  # bytes of one file; the largest below has 163 MiB

# What each set consists of: {file: (address, checksum)}. For the pictures' files the makers publish
# an md5; their sha256 here is the one that public records give beside it. An archive that is packed
# anew for whoever asks has no checksum that lasts: who reads it checks what is inside.
_MULTI30K = "https://github.com/multi30k/dataset/raw/master/data/task1/raw/"
_SST2 = "https://github.com/clairett/pytorch-sentiment-classification/raw/master/data/SST2/"
_SHAKESPEARE = "https://github.com/karpathy/char-rnn/raw/master/data/tinyshakespeare/"
_FASHION = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
_SPOKEN = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/"
_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
_CIFAR = "https://www.cs.toronto.edu/~kriz/"

SETS: dict[str, dict[str, tuple[str, str | None]]] = {
    # Elliott et al. 2016: 29,000 / 1,014 / 1,000 captions of pictures, English and German.
    "multi30k": {
        name: (_MULTI30K + name, f"sha256:{digest}")
        for name, digest in {
            "train.de.gz": "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6",
            "train.en.gz": "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f",
            "val.de.gz": "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a",
            "val.en.gz": "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28",
            "test_2016_flickr.de.gz": (
                "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8"
            ),
            "test_2016_flickr.en.gz": (
                "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9"
            ),
        }.items()
    },
    # Socher et al. 2013, two classes: 6,920 / 872 / 1,821 lines of sentence<TAB>label.
    "sst2": {
        name: (_SST2 + name, f"sha256:{digest}")
        for name, digest in {
            "train.tsv": "ec192f833a64da08f475488a77b0d0b47db47acd0f458bd18433fc793b569920",
            "dev.tsv": "eddea6b39e601dd4e7a672b53cc40fdf6019fa80522f351206c24340ca5d9359",
            "test.tsv": "831169c7e2e429d6026e1bdbb542f33b636e3e596caad9602ebc953c205928b7",
        }.items()
    },
    # Karpathy 2015: 1,115,394 characters of plays; by custom the last tenth is for validation.
    "tinyshakespeare": {
        "input.txt": (
            _SHAKESPEARE + "input.txt",
            "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        )
    },
    # Xiao et al. 2017: 60,000 / 10,000 pictures of clothes, 28 × 28, ten classes.
    "fashion_mnist": {
        name: (_FASHION + name, f"sha256:{digest}")
        for name, digest in {
            "train-images-idx3-ubyte.gz": (
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
            ),
            "train-labels-idx1-ubyte.gz": (
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
            ),
            "t10k-images-idx3-ubyte.gz": (
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
            ),
            "t10k-labels-idx1-ubyte.gz": (
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
            ),
        }.items()
    },
    # Jackson et al. 2016 to 2024: 3,000 spoken digits of six people, 8 kHz; see `data.sounds`.
    "fsdd": {_COMMIT + ".zip": (_SPOKEN + _COMMIT + ".zip", None)},
    # Krizhevsky 2009: 50,000 / 10,000 pictures, 32 × 32 in colour, ten classes.
    "cifar10": {
        "cifar-10-python.tar.gz": (
            _CIFAR + "cifar-10-python.tar.gz",
            "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        )
    },
}


def fetch(name: str) -> dict[str, Path]:
    """Return the files of a data set, downloading those that are not there yet.

    Args:
        name: one of `SETS`.

    Returns:
        {file name: its path}, every file whole and with the right checksum, where it has one.

    Raises:
        ValueError: if there is no such set, or what came is not the file that was published, or
            does not end: it is removed.
        ConnectionError: if the server cannot be reached or breaks off. What came so far is kept,
            and the next call goes on from there.
    """
    if name not in SETS:
        raise ValueError(f"name must be one of {sorted(SETS)}, got {name!r}")
    folder = folder_of(name)
    return {file: _fetch_file(*source, folder / file) for file, source in SETS[name].items()}


def folder_of(name: str) -> Path:
    """Where the files of a data set lie, or would."""
    return Path(os.environ.get(VARIABLE) or pooch.os_cache("transformer_lib")) / name


def _fetch_file(url: str, checksum: str | None, path: Path) -> Path:
    quiet = pooch.get_logger()
    level = quiet.level
    quiet.setLevel("WARNING")
    try:
        pooch.retrieve(url, checksum, path.name, path.parent, downloader=_download)
    except (requests.RequestException, HTTPError) as error:
        raise ConnectionError(
            f"could not download {url}: {error}. Call again to go on, or put the file at {path} "
            f"yourself ({VARIABLE} names another folder)"
        ) from error
    finally:
        quiet.setLevel(level)
    return path


def _download(url: str, output_file: str, _pooch) -> None:
    """Fill `output_file`, going on from the part that an earlier call left beside it."""
    part = Path(output_file).with_name(url.rpartition("/")[2] + ".part")
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if have and response.status_code == requests.codes.requested_range_not_satisfiable:
            part.unlink()  # as long as the file or longer, and still not moved: not to be trusted
            return _download(url, output_file, _pooch)
        response.raise_for_status()
        if response.status_code != requests.codes.partial_content:
            have = 0
        with part.open("ab" if have else "wb") as file:
            # The bytes as they come: unpacked, a small answer could become an endless one.
            for chunk in response.raw.stream(1 << 13, decode_content=False):
                file.write(chunk)
                have += len(chunk)
                if have > _LIMIT:
                    break
    if have > _LIMIT:
        part.unlink()
        raise ValueError(f"{url} must be a file of at most {_LIMIT:,} bytes, got more")
    os.replace(part, output_file)
    return None

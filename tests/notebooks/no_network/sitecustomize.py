"""Refuse every connection that leaves this machine, in each Python process that starts with us.

Python imports ``sitecustomize`` by itself when it finds one on PYTHONPATH. An audit hook cannot be
taken out again, and sees what any library does through Python's sockets.
"""

import sys
from ipaddress import ip_address

CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
ASKING = {"socket.getaddrinfo", "socket.gethostbyname"}


def is_here(host: object) -> bool:
    """Whether a host, by name or number, is this machine."""
    if not host or host in {"localhost", b"localhost"}:
        return True
    try:
        address = ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def refuse(event: str, args: tuple) -> None:
    """Raise OSError for a connection, or a question for an address, that leaves the machine."""
    if event in CONNECTING:
        host = (
            args[1][0] if isinstance(args[1], tuple) else None
        )  # a path: a socket of this machine
    elif event in ASKING:
        host = args[0]
    else:
        return
    if not is_here(host):
        raise OSError(f"the book runs offline: {event.removeprefix('socket.')} to {host!r} refused")


sys.addaudithook(refuse)

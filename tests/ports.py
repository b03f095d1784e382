"""Ports for programs that a test starts: none that the kernel lends to a connection meanwhile, and none given twice."""
import contextlib
import itertools
import os
import socket

FIRST, LAST = 10240, 32000  # the kernel lends from ip_local_port_range, 32768 and up unless somebody set it otherwise
OFFERS = itertools.count(FIRST + os.getpid() * 257 % (LAST - FIRST))  # runs side by side begin apart


@contextlib.contextmanager
def bound(port):
    """The port as a TCP and a UDP socket of loopback; OSError when either is in use."""
    with socket.socket() as stream, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        stream.bind(('127.0.0.1', port))
        datagrams.bind(('127.0.0.1', port))
        yield stream, datagrams


def free_port():
    """A port of loopback that is free for TCP and UDP."""
    for offer in itertools.islice(OFFERS, LAST - FIRST):
        port = FIRST + (offer - FIRST) % (LAST - FIRST)
        with contextlib.suppress(OSError), bound(port):
            return port
    raise AssertionError(f'no port from {FIRST} to {LAST} is free')

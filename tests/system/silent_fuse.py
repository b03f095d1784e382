"""A FUSE server that reads questions and keeps silent: who asked sleeps where no signal reaches it, until the server
answers or ends (fs/fuse/dev.c, request_wait_answer). Mounted in a mount namespace of its own.

    with Silent(directory) as silent:
        subprocess.Popen(..., preexec_fn=silent.enter)
        silent.asked()      # somebody sleeps now
        silent.answer()     # … and gets an error
"""
import contextlib
import ctypes
import os
import select
import signal
import struct
import subprocess
import sys

CLONE_NEWNS = 0x20000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 16384, 1 << 18
GETATTR, INIT, INTERRUPT, FORGET, BATCH_FORGET = 3, 26, 36, 2, 42  # include/uapi/linux/fuse.h
EIO = 5
IN = struct.Struct("=IIQQIIII")
OUT = struct.Struct("=IiQ")
LIBC = ctypes.CDLL(None, use_errno=True)


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


class Silent:
    def __init__(self, directory):
        # no buffer of ours: select() tells of every line that nobody has read yet
        self.server = subprocess.Popen([sys.executable, __file__, str(directory)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, bufsize=0)
        if self.server.stdout.readline() != b"mounted\n":
            self.close()
            raise OSError("FUSE cannot be mounted here")
        self.namespace = os.open(f"/proc/{self.server.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)

    def enter(self):
        """In a child before it executes its program: it sees the mount."""
        checked(LIBC.setns(self.namespace, CLONE_NEWNS))

    def asked(self, patience=60):
        """Waits until somebody asked what is not answered; the pid as the server was told it."""
        assert select.select([self.server.stdout], [], [], patience)[0], "nobody asked"
        return int(self.server.stdout.readline())

    def answer(self):
        self.server.stdin.write(b"answer\n")
        self.server.stdin.flush()

    def kill(self):
        self.server.kill()
        self.server.wait()

    def close(self):
        self.kill()
        self.server.stdin.close()
        self.server.stdout.close()
        with contextlib.suppress(AttributeError):
            os.close(self.namespace)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def reply(fuse, unique, error=0, body=b""):
    with contextlib.suppress(OSError):  # who asked may be gone
        os.write(fuse, OUT.pack(OUT.size + len(body), -error, unique) + body)


def attributes():
    return struct.pack("=QII", 0, 0, 0) + struct.pack("=6Q10I", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)


def serve(fuse):
    waiting = []
    answers = False
    while True:
        readable = select.select([fuse, 0], [], [])[0]
        if 0 in readable:
            if not os.read(0, 100):
                return
            answers = True
            for unique in waiting:
                reply(fuse, unique, EIO)
            continue
        request = os.read(fuse, 1 << 18)
        _, opcode, unique, _, _, _, pid, _ = IN.unpack_from(request)
        if opcode == INIT:
            reply(fuse, unique, body=struct.pack("=IIIIHHIIHHI7I", 7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, 0, *[0] * 7))
        elif opcode == GETATTR:
            reply(fuse, unique, body=attributes())
        elif opcode in (FORGET, BATCH_FORGET, INTERRUPT):
            continue
        elif answers:
            reply(fuse, unique, EIO)
        else:
            waiting.append(unique)
            os.write(1, b"%d\n" % pid)


def main(directory):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fuse = os.open("/dev/fuse", os.O_RDWR)
    checked(LIBC.unshare(CLONE_NEWNS))
    checked(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    checked(LIBC.mount(b"silent", directory.encode(), b"fuse.silent", MS_NOSUID | MS_NODEV, options))
    os.write(1, b"mounted\n")
    serve(fuse)


if __name__ == "__main__":
    main(sys.argv[1])

"""Run a command that the kernel kills as soon as it, or a process that it starts, opens a network socket.

    python no_network.py COMMAND [ARGUMENT ...]

Native code is watched as Python's is: the rule (seccomp, Linux on x86-64 and ARM64) is about the system
call. A lookup of a name opens a socket as well, so the command dies by SIGSYS before it has asked anybody.
Sockets to programs of the same machine (AF_UNIX) are allowed: the C library asks for user names by them.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

SUPPORTED = sys.platform == "linux" and platform.machine() in {"x86_64", "aarch64"}

# Architecture as the kernel's audit names it, and the number of the call socket(2).
_ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # instructions of BPF
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # where they stand in the kernel's struct seccomp_data
_KILL, _ALLOW = 0x80000000, 0x7FFF0000
_AF_UNIX = 1
_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2  # of prctl(2)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbid_sockets() -> None:
    """Have this process and its descendants killed when they open a socket that is not AF_UNIX.

    Raises:
        OSError: if the kernel does not allow such a rule.
    """
    architecture, socket = _ARCHITECTURES[platform.machine()]
    rules = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 0, 4, architecture),  # another one, as of a 32-bit program: not watched
        (_LOAD, 0, 0, _NUMBER),
        (_EQUAL, 0, 2, socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 0, 1, _AF_UNIX),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _KILL),
    ]
    program = _Program(len(rules), b"".join(struct.pack("HBBI", *rule) for rule in rules))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((_NO_NEW_PRIVILEGES, 1, 0, 0, 0), (_SECCOMP, _FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), f"prctl({call[0]}): {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    forbid_sockets()
    os.execvp(sys.argv[1], sys.argv[1:])

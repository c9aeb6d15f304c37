"""Run a command that can open no socket but Unix ones, so that no network is within its reach.

A script of its own that needs the standard library only, run as `python -I -S offline.py COMMAND...`. It is
for where nobody may make a namespace, as in an ordinary container: there a filter of system calls (seccomp)
does. It holds for everything that the command starts, and no program gains rights by it any more.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

__all__ = ["main"]

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_MODE_FILTER = 2
# What the kernel calls each kind of machine, and the number of its system call `socket`.
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
# Could open sockets past the filter; has the same number everywhere.
_IO_URING_SETUP = 425
# From here on x86-64 numbers its calls once more, for another kind of programs.
_X32 = 0x40000000
# Instructions of the filter, and the places of what they look at.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _MACHINE, _FIRST_ARGUMENT = 0, 4, 16
# The error that ZeroMQ takes for a machine without a network; it aborts at others.
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EOPNOTSUPP


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def main(command: list[str]) -> None:
    """Become the command. Raises OSError where this machine has no such filter."""
    if platform.machine() not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no filter is known for {platform.machine()}")
    _install(_instructions(*_MACHINES[platform.machine()]))
    os.execv(command[0], command)


def _instructions(machine: int, open_socket: int) -> bytes:
    """The filter: at each, where to go on from the next one if it holds and if not."""
    lines = (
        (_LOAD, 0, 0, _MACHINE),
        (_IF_EQUAL, 0, 6, machine),
        (_LOAD, 0, 0, _NUMBER),
        (_IF_AT_LEAST, 4, 0, _X32),
        (_IF_EQUAL, 3, 0, _IO_URING_SETUP),
        (_IF_EQUAL, 0, 3, open_socket),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_IF_EQUAL, 1, 0, socket.AF_UNIX),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _install(instructions: bytes) -> None:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
    content = ctypes.create_string_buffer(instructions, len(instructions))
    program = _Program(len(instructions) // 8, ctypes.addressof(content))
    for arguments in (
        (_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
        (_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(program), 0, 0),
    ):
        if prctl(*arguments) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"the network cannot be taken away: {os.strerror(number)}")


if __name__ == "__main__":
    main(sys.argv[1:])

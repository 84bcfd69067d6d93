"""The system calls that a sandboxed process is denied, as a seccomp filter for bubblewrap.

No processes: so that the limits of the one there is are those of the sandbox. No memory that those limits do not count.
Nothing of the kernel that a model has no use for (compare flatpak's list, common/flatpak-run.c).
"""

import errno
import platform
import struct

from loopbench.errors import LoopbenchError

# name: (x86_64, aarch64), from the kernel's asm/unistd.h
DENIED: dict[str, tuple[int, int | None]] = {
    "fork": (57, None),
    "vfork": (58, None),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "unshare": (272, 97),
    "setns": (308, 268),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "bpf": (321, 280),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
}
CLONE = (56, 220)
CLONE3 = 435
CLONE_THREAD = 0x10000
X32 = 0x40000000
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column of the tables, AUDIT_ARCH

# classic BPF (linux/filter.h, linux/seccomp.h)
LOAD, EQUAL, AT_LEAST, HAS_BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCH, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000


def seccomp_filter(machine: str = platform.machine()) -> bytes:
    """The filter's program, as bubblewrap's `--seccomp` reads it.

    Raises:
        LoopbenchError: the numbers of this machine's system calls are not known here.
    """
    if machine not in MACHINES:
        raise LoopbenchError(f"verify runs on {' and '.join(MACHINES)}, not on {machine}")
    column, arch = MACHINES[machine]
    program = [_op(LOAD, ARCH), _op(EQUAL, arch, 1, 0), _op(RETURN, KILL), _op(LOAD, NUMBER)]
    program += [_op(AT_LEAST, X32, 0, 1), _op(RETURN, KILL)]
    for numbers in DENIED.values():
        if (number := numbers[column]) is not None:
            program += [_op(EQUAL, number, 0, 1), _op(RETURN, FAIL | errno.EPERM)]
    # Its flags lie in memory, where a filter cannot look; without it the C library uses clone.
    program += [_op(EQUAL, CLONE3, 0, 1), _op(RETURN, FAIL | errno.ENOSYS)]
    program += [_op(EQUAL, CLONE[column], 1, 0), _op(RETURN, ALLOW), _op(LOAD, FIRST_ARGUMENT)]
    program += [_op(HAS_BITS, CLONE_THREAD, 1, 0), _op(RETURN, FAIL | errno.EPERM), _op(RETURN, ALLOW)]
    return b"".join(program)


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)

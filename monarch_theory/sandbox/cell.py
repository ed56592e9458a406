"""The walls around a process that is not trusted: namespaces, Landlock, a filter of system calls. Linux only.

This file is the first program of such a process. It needs the standard library alone, is given to a bare interpreter
as text, puts up every wall that the system has, tells the process that started it which stand and why others do not,
and becomes the program it was asked to run. What each wall keeps from it:

- user and pid namespaces: every process outside; they cannot be seen, signalled, traced or read;
- mount namespace: the folders hidden from it, and every file as something to write, but for a folder of its own;
- net and ipc namespaces: the network, and memory shared with others by name;
- Landlock: the same folders and files, processes outside, and TCP, by other means;
- the filter: tracing, reading the memory of others, sockets of others, and new namespaces, in which it had rights;
  where there are no mounts of its own, memory that outlives it, and modes, times and attributes of files;
- a cgroup: more memory than it may use, however it is held: shared, in files of memory, or by its children.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["enter"]

NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x4000, 0x40000
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 22, 24, 38
MOUNT_SETATTR, CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 442, 444, 445, 446
AT_RECURSIVE, MOUNT_ATTR_RDONLY = 0x8000, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << k for k in range(4))
READING = EXECUTE | READ_FILE | READ_DIR
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
"""Rights that a file can have; the others are of folders."""

DENIED = {
    "x86_64": (0xC000003E, (
        42, 101, 155, 165, 166, 246, 248, 249, 250, 272, 298, 304, 308, 310, 311, 312, 321, 323, 425, 428, 429, 430,
        438, 442,
    )),
    "aarch64": (0xC00000B7, (
        203, 117, 41, 40, 39, 104, 217, 218, 219, 97, 241, 265, 268, 270, 271, 272, 280, 282, 425, 428, 429, 430, 438,
        442,
    )),
}  # fmt: skip
"""By machine: what the filter calls it, and the numbers of connect, ptrace, pivot_root, mount, umount2, kexec_load,
add_key, request_key, keyctl, unshare, perf_event_open, open_by_handle_at, setns, process_vm_readv, process_vm_writev,
kcmp, bpf, userfaultfd, io_uring_setup, open_tree, move_mount, fsopen, pidfd_getfd, mount_setattr."""

LASTING = {
    "x86_64": (
        (29, 64, 68),
        (90, 91, 92, 93, 94, 132, *range(188, 191), *range(197, 200), 235, 260, 261, 268, 280, 452, 463, 466, 469),
    ),
    "aarch64": ((194, 190, 186), (*range(5, 8), *range(14, 17), *range(52, 56), 88, 452, 463, 466, 469)),
}
"""By machine, where no mount and no namespace of its own does it: the calls shmget, semget and msgget, which make what
outlives every process, and those that change the mode, owner, times and attributes of a file, which no rule of
Landlock is about. The latter do nothing and say that they did: who copies a file asks for them, too."""

CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = 435

libc = ctypes.CDLL(None, use_errno=True)


def called(result: int, what: str) -> int:
    """The result of a system call, or why there is none.

    Raises:
        OSError: it failed.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def system(number: int, *arguments: Any, what: str) -> int:
    return called(libc.syscall(ctypes.c_long(number), *arguments), what)


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    parts = [None if part is None else part.encode() for part in (source, target, kind)]
    held = None if options is None else options.encode()
    called(libc.mount(*parts, ctypes.c_ulong(flags), held), f"mount {target}")


def join_cgroup(folder: str | None) -> None:
    if folder is None:
        raise OSError(errno.EACCES, "no group of processes that this user may limit the memory of")
    with open(os.path.join(folder, "cgroup.procs"), "w") as procs:
        procs.write(str(os.getpid()))


def unshare() -> None:
    """New namespaces, in which this user is who it was, and the next child is the first process."""
    user, group = os.geteuid(), os.getegid()
    called(libc.unshare(NEWUSER | NEWNS | NEWPID | NEWNET | NEWIPC), "unshare")
    for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{file}", "w") as lines:
            lines.write(text)


def mount_anew(hidden: list[str], scratch: str, size: int) -> None:
    """Its own view of the files: all to be read only, none in the hidden folders; in memory, a folder to write in."""
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    attributes = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
    system(MOUNT_SETATTR, ctypes.c_int(-100), b"/", ctypes.c_uint(AT_RECURSIVE), attributes,
           ctypes.c_size_t(len(attributes)), what="mount_setattr")  # fmt: skip
    for folder in hidden:
        mount("tmpfs", folder, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "size=4k,mode=555")
    for folder in (scratch, "/dev/shm"):
        if os.path.isdir(folder):
            mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size},mode=700")


def mount_processes() -> None:
    """/proc of its own processes alone, as containers may forbid."""
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)


def drop_rights() -> None:
    """No rights that being the first user of a namespace gives, and none by what is run later."""
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
    header, nothing = struct.pack("Ii", 0x20080522, 0), bytes(24)
    called(libc.capset(header, nothing), "capset")


def no_new_rights() -> None:
    called(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def landlock(hidden: list[str], writable: list[str]) -> int:
    """Rules on files, TCP and signals, as many as this kernel knows; the version it knows them in."""
    version = system(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(1), what="Landlock")
    files = (1 << (13, 14, 15, 15, 16)[min(version, 5) - 1]) - 1
    attributes = struct.pack("QQQ", files, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    attributes = attributes[: 24 if version >= 6 else 16 if version >= 4 else 8]
    rules = system(CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0), what="Landlock")

    def allow(path: str, rights: int) -> None:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            return
        if not os.path.isdir(path):
            rights &= OF_FILES
        rule = struct.pack("=Qi", rights & files, place)
        system(ADD_RULE, ctypes.c_int(rules), ctypes.c_int(1), rule, ctypes.c_uint(0), what=f"Landlock on {path}")
        os.close(place)

    def allow_but(path: str, rights: int, but: list[str]) -> None:
        """Everything in a folder that is none of `but`; where such a one is deeper, what is beside it."""
        inside = [one for one in but if one == path or one.startswith(path.rstrip("/") + "/")]
        if path in inside or os.path.islink(path):
            return
        if not inside:
            allow(path, rights)
            return
        allow(path, rights & READ_DIR)
        with contextlib.suppress(OSError):
            for name in os.listdir(path):
                allow_but(os.path.join(path, name), rights, inside)

    allow_but("/", READING, [os.path.realpath(folder) for folder in hidden])
    allow_but("/dev", READING | WRITE_FILE | 1 << 15, ["/dev/shm"])
    for folder in writable:
        allow(folder, files)
    system(RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint(0), what="Landlock")
    os.close(rules)
    return version


def filter_calls(lasting: bool = False) -> None:
    """Refuse system calls by which one process looks into another, or gains rights; `lasting`: or leaves something."""
    machine = platform.machine()
    if machine not in DENIED:
        raise OSError(errno.ENOSYS, f"no list of system calls for {machine}")
    audit, denied = DENIED[machine]
    load, equal, any_of, give = 0x20, 0x15, 0x45, 0x06
    nothing, allowed, killed = 0x00050000, 0x7FFF0000, 0x80000000
    refused, unknown = nothing | errno.EPERM, nothing | errno.ENOSYS
    namespaces = NEWNS | NEWIPC | NEWUSER | NEWPID | NEWNET
    steps = [(load, 0, 0, 4), (equal, 1, 0, audit), (give, 0, 0, killed), (load, 0, 0, 0)]
    if machine == "x86_64":
        # the same calls by the numbers of another interface
        steps += [(any_of, 0, 1, 0x40000000), (give, 0, 0, refused)]
    made, marked = LASTING[machine] if lasting else ((), ())
    for number in (*denied, *made):
        steps += [(equal, 0, 1, number), (give, 0, 0, refused)]
    for number in marked:
        steps += [(equal, 0, 1, number), (give, 0, 0, nothing)]
    steps += [(equal, 0, 1, CLONE3), (give, 0, 0, unknown)]
    steps += [(equal, 0, 3, CLONE[machine]), (load, 0, 0, 16), (any_of, 0, 1, namespaces), (give, 0, 0, refused)]
    steps += [(give, 0, 0, allowed)]
    program = b"".join(struct.pack("HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(held))
    called(libc.prctl(PR_SET_SECCOMP, 2, described, 0, 0), "seccomp")


def die_with_parent() -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def enter(plan: dict[str, Any]) -> None:
    """Put up the walls and become the program.

    plan: `program`: its arguments; `environment`; `files`: what is to be in its folder, by name; `folder`; `hidden`:
    folders it is not to read; `gibibytes`: its memory, 0 for no limit; `cgroup`: folder of a group to join; `walls`:
    names of those wanted; `tell`: the descriptor on which it is said which stand.
    """
    stand: dict[str, str] = {}
    missing: dict[str, str] = {}

    def put_up(name: str, wall: Callable[[], Any]) -> bool:
        try:
            if name not in plan["walls"]:
                raise OSError(errno.ENOSYS, "not asked for")
            stand[name] = str(wall() or "")
        except (OSError, AttributeError) as error:
            missing[name] = getattr(error, "strerror", None) or str(error)
        return name in stand

    die_with_parent()
    put_up("cgroup", lambda: join_cgroup(plan["cgroup"]))
    apart = put_up("namespaces", unshare)
    die_with_parent()  # again, as it is forgotten with the rights that a new namespace gives
    child = os.fork() if apart else 0
    if child:
        # outside: as long as the first process inside lives
        for descriptor in (0, 1, plan["tell"]):
            os.close(descriptor)
        end_as(os.waitpid(child, 0)[1])
    die_with_parent()
    size = int((plan["gibibytes"] or 4) * 2**30)
    if apart:
        put_up("mounts", lambda: mount_anew(plan["hidden"], plan["folder"], size))
        put_up("proc", mount_processes)
    drop_rights()
    for name, text in plan["files"].items():
        path = os.path.join(plan["folder"], name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    no_new_rights()
    writable = [plan["folder"], *(["/dev/shm"] if "mounts" in stand else [])]
    put_up("landlock", lambda: landlock(plan["hidden"], writable))
    put_up("filter", lambda: filter_calls("mounts" not in stand))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(plan["tell"], "w") as told:
        json.dump({"stand": stand, "missing": missing}, told)
    runs = os.fork() if apart else 0
    if runs:
        # the first process of its namespace: all others end with it
        for descriptor in (0, 1):
            os.close(descriptor)
        end_as(reaped(runs))
    die_with_parent()
    os.chdir(plan["folder"])
    os.closerange(3, 4096)
    os.execve(plan["program"][0], plan["program"], plan["environment"])


def reaped(process: int) -> int:
    """The status of a process, whose orphans are waited for until then."""
    while True:
        with contextlib.suppress(InterruptedError):
            ended, status = os.wait()
            if ended == process:
                return status


def end_as(status: int) -> None:
    """End as another process did; the first of a namespace cannot be ended by a signal, and exits with its number."""
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
    if 128 < code <= 128 + 64:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(code - 128, signal.SIG_DFL)
        os.kill(os.getpid(), code - 128)
    os._exit(code)


if __name__ == "__main__":
    enter(json.load(sys.stdin))

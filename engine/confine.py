"""What a child of the server may not do, set before it reads a foreign byte.

The server says it in the environment, as JSON: ATELIER_CONFINE={"memory":…,"cpu":…,"file":…,"open":…,
"processes":…,"network":"none"|"loopback"|"listen"}. Every field may be absent.

* memory: bytes of address space. Memory that this would not count (shared, by memfd) cannot be had then.
* cpu: seconds of processor time; one more second and the kernel kills.
* file: bytes of any one written file. * open: open descriptors.
* processes: how many processes and threads this sandbox may have; 0: threads only, no other process and no other program.
* network: "none" makes no socket, "listen" accepts connections and makes none, "loopback" leaves it to the network namespace.

On Linux a seccomp filter also refuses what no child needs and exploits like: looking into other processes, mounts,
namespaces, kernel keys, modules, BPF, io_uring. Run as a script it applies all that and says what works on this machine:

    python engine/confine.py      prints {"event":"done","filter":true,"reason":null}
"""

import ctypes
import errno
import json
import os
import platform
import resource
import struct
import sys
from typing import Any

VARIABLE = "ATELIER_CONFINE"
PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1, 4  # linux/seccomp.h; without the flag older kernels slow every branch down

# Numbers by architecture: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
X86, ARM = 0, 1
ARCHITECTURES = {"x86_64": (X86, 0xC000003E), "aarch64": (ARM, 0xC00000B7)}  # AUDIT_ARCH_… of linux/audit.h
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "accept4": (288, 242), "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clock_settime": (227, 112), "clone": (56, 220), "clone3": (435, 435), "connect": (42, 203),
    "delete_module": (176, 106), "execve": (59, 221), "execveat": (322, 281), "fanotify_init": (300, 262), "finit_module": (313, 273),
    "fork": (57, None), "fsconfig": (431, 431), "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433), "init_module": (175, 105),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None),
    "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "open_tree": (428, 428), "perf_event_open": (298, 241), "pidfd_getfd": (438, 438), "pivot_root": (155, 41),
    "process_madvise": (440, 440), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117),
    "quotactl": (179, 60), "reboot": (169, 142), "request_key": (249, 218), "seccomp": (317, 277), "sendmmsg": (307, 269), "sendmsg": (46, 211),
    "sendto": (44, 206), "setdomainname": (171, 162), "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170),
    "shmget": (29, 194), "socket": (41, 198), "swapoff": (168, 225), "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39),
    "unshare": (272, 97), "userfaultfd": (323, 282), "vfork": (58, None),
}
NOBODY_NEEDS = [
    "acct", "add_key", "bpf", "chroot", "clock_adjtime", "clock_settime", "delete_module", "fanotify_init", "finit_module", "fsconfig", "fsmount",
    "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load",
    "kexec_load", "keyctl", "memfd_secret", "mount", "mount_setattr", "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree",
    "perf_event_open", "pidfd_getfd", "pivot_root", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "reboot",
    "request_key", "setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon", "syslog", "umount2", "unshare", "userfaultfd",
]
CLONE_THREAD = 0x00010000
CLONE_NEW_ANYTHING = 0x7E020080  # user, PID, network, IPC, UTS, cgroup, mount and time namespaces
AF_INET, AF_INET6, SOCK_TYPE_MASK, SOCK_STREAM, MSG_FASTOPEN = 2, 10, 0xF, 1, 0x20000000


class Program:
    """A seccomp filter as classic BPF: rules in order, the first that holds decides; what none refuses is allowed."""

    LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
    ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000

    def __init__(self, architecture: int, audit: int):
        self.column = architecture
        self.code: list[tuple[int, int, int, int]] = [
            (self.LOAD, 0, 0, 4), (self.EQUAL, 1, 0, audit), (self.RETURN, 0, 0, self.KILL),  # another instruction set has other numbers
            (self.LOAD, 0, 0, 0)]
        if architecture == X86:  # the x32 numbers
            self.code += [(self.AT_LEAST, 0, 1, 0x40000000), (self.RETURN, 0, 0, self.ERROR | errno.EPERM)]

    def refuse(self, name: str, error: int = errno.EPERM) -> None:
        if (number := NUMBERS[name][self.column]) is not None:
            self.code += [(self.EQUAL, 0, 1, number), (self.RETURN, 0, 0, self.ERROR | error)]

    def refuse_where(self, name: str, tests: list[tuple[int, int, bool, int]], error: int = errno.EPERM) -> None:
        """Refuse the call where one test holds: (argument, mask, whether the masked value must equal, value).
        A test that wants no equality holds where the masked value differs."""
        if (number := NUMBERS[name][self.column]) is None:
            return
        body: list[tuple[int, int, int, int]] = []
        for argument, mask, equal, value in tests:
            refusal = (self.RETURN, 0, 0, self.ERROR | error)
            body += [(self.LOAD, 0, 0, 16 + 8 * argument), (self.AND, 0, 0, mask),
                     (self.EQUAL, 0, 1, value) if equal else (self.EQUAL, 1, 0, value), refusal]
        body.append((self.RETURN, 0, 0, self.ALLOW))
        self.code += [(self.EQUAL, 0, len(body), number), *body]

    def bytes(self) -> bytes:
        return b"".join(struct.pack("HBBI", *step) for step in [*self.code, (self.RETURN, 0, 0, self.ALLOW)])


def program(limits: dict[str, Any]) -> bytes | None:
    """The filter for these limits; None on a machine whose system calls are not known here."""
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES or struct.calcsize("P") != 8:
        return None
    rules = Program(*ARCHITECTURES[platform.machine()])
    for name in NOBODY_NEEDS:
        rules.refuse(name)
    # Its flags lie in memory, where a filter cannot look: the C library falls back to clone.
    rules.refuse("clone3", errno.ENOSYS)
    alone = limits.get("processes") == 0
    tests = [(0, CLONE_NEW_ANYTHING, False, 0)]
    if alone:
        tests.append((0, CLONE_THREAD, True, 0))
        for name in ("fork", "vfork", "execve", "execveat"):
            rules.refuse(name)
    rules.refuse_where("clone", tests)
    if "memory" in limits:
        for name in ("memfd_create", "shmget"):
            rules.refuse(name)
    network = limits.get("network", "loopback")
    if network == "none":
        rules.refuse("socket", errno.EACCES)
    elif network == "listen":
        rules.refuse("connect", errno.EACCES)
        for name, flags in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):  # which would connect on their own
            rules.refuse_where(name, [(flags, MSG_FASTOPEN, True, MSG_FASTOPEN)], errno.EACCES)
        rules.refuse_where("socket", [(1, SOCK_TYPE_MASK, False, SOCK_STREAM)], errno.EACCES)
    return rules.bytes()


def install(code: bytes) -> str | None:
    """Put the filter over this thread and all it starts; there is no way back. Returns why that failed."""
    libc = ctypes.CDLL(None, use_errno=True)

    class Filter(ctypes.Structure):  # struct sock_fprog
        _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

    kept = ctypes.create_string_buffer(code, len(code))
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return os.strerror(ctypes.get_errno())
    number = NUMBERS["seccomp"][ARCHITECTURES[platform.machine()][0]]
    prepared = Filter(len(code) // 8, ctypes.addressof(kept))
    if libc.syscall(ctypes.c_long(number), ctypes.c_ulong(SECCOMP_SET_MODE_FILTER), ctypes.c_ulong(SECCOMP_FILTER_FLAG_SPEC_ALLOW),
                    ctypes.byref(prepared)) != 0:
        return os.strerror(ctypes.get_errno())
    return None


def lower(kind: int, value: int, grace: int = 0) -> None:
    """Set a limit, never above the one that is there. Lowered together, so that it cannot be raised again."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value, grace = min(value, hard), min(grace, max(0, hard - value))
    resource.setrlimit(kind, (value, value + grace))


def limit_memory(limit: int) -> None:
    """Bound the address space, on Linux; elsewhere the kernel does not."""
    if sys.platform == "linux":
        lower(resource.RLIMIT_AS, limit)


def memory_words() -> str:
    """The bound of the address space, for a message."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return "the memory there is" if limit == resource.RLIM_INFINITY else f"the {limit >> 20} MiB of memory allowed"


def counts_by_namespace() -> bool:
    """Whether the kernel counts the processes of a user namespace by themselves, as Linux does since 5.14. Elsewhere all of
    the user's count, the server's too: a limit would hit at random."""
    version = [int(part) if part.isdigit() else 0 for part in platform.release().split(".")[:2]]
    return sys.platform == "linux" and version >= [5, 14]


def apply(limits: dict[str, Any]) -> str | None:
    """Confine this process. Returns why there is no filter, None where there is one."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what it read
    if "cpu" in limits:
        lower(resource.RLIMIT_CPU, limits["cpu"], grace=1)
    if "file" in limits:
        lower(resource.RLIMIT_FSIZE, limits["file"])
    if "open" in limits:
        lower(resource.RLIMIT_NOFILE, limits["open"])
    if limits.get("processes") and limits.get("namespace") and counts_by_namespace():
        lower(resource.RLIMIT_NPROC, limits["processes"])
    if "memory" in limits:
        limit_memory(limits["memory"])
    code = program(limits)
    if code is None:
        return f"no filter for {sys.platform} on {platform.machine()}"
    return install(code)


def from_environment() -> str | None:
    """What the server asks for, where it does."""
    text = os.environ.get(VARIABLE)
    return apply(json.loads(text)) if text else None


if __name__ == "__main__":
    reason = from_environment()
    print(json.dumps({"event": "done", "filter": reason is None, "reason": reason}))

"""What a child may not do is refused by the kernel, whatever the child is made to try."""

import json
import os
import platform
import shutil
import subprocess
import sys

import confine
import pytest
from conftest import ENGINE

LINUX = pytest.mark.skipif(sys.platform != "linux" or platform.machine() not in confine.ARCHITECTURES, reason="there is no filter for this system")


def attempt(limits: dict, code: str) -> str:
    """Run `code` in a confined process; "done", or the name of the error it ends with."""
    script = f"import child, ctypes, os, resource, socket, subprocess, threading\nlibc = ctypes.CDLL(None, use_errno=True)\n{code}\nprint('done')"
    result = subprocess.run([sys.executable, "-c", script], cwd=ENGINE, env=os.environ | {confine.VARIABLE: json.dumps(limits)}, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True)
    if result.returncode == 0:
        return result.stdout.strip()
    return result.stderr.strip().splitlines()[-1].partition(":")[0] if result.returncode > 0 else str(result.returncode)


ALONE = {"processes": 0}
CONNECT = "socket.create_connection(('127.0.0.1', 9))"  # nobody listens there: without a filter it is refused by the other side
LISTEN = "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()"
CALL = "if libc.{} != 0: raise PermissionError(ctypes.get_errno())"


@LINUX
@pytest.mark.parametrize("limits, code, outcome", [
    (ALONE, "os.fork()", "PermissionError"),
    (ALONE, "subprocess.run(['/bin/true'])", "PermissionError"),
    (ALONE, "os.posix_spawn('/bin/true', ['true'], {})", "PermissionError"),
    (ALONE, "os.execv('/bin/true', ['true'])", "PermissionError"),
    (ALONE, "t = threading.Thread(target=print); t.start(); t.join()", "done"),
    ({}, "subprocess.run(['/bin/true'], check=True)", "done"),
    ({"network": "none"}, "socket.socket()", "PermissionError"),
    ({"network": "none"}, "socket.socket(socket.AF_UNIX)", "PermissionError"),
    ({"network": "none"}, "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "PermissionError"),
    ({"network": "none"}, "socket.socketpair()", "done"),
    ({"network": "listen"}, LISTEN, "done"),
    ({"network": "listen"}, CONNECT, "PermissionError"),
    ({"network": "listen"}, "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "PermissionError"),
    ({"network": "listen"}, "s = socket.socket(); s.sendto(b'x', 0x20000000, ('127.0.0.1', 9))", "PermissionError"),
    ({"network": "loopback"}, CONNECT, "ConnectionRefusedError"),
    ({}, CALL.format("ptrace(0, 0, 0, 0)"), "PermissionError"),
    ({}, CALL.format("unshare(0x10000000)"), "PermissionError"),
    ({}, CALL.format("setns(0, 0)"), "PermissionError"),
    ({}, CALL.format("mount(b'none', b'/mnt', b'tmpfs', 0, None)"), "PermissionError"),
    ({}, CALL.format("syscall(250 if os.uname().machine == 'x86_64' else 219, 0, -1, 0)"), "PermissionError"),  # keyctl
    ({"memory": 1 << 29}, "bytearray(1 << 29)", "MemoryError"),
    ({"memory": 1 << 29}, "os.memfd_create('x')", "PermissionError"),
    ({"open": 20}, "kept = [open('/dev/null') for _ in range(20)]", "OSError"),
    ({"file": 1000}, "import tempfile; tempfile.TemporaryFile().truncate(1001)", "OSError"),
    ({"cpu": 1}, "while True: pass", "-24"),
])
def test_what_a_child_may_do(limits, code, outcome):
    assert attempt(limits, code) == outcome


@LINUX
def test_the_filter_outlives_a_program():
    """What a confined process starts is confined, too, though it knows nothing of it."""
    code = "subprocess.run(['python3', '-c', 'import socket; socket.socket()'], check=True, stderr=subprocess.DEVNULL)"
    assert attempt({"network": "none"}, code) == "subprocess.CalledProcessError"
    assert attempt({}, code) == "done"


@LINUX
def test_another_instruction_set_is_not_a_way_around():
    """The first steps compare the architecture; the numbers of another one mean other calls."""
    for machine, (column, audit) in confine.ARCHITECTURES.items():
        code = confine.Program(column, audit).code
        assert code[0] == (0x20, 0, 0, 4) and code[1][3] == audit and code[2] == (0x06, 0, 0, confine.Program.KILL), machine


def test_without_the_variable_nothing_is_confined(monkeypatch):
    monkeypatch.delenv(confine.VARIABLE, raising=False)
    before = open("/proc/self/status").read() if sys.platform == "linux" else ""
    assert confine.from_environment() is None
    assert sys.platform != "linux" or "Seccomp:\t0" in before


@LINUX
def test_what_works_is_said():
    result = subprocess.run([sys.executable, ENGINE / "confine.py"], env=os.environ | {confine.VARIABLE: '{"processes":0}'}, capture_output=True)
    assert json.loads(result.stdout) == {"event": "done", "filter": True, "reason": None}


WORKER = """
import sys
sys.path.insert(0, {engine!r})
import child, os
from documents.parsers import worker

def attack():
    {attack}
    return {{"done": True}}

print(worker.run(attack, worker.Limits(1 << 28, 5, 1 << 20)))
"""


@LINUX
@pytest.mark.parametrize("attack", [
    "os.fork()", "os.execv('/bin/true', ['true'])", "__import__('socket').socket()",
    # The next document in the same process may be somebody else's.
    "open(f'/proc/{os.getppid()}/mem', 'rb')",
], ids=["fork", "program", "socket", "memory of the parser"])
def test_a_documents_process_can_do_nothing_but_read_it(attack):
    command = [sys.executable, "-c", WORKER.format(engine=str(ENGINE), attack=attack)]
    if os.geteuid() == 0:
        if not shutil.which("bwrap"):
            pytest.skip("root sees everything, and there is no bubblewrap to be less than root in")
        command = ["bwrap", "--unshare-user", "--cap-drop", "ALL", "--dev-bind", "/", "/", *command]
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert "PermissionError" in result.stdout, result.stdout + result.stderr

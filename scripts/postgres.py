"""A PostgreSQL server of a test's own, from the system's package: in a temporary folder, on a free loopback port.

    with postgres.running() as cluster:
        cluster.url("name")        # postgres://…, of a new database
        cluster.restart("immediate")
"""

import contextlib
import os
import pathlib
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator

USER = "atelier"


class Missing(Exception):
    """There is no PostgreSQL on this machine; the text says what to do."""


def programs() -> pathlib.Path:
    """The folder with `initdb` and `postgres`, of the newest version there is."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    if path := shutil.which("initdb"):
        return pathlib.Path(path).parent
    raise Missing("PostgreSQL is not installed: apt-get install postgresql, or brew install postgresql@15")


class Cluster:
    def __init__(self, folder: pathlib.Path):
        self.programs = programs()
        self.folder = folder
        self.data = folder / "data"
        self.password = secrets.token_hex(12)
        self.user: str | None = None
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            self.user = "postgres"
            try:
                account = pwd.getpwnam(self.user)
            except KeyError:
                raise Missing("PostgreSQL refuses to run as root, and there is no user postgres") from None
            os.chown(folder, account.pw_uid, account.pw_gid)
        secret = folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        self.run("initdb", "-D", self.data, "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-sync", "--locale=C.UTF-8")
        secret.unlink()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def run(self, program: str, *arguments: object, check: bool = True) -> subprocess.CompletedProcess:
        command = [str(self.programs / program), *map(str, arguments)]
        if self.user:
            command = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups", "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", stdin=subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout[-500:]} {done.stderr[-1500:]} {self.log()[-1500:]}")
        return done

    def start(self) -> None:
        options = (f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=400 -c fsync=off "
                   "-c shared_buffers=64MB -c full_page_writes=off")
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-t", "60", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "-t", "60", "stop", check=False)

    def restart(self, mode: str = "fast", down: float = 0) -> None:
        """`immediate` is what a crash is: no farewell, and recovery at the next start."""
        self.stop(mode)
        time.sleep(down)
        self.start()

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[str, ...]]:
        """Rows as text; NULL is empty."""
        environment = {**os.environ, "PGPASSWORD": self.password}
        done = subprocess.run(
            [self.programs / "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database, "-v", "ON_ERROR_STOP=1", "-qAt",
             "-F", "\x1f", "-R", "\x1e", "-c", statement], capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return [tuple(line.split("\x1f")) for line in done.stdout.rstrip("\n").split("\x1e") if line]

    def url(self, database: str) -> str:
        """Of a new database."""
        assert re.fullmatch(r"[a-z0-9_]+", database)
        self.sql(f"CREATE DATABASE {database}")
        return f"postgres://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"


@contextlib.contextmanager
def running() -> Iterator[Cluster]:
    """A cluster until the block ends. Raises `Missing` where there can be none."""
    programs()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="atelier-postgres-", dir="/tmp"))
    cluster = None
    try:
        folder.chmod(0o755)
        cluster = Cluster(folder)
        yield cluster
    finally:
        if cluster:
            cluster.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)

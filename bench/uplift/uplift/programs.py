"""Running programs that a model wrote.

They are run in a sandbox of bubblewrap (`bwrap`): no network, no files but those that Python needs, read only,
and an empty folder. Where there is none, programs are only run if whoever measures says that they may run
unconfined. In either case they have limits of time, memory and output, and an empty environment, and they are
ended with all that they have started.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SECONDS = 10
MEMORY = 512 << 20
OUTPUT = 64 << 10

# What a program runs under: it limits itself before it begins.
_LIMITS = f"""
import resource, runpy, sys
for what, most in (
    (resource.RLIMIT_CPU, {SECONDS}), (resource.RLIMIT_AS, {MEMORY}),
    (resource.RLIMIT_FSIZE, {OUTPUT}), (resource.RLIMIT_CORE, 0),
):
    resource.setrlimit(what, (most, most))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@dataclass(frozen=True)
class Ran:
    """What a program printed, and how it failed if it did."""

    stdout: str
    stderr: str
    failure: str | None


class Unavailable(Exception):
    """There is no sandbox, and nobody said that programs may run without one."""


_bwrap: list[str] | None = None


def use(unconfined: bool) -> str:
    """Says how programs are run from now on, and returns it in words."""
    global _bwrap
    if unconfined:
        _bwrap = []
        return "unconfined"
    command = _sandbox()
    tried = subprocess.run([*command, sys.executable, "-I", "-c", ""], capture_output=True, text=True) \
        if command else None  # fmt: skip
    if tried is None or tried.returncode != 0:
        why = tried.stderr.strip().splitlines()[-1:] if tried else ["there is no bwrap"]
        raise Unavailable(
            f"programs of models need a sandbox to be run in ({' '.join(why)}): install bubblewrap,"
            " leave the family `programs` out, or say --unconfined-programs"
        )
    _bwrap = command
    return "in bubblewrap"


def _sandbox() -> list[str]:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return []
    command = [bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"]
    for folder in ("/usr", "/lib", "/lib64", "/bin", sys.base_prefix):
        if os.path.exists(folder):
            command += ["--ro-bind", folder, folder]
    return [*command, "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/work", "--chdir", "/work"]


def run(program: str, stdin: str) -> Ran:
    """Runs a Python program to its end, or to its limits."""
    if _bwrap is None:
        raise Unavailable("nobody has said how programs are run")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "program.py").write_text(program, encoding="utf-8", errors="replace")
        (home / "stdin").write_text(stdin, encoding="utf-8")
        python = [sys.executable, "-I", "-S", "-c", _LIMITS]
        if _bwrap:
            command = [*_bwrap, "--ro-bind", folder, "/program", *python, "/program/program.py"]
        else:
            command = [*python, str(home / "program.py")]
        with (
            (home / "stdin").open("rb") as given,
            (home / "stdout").open("wb") as stdout,
            (home / "stderr").open("wb") as stderr,
        ):
            process = subprocess.Popen(
                command, stdin=given, stdout=stdout, stderr=stderr, cwd=folder, env={}, start_new_session=True
            )
            late = _wait(process)
        printed, complained = _text(home / "stdout"), _text(home / "stderr")
    if late:
        return Ran(printed, complained, f"takes longer than {SECONDS} s")
    if process.returncode != 0:
        last = complained.strip().splitlines()[-1:] or ["no message"]
        return Ran(printed, complained, f"ends with status {process.returncode}: {last[0][:120]}")
    return Ran(printed, complained, None)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(OUTPUT).decode(errors="replace")


def _wait(process: subprocess.Popen) -> bool:
    """Waits for the program and ends what it has left. Returns whether it was late."""
    try:
        process.wait(SECONDS)
        late = False
    except subprocess.TimeoutExpired:
        late = True
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    return late

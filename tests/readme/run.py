#!/usr/bin/env python3
"""Runs every command of the README, as a newcomer would, in front of a real model server.

usage: run.py LLAMA_COMMAND...      (a command that prints the address of a llama.cpp server)

Blocks marked `sh` must succeed; `sh background` starts the gateway and goes on when it listens;
`sh tests` is the command that runs this script, so it only has to exist. Unmarked blocks are for
reading. The gateway gets a free port and an empty home, nothing else is changed.
"""

import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD_SECONDS = 1800


def blocks():
    text = (ROOT / "README.md").read_text()
    for info, body in re.findall(r"^```(sh[^\n]*)\n(.*?)^```$", text, re.M | re.S):
        yield info.split()[1:], body


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(process, pattern, seconds):
    """Reads lines until one matches; everything read so far is returned with the match."""
    deadline, seen = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if not line:
            break
        seen += line
        if match := re.search(pattern, seen):
            return match, seen
    raise SystemExit(f"no {pattern!r} in the output of {process.args}:\n{seen}")


def start(command, env, shell):
    return subprocess.Popen(
        command, shell=shell, executable="/bin/bash" if shell else None, cwd=ROOT, env=env,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )


def stop(process):
    if process.poll() is None:
        os.killpg(process.pid, 15)
        process.wait(60)


def main():
    passed, running = 0, []
    address = f"127.0.0.1:{free_port()}"
    with tempfile.TemporaryDirectory() as home:
        # curl, as it is written in the README, does not fail on an HTTP error; here it must.
        pathlib.Path(home, ".curlrc").write_text("fail-with-body\n")
        try:
            llama = start(sys.argv[1:], dict(os.environ), shell=False)
            running.append(llama)
            upstream, _ = wait_for(llama, r"http://127\.0\.0\.1:\d+", 60)
            env = dict(
                os.environ, CURL_HOME=home, XDG_DATA_HOME=home, DORMOUSE_LISTEN=address,
                DORMOUSE_UPSTREAM=f"{upstream.group()}/v1", DORMOUSE_MAX_OUTPUT_TOKENS="64",
            )
            for marks, body in blocks():
                print("$", body.strip().replace("\n", "\n  "), flush=True)
                command = body.replace("127.0.0.1:8080", address)
                if "tests" in marks:
                    assert os.access(ROOT / body.strip(), os.X_OK), f"{body.strip()} cannot be run"
                elif "background" in marks:
                    gateway = start(command, env, shell=True)
                    running.append(gateway)
                    key, seen = wait_for(gateway, r"(dm_[-\w]+)[\s\S]*curl -N [^\n]+\n", BUILD_SECONDS)
                    print(seen.replace(key.group(1), "dm_…"))
                    env["DORMOUSE_API_KEY"] = key.group(1)
                else:
                    done = subprocess.run(
                        ["bash", "-euo", "pipefail", "-c", command], cwd=ROOT, env=env,
                        stdout=subprocess.PIPE, text=True, timeout=BUILD_SECONDS,
                    )
                    print(done.stdout[-1500:])
                    assert done.returncode == 0, f"failed with status {done.returncode}"
                    assert done.stdout.strip(), "printed nothing"
                passed += 1
        finally:
            for process in reversed(running):
                stop(process)
    print(f"{passed} passed, 0 failed")


main()

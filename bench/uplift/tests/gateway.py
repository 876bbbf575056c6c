"""A real gateway in front of a model by script."""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
KEY = "a key for the tests of uplift"
# How long a gateway may take to listen, on a machine that does much else.
PATIENCE = 120


class NoGateway(Exception):
    """There is no binary to start."""


def binary() -> Path:
    """Where `DORMOUSE_TEST_SERVER_BIN` says, or where cargo puts it."""
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    path = Path(os.environ.get("DORMOUSE_TEST_SERVER_BIN", Path(target) / "debug/dormouse"))
    if not path.exists():
        raise NoGateway(f"there is no {path}: build it with `cargo build -p dormouse`, or set DORMOUSE_TEST_SERVER_BIN")
    return path


@contextmanager
def in_front_of(upstream: str, folder: Path, **settings: str):
    """Starts one with a price for every model, and stops it. Gives its URL, without /v1."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {
        "DORMOUSE_LISTEN": address, "DORMOUSE_UPSTREAM": f"{upstream}/v1", "DORMOUSE_API_KEY": KEY,
        "DORMOUSE_STORE": "memory:", "DORMOUSE_DATA": str(folder), "DORMOUSE_DRAIN_TIMEOUT": "1s",
        "DORMOUSE_PRICES": '{"*": {"input": "1", "output": "10"}}', "PATH": os.environ["PATH"], **settings,
    }  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([binary(), "serve"], env=environment, stdout=log, stderr=log)
        try:
            _wait(process, f"http://{address}/healthz", folder / "log")
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen, url: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=PATIENCE).close()
            return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the gateway does not listen: {error}\n{log.read_text()}") from None
            time.sleep(0.02)

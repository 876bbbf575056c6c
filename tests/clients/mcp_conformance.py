"""Holds the gateway's MCP server against the official conformance tool.

    npm install --prefix FOLDER node@22 @modelcontextprotocol/conformance@0.1.16
    python3 mcp_conformance.py DORMOUSE FOLDER/node_modules

DORMOUSE is the gateway's binary. It is started twice, with a sandbox and without. The tool has no way to show a
key, so a proxy adds it. Many of its scenarios call tools that a server under test is to bring along: three of
them are programs in the gateway's directory of tools. What is left out are features that the gateway does not
offer, and says so (prompts, completions, logging, subscriptions, sampling, elicitation), and tools and files of
the tool's own making that a program cannot be.

Prints a line for each scenario, and `N passed, M failed`. It is not part of the test command, because it takes
a Node of version 22.
"""

import http.client
import http.server
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

KEY = "dm_conformance-check-0123456789abcdef"
SECONDS = 120

# What must pass, wherever programs are run.
SCENARIOS = [
    "server-initialize",
    "ping",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-error",
    "json-schema-2020-12",
    "server-sse-polling",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
]
# Files are only offered where there is a sandbox.
WITH_SANDBOX = ["resources-list"]

# The tools that scenarios call: their definition, and what they print.
TOOLS = {
    "test_simple_text": (
        '{"name": "test_simple_text", "description": "Says a text.", "input_schema": {"type": "object"}}',
        '{"output": "This is a simple text response for testing."}',
    ),
    "test_error_handling": (
        '{"name": "test_error_handling", "description": "Fails.", "input_schema": {"type": "object"}}',
        '{"error": "This tool intentionally returns an error for testing"}',
    ),
    "json_schema_2020_12_tool": (
        '{"name": "json_schema_2020_12_tool", "description": "Has a schema.", "input_schema": {'
        '"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "$defs": {"address": '
        '{"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}}, '
        '"properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}}, '
        '"additionalProperties": false}}',
        '{"output": "done"}',
    ),
}


def programs(folder):
    """Writes the tools as programs."""
    for name, (definition, answer) in TOOLS.items():
        path = pathlib.Path(folder, name)
        path.write_text(f"#!/bin/sh\nif [ \"$1\" = --describe ]; then printf '%s\\n' '{definition}'; exit; fi\n"
                        f"cat > /dev/null\nprintf '%s\\n' '{answer}'\n")
        path.chmod(0o755)


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes requests on as they are, with the key."""

    protocol_version = "HTTP/1.1"

    def pass_on(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        onward = http.client.HTTPConnection("127.0.0.1", self.server.gateway, timeout=SECONDS)
        onward.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            onward.putheader(name, value)
        onward.putheader("authorization", f"Bearer {KEY}")
        onward.endheaders(body)
        answer = onward.getresponse()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        # Its end is the end of the answer, whatever that is.
        self.send_header("connection", "close")
        self.end_headers()
        while self.command != "HEAD" and (piece := answer.read1(65536)):
            self.wfile.write(piece)
            self.wfile.flush()
        onward.close()
        self.close_connection = True

    do_GET = do_POST = do_DELETE = do_HEAD = do_OPTIONS = pass_on

    def log_message(self, *_):
        """Says nothing: the tool tells what it saw."""


def proxied(gateway):
    """Serves the gateway of this port with the key. Returns the URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    server.gateway = gateway
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/mcp"


def scenario(modules, name, url):
    """Runs one. Returns what went wrong, if anything."""
    tool = f"{modules}/@modelcontextprotocol/conformance/dist/index.js"
    command = [f"{modules}/.bin/node", tool, "server", "--url", url, "--scenario", name]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        return f"took longer than {SECONDS} s: {error.stdout}"
    return None if done.returncode == 0 else done.stdout[-3000:]


def check(dormouse, modules, sandbox):
    """Runs every scenario on a gateway with this sandbox. Returns how many passed, and how many there are."""
    names = SCENARIOS + (WITH_SANDBOX if sandbox != "off" else [])
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        tools = pathlib.Path(folder, "tools")
        tools.mkdir()
        programs(tools)
        gateway = subprocess.Popen(
            [dormouse, "serve", "--listen", "127.0.0.1:0", "--log", "error", "--sandbox", sandbox],
            stdout=subprocess.PIPE, text=True,
            env=os.environ | {"DORMOUSE_UPSTREAM": "http://127.0.0.1:9/v1", "DORMOUSE_API_KEY": KEY,
                              "DORMOUSE_STORE": "memory:", "DORMOUSE_TOOLS_DIR": str(tools),
                              "XDG_DATA_HOME": folder},
        )
        try:
            port = re.search(r"http://[\d.]+:(\d+)", gateway.stdout.readline())
            if not port:
                print("the gateway did not start")
                return 0, len(names)
            url = proxied(int(port.group(1)))
            for name in names:
                wrong = scenario(modules, name, url)
                print(f"{'FAILED' if wrong else 'ok    '}  {name}, sandbox {sandbox}", flush=True)
                passed += wrong is None
                if wrong:
                    print(wrong)
        finally:
            gateway.terminate()
            gateway.wait(20)
    return passed, len(names)


def main():
    """Checks with a sandbox and without."""
    dormouse, modules = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:3])
    results = [check(dormouse, modules, sandbox) for sandbox in ("auto", "off")]
    passed, total = (sum(column) for column in zip(*results))
    print(f"{passed} passed, {total - passed} failed")
    return passed != total


if __name__ == "__main__":
    sys.exit(main())

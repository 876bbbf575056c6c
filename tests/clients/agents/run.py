"""Lets Claude Code, Codex and the vendors' Node SDKs complete a tool-using task through Dormouse, in front of
a scripted provider of each dialect.

    npm install --prefix FOLDER @anthropic-ai/claude-code @openai/codex @anthropic-ai/sdk openai
    python3 run.py DORMOUSE FOLDER/node_modules

DORMOUSE is the gateway's binary. Each agent is asked for a file; the provider tells it to run a command, the
agent runs it on its own machine, and the file is there. Prints a line for each pair, and
`N passed, M failed`. It is not part of the test command, because the agents are some 700 MB.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import upstream

APIS = ["openai", "openai-responses", "anthropic", "gemini", "ollama"]
KEY = "dm_agents-check-0123456789abcdefghijklmnop"
TASK = "Write the word hazel into the file nest.txt, with a shell command."
SECONDS = 120


def catalog(api, address):
    """A catalog of one provider that takes every name; Claude's model names are mapped on its own route."""
    base = {"gemini": "/v1beta", "ollama": ""}.get(api, "/v1")
    return json.dumps({
        "providers": [{"name": "scripted", "api": api, "base_url": address + base}],
        "models": [{"name": "scripted", "provider": "scripted", "context_window": 200000}],
        "routes": [{"match": {"path": "/v1/messages"}, "protocol": "anthropic",
                    "models": {"claude-*": "scripted"}}],
        "default_model": "scripted",
    }, indent=1)


def claude(modules, gateway, home):
    """Claude Code's command line, and what it wants in its environment."""
    command = [f"{modules}/.bin/claude", "-p", TASK, "--model", "claude-sonnet-4-5", "--allowedTools", "Bash"]
    return command, {
        "ANTHROPIC_BASE_URL": gateway, "ANTHROPIC_AUTH_TOKEN": KEY, "CLAUDE_CONFIG_DIR": home,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
    }


def codex(modules, gateway, home):
    """Codex's."""
    pathlib.Path(home, "config.toml").write_text(f"""
model = "scripted"
model_provider = "dormouse"
[model_providers.dormouse]
name = "Dormouse"
base_url = "{gateway}/v1"
env_key = "DORMOUSE_KEY"
wire_api = "responses"
""")
    command = [f"{modules}/.bin/codex", "exec", "--skip-git-repo-check",
               "--dangerously-bypass-approvals-and-sandbox", TASK]
    return command, {"CODEX_HOME": home, "DORMOUSE_KEY": KEY}


def sdks(modules, gateway, _):
    """OpenAI's and Anthropic's SDKs for Node, one dialect after the other."""
    script = pathlib.Path(__file__).with_name("sdks.mjs")
    return ["node", str(script), gateway, KEY, "scripted"], {"NODE_MODULES": modules}


def check(dormouse, modules, agent, api):
    """One agent in front of one dialect. Returns what went wrong, if anything."""
    with tempfile.TemporaryDirectory() as folder:
        home, work = pathlib.Path(folder, "home"), pathlib.Path(folder, "work")
        home.mkdir()
        work.mkdir()
        address, asked = upstream.serve(f"printf hazel > {work}/nest.txt")
        log = open(pathlib.Path(folder, "log"), "w+")
        gateway = subprocess.Popen(
            [dormouse, "serve", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log, text=True,
            env=os.environ | {"DORMOUSE_CONFIG": catalog(api, address), "DORMOUSE_API_KEY": KEY,
                              "DORMOUSE_STORE": "memory:", "XDG_DATA_HOME": folder},
        )
        try:
            found = re.search(r"http://[\d.]+:\d+", gateway.stdout.readline())
            if not found:
                return "the gateway did not start"
            command, environment = agent(modules, found.group(), str(home))
            done = subprocess.run(
                command, cwd=work, env=os.environ | environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
            )
            file = work / "nest.txt"
            if not file.exists() or file.read_text() != "hazel" or upstream.DONE not in done.stdout:
                log.seek(0)
                return f"{done.stdout[-2000:]}\nthe provider was asked: {asked}\n{log.read()[-3000:]}"
            return None
        except subprocess.TimeoutExpired as error:
            return f"took longer than {SECONDS} s: {error.stdout} {asked}"
        finally:
            gateway.terminate()
            gateway.wait(20)


def main():
    """Checks every pair."""
    dormouse, modules = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:3])
    failed, pairs = 0, [(agent, api) for agent in (claude, codex, sdks) for api in APIS]
    for agent, api in pairs:
        wrong = check(dormouse, modules, agent, api)
        failed += wrong is not None
        print(f"{'ok' if wrong is None else 'FAILED':8}{agent.__name__} in front of {api}", flush=True)
        if wrong:
            print(wrong, flush=True)
    print(f"{len(pairs) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()

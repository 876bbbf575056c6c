"""Does a task as Hermes agents do: the loop is the client's own, its model is behind a gateway's `/v1` and its tools
are behind the gateway's `/mcp`.

CHECK_URL says where the gateway is, CHECK_KEY as whom, CHECK_MODEL which model does the task. The tools are offered
as functions whose names begin with those of their server, as Hermes names them; CHECK_TOOLS names those that are
wanted, all if it is unset. CHECK_FIRST is JSON that is added to the first request: it makes a model call a tool that
would not by itself. Prints what was called, what came back and what was answered, as JSON.
"""

import asyncio
import json
import os

import httpx2
import openai
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

URL = os.environ["CHECK_URL"]
KEY = os.environ["CHECK_KEY"]
MODEL = os.environ["CHECK_MODEL"]
WANTED = os.environ.get("CHECK_TOOLS", "").split()
FIRST = json.loads(os.environ.get("CHECK_FIRST", "{}"))
PREFIX = "mcp_dormouse_"
MOST_TURNS = 10


def as_function(tool):
    """A tool of a server, as a model is told of it."""
    function = {"name": PREFIX + tool.name, "description": tool.description, "parameters": tool.input_schema}
    return {"type": "function", "function": function}


async def call(server, function):
    """Does what the model wants, and returns what it is told."""
    assert function.name.startswith(PREFIX), function
    result = await server.call_tool(function.name.removeprefix(PREFIX), json.loads(function.arguments))
    text = "\n".join(part.text for part in result.content if part.type == "text")
    return json.dumps({"error": text} if result.is_error else {"result": text})


async def converse(api, server, functions):
    """Asks the model and runs what it calls, until it calls nothing."""
    messages = [
        {"role": "system", "content": "You are a helpful agent. Use your tools."},
        {"role": "user", "content": "Do the task."},
    ]
    extra, done = FIRST, []
    for _ in range(MOST_TURNS):
        answer = await api.chat.completions.create(
            model=MODEL, messages=messages, tools=functions, extra_body=extra
        )
        extra = {}
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}))
        if not message.tool_calls:
            assert answer.choices[0].finish_reason in ("stop", "length"), answer
            return done, message.content
        assert answer.choices[0].finish_reason == "tool_calls", answer
        for wanted in message.tool_calls:
            told = await call(server, wanted.function)
            done.append([wanted.function.name, wanted.function.arguments, told])
            messages.append({"role": "tool", "tool_call_id": wanted.id, "content": told})
    raise AssertionError(f"no end after {MOST_TURNS} turns: {messages}")


async def main():
    api = openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=60)
    http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=60)
    async with Client(streamable_http_client(f"{URL}/mcp", http_client=http)) as server:
        tools = (await server.list_tools()).tools
        functions = [as_function(tool) for tool in tools if not WANTED or tool.name in WANTED]
        assert functions, tools
        done, answer = await converse(api, server, functions)
    print(json.dumps({"offered": len(functions), "done": done, "answer": answer}))


asyncio.run(main())

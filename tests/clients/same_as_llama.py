"""Asks a llama.cpp server the same thing directly and through a gateway in front of it, by each dialect that
both serve, and wants the same answer: text, tool calls, why it ended, and what it used.

LLAMA_BASE_URL and GATEWAY_BASE_URL say where, GATEWAY_API_KEY as whom, CHECK_MODEL what to ask for. llama.cpp
translates responses and messages by itself; through the gateway they arrive there as chat. Without chance
(temperature 0) both must come to the same. Only in chat can the tiny model be made to call a tool; elsewhere
tools show in what it reads. Ends with an error at the first difference.
"""

import json
import os
import urllib.request

MODEL = os.environ["CHECK_MODEL"]
LLAMA = os.environ["LLAMA_BASE_URL"]
GATEWAY = os.environ["GATEWAY_BASE_URL"]
KEY = os.environ["GATEWAY_API_KEY"]

TASK = "What is the weather in Oslo?"
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Oslo", "Paris"]}},
    "required": ["city"],
    "additionalProperties": False,
}


def chat(tool):
    """A request for chat completions."""
    function = {"name": "weather", "description": "Tells the weather.", "parameters": SCHEMA}
    # Makes the tiny model call a tool, once.
    steered = {"logit_bias": {"3": 100}, "parallel_tool_calls": False}
    tools = {"tools": [{"type": "function", "function": function}]} | steered if tool else {}
    return {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TASK}],
            "max_tokens": 200 if tool else 40} | tools


def responses(tool):
    """A request for a response."""
    function = {"type": "function", "name": "weather", "description": "Tells the weather.", "parameters": SCHEMA}
    tools = {"tools": [function]} if tool else {}
    return {"instructions": "Be brief.", "input": TASK, "max_output_tokens": 40, "store": False} | tools


def messages(tool):
    """A request for a message."""
    described = {"name": "weather", "description": "Tells the weather.", "input_schema": SCHEMA}
    tools = {"tools": [described]} if tool else {}
    return {"system": "Be brief.", "messages": [{"role": "user", "content": TASK}], "max_tokens": 40} | tools


def said_in_chat(answer):
    """What a chat completion says: text, calls, ending, usage."""
    message, usage = answer["choices"][0]["message"], answer["usage"]
    calls = [(call["function"]["name"], json.loads(call["function"]["arguments"]))
             for call in message.get("tool_calls") or []]
    return message["content"] or "", calls, answer["choices"][0]["finish_reason"], (
        usage["prompt_tokens"], usage["completion_tokens"])


def said_in_response(answer):
    """What a response says. How it ended, llama.cpp does not tell the way OpenAI does."""
    text = "".join(part["text"] for item in answer["output"] if item["type"] == "message"
                   for part in item["content"])
    calls = [(item["name"], json.loads(item["arguments"])) for item in answer["output"]
             if item["type"] == "function_call"]
    return text, calls, None, (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"])


def said_in_message(answer):
    """What a message says."""
    text = "".join(block["text"] for block in answer["content"] if block["type"] == "text")
    calls = [(block["name"], block["input"]) for block in answer["content"] if block["type"] == "tool_use"]
    usage = answer["usage"]
    read = usage["input_tokens"] + usage.get("cache_read_input_tokens", 0)
    return text, calls, answer["stop_reason"], (read, usage["output_tokens"])


DIALECTS = {
    "chat/completions": (chat, said_in_chat),
    "responses": (responses, said_in_response),
    "messages": (messages, said_in_message),
}


def post(base, path, body):
    """The answer to a request."""
    request = urllib.request.Request(
        f"{base}/{path}", json.dumps(body).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {KEY}", "anthropic-version": "2023-06-01"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def main():
    """Compares."""
    checked = []
    for path, (request, said) in DIALECTS.items():
        for tool in (False, True):
            body = {"model": MODEL, "temperature": 0} | request(tool)
            own, ours = (said(post(base, path, body)) for base in (LLAMA, GATEWAY))
            assert own == ours, f"{path}, {'with' if tool else 'without'} a tool\nllama:   {own}\ngateway: {ours}"
            assert own[0] or own[1], f"{path} says nothing: {own}"
            checked.append(path + (" with a tool" if tool else ""))
    print("the same:", ", ".join(checked))


if __name__ == "__main__":
    main()

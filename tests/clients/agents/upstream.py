"""A scripted provider that speaks every dialect which Dormouse calls, for coding agents.

Whoever offers it a tool that runs commands is told, once, to run COMMAND with it; when the result is there,
or no such tool is offered, it says DONE. So an agent in front of it completes a task of two turns, whatever
the dialect is. It answers whole or streamed, as it is asked.
"""

import http.server
import json
import threading
import time

DONE = "The file is written."
USAGE = (1200, 30)


def command_tool(tools, command):
    """The first tool that runs a command, as (name, arguments); `tools` maps names to JSON Schemas."""
    for name, schema in tools.items():
        fields = (schema or {}).get("properties", {})
        for field in ("command", "cmd"):
            kind = fields.get(field, {}).get("type")
            if kind == "array":
                return name, {field: ["bash", "-c", command]}
            if kind == "string" and name.lower() in ("bash", "shell", "shell_command", "exec_command"):
                described = {"description": "Writes the file"} if "description" in fields else {}
                return name, {field: command} | described
    return None


class Chat:
    """OpenAI's chat completions."""

    def handles(self, path):
        return path.endswith("/chat/completions")

    def read(self, body, _path):
        tools = {tool["function"]["name"]: tool["function"].get("parameters") for tool in body.get("tools") or []
                 if tool.get("type") == "function"}
        called = any(message["role"] == "tool" for message in body["messages"])
        return tools, called, body.get("stream", False)

    def whole(self, call):
        message = {"role": "assistant", "content": None if call else DONE}
        if call:
            function = {"name": call[0], "arguments": json.dumps(call[1])}
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if call else "stop"}
        return {"id": "c", "object": "chat.completion", "created": 1, "model": "scripted", "choices": [choice],
                "usage": self.usage()}

    @staticmethod
    def usage():
        return {"prompt_tokens": USAGE[0], "completion_tokens": USAGE[1], "total_tokens": sum(USAGE)}

    def stream(self, call):
        def chunk(delta, reason=None):
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
                    "choices": [choice]}

        yield None, chunk({"role": "assistant", "content": None})
        if call:
            first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": call[0], "arguments": ""}}
            yield None, chunk({"tool_calls": [first]})
            for piece in pieces(json.dumps(call[1])):
                yield None, chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        else:
            for piece in pieces(DONE):
                yield None, chunk({"content": piece})
        yield None, chunk({}, "tool_calls" if call else "stop")
        yield None, {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": [],
                     "usage": self.usage()}
        yield None, "[DONE]"


class Responses:
    """OpenAI's responses."""

    def handles(self, path):
        return path.endswith("/responses")

    def read(self, body, _path):
        tools = {tool["name"]: tool.get("parameters") for tool in body.get("tools") or []
                 if tool.get("type") == "function"}
        items = body["input"] if isinstance(body["input"], list) else []
        called = any(item.get("type") == "function_call_output" for item in items)
        return tools, called, body.get("stream", False)

    @staticmethod
    def item(call, status):
        if call:
            arguments = json.dumps(call[1]) if status == "completed" else ""
            return {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": call[0],
                    "arguments": arguments, "status": status}
        text = {"type": "output_text", "text": DONE, "annotations": []}
        content = [text] if status == "completed" else []
        return {"type": "message", "id": "msg_1", "role": "assistant", "content": content, "status": status}

    def response(self, status, output):
        return {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": "scripted",
                "output": output, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
                "usage": {"input_tokens": USAGE[0], "input_tokens_details": {"cached_tokens": 0},
                          "output_tokens": USAGE[1], "output_tokens_details": {"reasoning_tokens": 0},
                          "total_tokens": sum(USAGE)} if status == "completed" else None}

    def whole(self, call):
        return self.response("completed", [self.item(call, "completed")])

    def stream(self, call):
        events = [("created", {"response": self.response("in_progress", [])}),
                  ("in_progress", {"response": self.response("in_progress", [])}),
                  ("output_item.added", {"output_index": 0, "item": self.item(call, "in_progress")})]
        at = {"item_id": "fc_1" if call else "msg_1", "output_index": 0}
        if call:
            text = json.dumps(call[1])
            events += [("function_call_arguments.delta", at | {"delta": piece}) for piece in pieces(text)]
            events += [("function_call_arguments.done", at | {"arguments": text})]
        else:
            at |= {"content_index": 0}
            empty = {"type": "output_text", "text": "", "annotations": []}
            events += [("content_part.added", at | {"part": empty})]
            events += [("output_text.delta", at | {"delta": piece}) for piece in pieces(DONE)]
            events += [("output_text.done", at | {"text": DONE}),
                       ("content_part.done", at | {"part": empty | {"text": DONE}})]
        events += [("output_item.done", {"output_index": 0, "item": self.item(call, "completed")}),
                   ("completed", {"response": self.whole(call)})]
        for number, (name, fields) in enumerate(events):
            kind = f"response.{name}"
            yield kind, {"type": kind, "sequence_number": number} | fields


class Anthropic:
    """Anthropic's messages."""

    def handles(self, path):
        return path.endswith("/messages")

    def read(self, body, _path):
        tools = {tool["name"]: tool["input_schema"] for tool in body.get("tools") or [] if "input_schema" in tool}
        blocks = [block for message in body["messages"] if isinstance(message["content"], list)
                  for block in message["content"]]
        called = any(block.get("type") == "tool_result" for block in blocks)
        return tools, called, body.get("stream", False)

    def whole(self, call):
        block = {"type": "tool_use", "id": "toolu_1", "name": call[0], "input": call[1]} if call else {
            "type": "text", "text": DONE}
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": [block],
                "stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None,
                "usage": {"input_tokens": USAGE[0], "output_tokens": USAGE[1]}}

    def stream(self, call):
        begun = self.whole(call) | {"content": [], "stop_reason": None,
                                    "usage": {"input_tokens": USAGE[0], "output_tokens": 1}}
        if call:
            block = {"type": "tool_use", "id": "toolu_1", "name": call[0], "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(json.dumps(call[1]))]
        else:
            block = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in pieces(DONE)]
        events = [{"type": "message_start", "message": begun},
                  {"type": "content_block_start", "index": 0, "content_block": block}]
        events += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
        events += [{"type": "content_block_stop", "index": 0},
                   {"type": "message_delta", "usage": {"output_tokens": USAGE[1]},
                    "delta": {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}},
                   {"type": "message_stop"}]
        for event in events:
            yield event["type"], event


class Gemini:
    """Google's generateContent."""

    def handles(self, path):
        return "enerateContent" in path

    def read(self, body, path):
        declared = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])]
        tools = {one["name"]: one.get("parametersJsonSchema") or one.get("parameters") for one in declared}
        parts = [part for content in body["contents"] for part in content["parts"]]
        return tools, any("functionResponse" in part for part in parts), "streamGenerateContent" in path

    def whole(self, call):
        part = {"functionCall": {"name": call[0], "args": call[1]}} if call else {"text": DONE}
        return {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}],
                "usageMetadata": {"promptTokenCount": USAGE[0], "candidatesTokenCount": USAGE[1],
                                  "totalTokenCount": sum(USAGE)}, "modelVersion": "scripted", "responseId": "g"}

    def stream(self, call):
        yield None, self.whole(call)


class Ollama:
    """Ollama's own chat."""

    lines = True

    def handles(self, path):
        return path.endswith("/api/chat")

    def read(self, body, _path):
        tools = {tool["function"]["name"]: tool["function"].get("parameters") for tool in body.get("tools") or []}
        return tools, any(message["role"] == "tool" for message in body["messages"]), body.get("stream", True)

    def whole(self, call):
        message = {"role": "assistant", "content": "" if call else DONE}
        if call:
            message["tool_calls"] = [{"function": {"name": call[0], "arguments": call[1]}}]
        return {"model": "scripted", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": True,
                "done_reason": "stop", "prompt_eval_count": USAGE[0], "eval_count": USAGE[1]}

    def stream(self, call):
        done = self.whole(call)
        yield None, {**done, "done": False, "done_reason": None, "prompt_eval_count": None, "eval_count": None}
        yield None, done | {"message": {"role": "assistant", "content": ""}}


DIALECTS = [Chat(), Responses(), Anthropic(), Gemini(), Ollama()]


def pieces(text):
    """The text in pieces of a few letters, as a model writes it."""
    return [text[at:at + 7] for at in range(0, len(text), 7)]


def serve(command):
    """Starts the provider on a free port of the loopback; returns its address and the requests it got."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.reply(b'{"object":"list","data":[{"id":"scripted","object":"model"}]}')

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            path = self.path.split("?")[0]
            dialect = next((one for one in DIALECTS if one.handles(path)), None)
            if dialect is None:
                self.send_error(404)
                return
            tools, called, streamed = dialect.read(body, path)
            call = None if called else command_tool(tools, command)
            asked.append((type(dialect).__name__, sorted(tools), called))
            if not streamed:
                self.reply(json.dumps(dialect.whole(call)).encode())
                return
            lines = getattr(dialect, "lines", False)
            self.send_response(200)
            self.send_header("content-type", "application/x-ndjson" if lines else "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            for name, data in dialect.stream(call):
                data = data if isinstance(data, str) else json.dumps(data)
                event = f"event: {name}\n" if name else ""
                self.wfile.write((f"{data}\n" if lines else f"{event}data: {data}\n\n").encode())
                self.wfile.flush()
                time.sleep(0.002)
            self.close_connection = True

        def reply(self, body):
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}", asked

"""Hears the dialects' test cases through the vendors' own Python SDKs, whole and streamed.

What their accumulators make of an answer is compared with what its case means. CHECK_URL is a gateway whose
upstream speaks the dialect CHECK_PROVIDER and answers, as the model `CASE-DIALECT-whole` or
`CASE-DIALECT-streamed`, with that answer of CHECK_CASES, which has a folder for each case. CHECK_KEY is an
API key. Prints how many answers were heard, and ends with an error at the first that is not what was meant.
"""

import json
import os
import pathlib

import anthropic
import openai

URL = os.environ["CHECK_URL"]
KEY = os.environ["CHECK_KEY"]
CASES = pathlib.Path(os.environ["CHECK_CASES"])
PROVIDER = os.environ["CHECK_PROVIDER"]
TURN = [{"role": "user", "content": "Hello"}]

OPENAI = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
ANTHROPIC = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)


def chat(model, streamed):
    """An answer of chat completions."""
    completions = OPENAI.chat.completions
    if streamed:
        options = {"include_usage": True}
        with completions.stream(model=model, messages=TURN, stream_options=options) as stream:
            # `get_final_completion` refuses answers that were cut; the same message is here.
            stream.until_done()
            answer = stream.current_completion_snapshot
    else:
        answer = completions.create(model=model, messages=TURN)
    message = answer.choices[0].message
    calls = [(call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []]
    return {
        "text": (message.content or "") + (message.refusal or ""),
        "reasoning": getattr(message, "reasoning_content", None) or "",
        "calls": calls,
        "tokens": (answer.usage.prompt_tokens, answer.usage.completion_tokens),
    }


def responses(model, streamed):
    """An answer of responses."""
    if streamed:
        with OPENAI.responses.stream(model=model, input="Hello", store=False) as stream:
            # `get_final_response` refuses answers that were cut; the last event has them, too.
            events = list(stream)
        assert [event.sequence_number for event in events] == list(range(len(events))), events
        answer = events[-1].response
        assert events[-1].type == f"response.{answer.status}", events[-1]
    else:
        answer = OPENAI.responses.create(model=model, input="Hello", store=False)
    heard = {"text": "", "reasoning": "", "calls": []}
    for item in answer.output:
        if item.type == "message":
            pieces = (piece.text if piece.type == "output_text" else piece.refusal for piece in item.content)
            heard["text"] += "".join(pieces)
        elif item.type == "reasoning":
            pieces = item.content or item.summary or []
            heard["reasoning"] += "".join(piece.text for piece in pieces)
        else:
            assert item.type == "function_call", item
            heard["calls"].append((item.name, json.loads(item.arguments)))
    return {**heard, "tokens": (answer.usage.input_tokens, answer.usage.output_tokens)}


def messages(model, streamed):
    """An answer of messages."""
    asked = {"model": model, "messages": TURN, "max_tokens": 1000}
    if streamed:
        with ANTHROPIC.messages.stream(**asked) as stream:
            answer = stream.get_final_message()
    else:
        answer = ANTHROPIC.messages.create(**asked)
    blocks = answer.content
    usage = answer.usage
    read = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return {
        "text": "".join(block.text for block in blocks if block.type == "text"),
        "reasoning": "".join(block.thinking for block in blocks if block.type == "thinking"),
        "calls": [(block.name, block.input) for block in blocks if block.type == "tool_use"],
        "tokens": (read, usage.output_tokens),
    }


def meant(case):
    """What the answers of a case mean, as far as every dialect can say it."""
    case = json.loads((CASES / case / "meant.json").read_text())
    said = {"text": "", "reasoning": "", "calls": []}
    for part in case["parts"]:
        if part["type"] == "tool_call":
            said["calls"].append((part["name"], part["arguments"]))
        else:
            said["reasoning" if part["type"] == "reasoning" else "text"] += part["text"]
    return {**said, "tokens": (case["usage"]["input"], case["usage"]["output"])}


def main():
    """Hears every case of every provider as every client."""
    heard = 0
    cases = sorted(folder.name for folder in CASES.iterdir())
    assert cases, CASES
    for case in cases:
        expected = meant(case)
        for form in ("whole", "streamed"):
            for client in (chat, responses, messages):
                answer = client(f"{case}-{PROVIDER}-{form}", form == "streamed")
                assert answer == expected, (case, PROVIDER, form, client.__name__, answer, expected)
                heard += 1
    print(f"heard {heard} answers")


if __name__ == "__main__":
    main()

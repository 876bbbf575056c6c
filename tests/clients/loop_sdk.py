"""Hears runs, in which the gateway runs the tools, through the vendors' own Python SDKs.

CHECK_URL is a gateway whose upstream answers every model first with a call of the tool `current_time` and then
with the text `It is late.`; CHECK_KEY is an API key. Each dialect is heard whole and streamed, by a model of its
own, and its answer is brought back in a second request. Ends with an error at the first thing that is not as it
should be.
"""

import json
import os

import anthropic
import openai

URL = os.environ["CHECK_URL"]
KEY = os.environ["CHECK_KEY"]
TURN = {"role": "user", "content": "Is it late?"}
THANKS = {"role": "user", "content": "Thanks."}
LOOP = {"dormouse": {"mode": "loop", "tools": ["current_time"]}}
STEPS = {"dormouse": {**LOOP["dormouse"], "steps": True}}

OPENAI = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)
ANTHROPIC = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)


def same(found, wanted):
    """What was heard must be what was meant."""
    assert found == wanted, (found, wanted)


def chat():
    """Chat completions."""
    completions = OPENAI.chat.completions
    whole = completions.create(model="chat-whole", messages=[TURN], extra_body=STEPS)
    options = {"include_usage": True}
    asked = {"model": "chat-streamed", "messages": [TURN], "stream_options": options}
    with completions.stream(**asked, extra_body=STEPS) as stream:
        events = list(stream)
        streamed = stream.get_final_completion()
    for answer in (whole, streamed):
        same(answer.choices[0].message.content, "It is late.")
        same(answer.choices[0].message.tool_calls, None)
        same(answer.choices[0].finish_reason, "stop")
    same([step["type"] for step in whole.dormouse["steps"]], ["tool_call", "tool_result"])
    chunks = [event.chunk for event in events if event.type == "chunk"]
    about = [chunk.dormouse for chunk in chunks if hasattr(chunk, "dormouse")]
    same([it["step"]["type"] for it in about if "step" in it], ["tool_call", "tool_result"])
    same(about[-1]["ending"], "done")


def responses():
    """Responses, whose accumulator is strict."""
    whole = OPENAI.responses.create(model="responses-whole", input=[TURN], extra_body=LOOP)
    with OPENAI.responses.stream(model="responses-streamed", input=[TURN], extra_body=LOOP) as stream:
        events = list(stream)
        streamed = stream.get_final_response()
    same([event.sequence_number for event in events], list(range(len(events))))
    kinds = [event.type for event in events]
    for kind in ("in_progress", "completed"):
        same(kinds.count(f"response.mcp_call.{kind}"), 1)
    for answer in (whole, streamed):
        call, message = answer.output
        same((call.type, call.name, call.status), ("mcp_call", "current_time", "completed"))
        same(json.loads(call.arguments), {})
        assert call.output, call
        same((message.type, answer.output_text), ("message", "It is late."))
        same((answer.status, answer.dormouse["ending"]), ("completed", "done"))
    said = [item.model_dump() for item in streamed.output]
    OPENAI.responses.create(model="responses-back", input=[TURN, *said, THANKS], store=False)
    OPENAI.responses.create(model="responses-back", input="Thanks.", previous_response_id=streamed.id)


def messages(client, suffix):
    """Messages."""
    asked = {"messages": [TURN], "max_tokens": 1000, "extra_body": LOOP}
    whole = client.create(model=f"messages-whole{suffix}", **asked)
    with client.stream(model=f"messages-streamed{suffix}", **asked) as stream:
        streamed = stream.get_final_message()
    for answer in (whole, streamed):
        call, result, text = answer.content
        same((call.type, call.name, call.input), ("server_tool_use", "current_time", {}))
        same((result.type, result.tool_use_id), ("bash_code_execution_tool_result", call.id))
        same(result.content.return_code, 0)
        assert result.content.stdout, result
        same((text.text, answer.stop_reason), ("It is late.", "end_turn"))
    said = {"role": "assistant", "content": [block.to_dict() for block in streamed.content]}
    client.create(model="messages-back", messages=[TURN, said, THANKS], max_tokens=1000)


chat()
responses()
messages(ANTHROPIC.messages, "")
messages(ANTHROPIC.beta.messages, "-beta")
print("every dialect tells of its steps")

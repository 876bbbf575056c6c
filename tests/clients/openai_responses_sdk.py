"""Uses a gateway's responses through OpenAI's own Python SDK, whose stream accumulator is strict.

OPENAI_BASE_URL and OPENAI_API_KEY say where and as whom, CHECK_MODEL what to ask for, and CHECK_OTHER_KEY is a
key of another tenant. The model behind it must be the tiny one of tests/model. Ends with an error at the first
thing that is not as it should be.
"""

import json
import os

import openai

MODEL = os.environ["CHECK_MODEL"]
WEATHER = {
    "type": "function",
    "name": "weather",
    "strict": False,
    "parameters": {
        "type": "object",
        "properties": {"city": {"enum": ["Oslo", "Paris"]}},
        "required": ["city"],
    },
}


def client(**options):
    """A client that reports failures instead of hiding them behind retries."""
    return openai.OpenAI(max_retries=0, timeout=30, **options)


def missing(request, **expected):
    """`request` must fail, with these attributes."""
    try:
        request()
    except openai.APIStatusError as error:
        found = {name: getattr(error, name) for name in expected}
        assert found == expected, (found, error.body)
        return
    raise AssertionError("an error was due")


def whole(api):
    """A response in one piece."""
    response = api.responses.create(model=MODEL, input="Hello", instructions="Be brief.", max_output_tokens=20)
    assert response.id.startswith("resp_") and response.object == "response", response
    assert response.status in ("completed", "incomplete"), response
    assert response.instructions == "Be brief." and response.tools == [], response
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens, response
    assert response.usage.input_tokens_details.cached_tokens >= 0, response


def streamed(api):
    """A response in pieces, put together by the SDK."""
    with api.responses.stream(model=MODEL, input="Hello") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events))), events
    assert events[0].type == "response.created" and events[-1].type == "response.completed", events
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert final.output_text == said, (final, said)
    assert api.responses.retrieve(final.id).output_text == said


def tools(api):
    """A call of a function and its result, in a request whose tools are repeated."""
    call = {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Oslo"}'}
    result = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    told = api.responses.create(
        model=MODEL, input=[call, result], tools=[WEATHER], tool_choice="none", max_output_tokens=10
    )
    assert told.tools[0].name == "weather" and told.tools[0].strict is False, told
    assert [item.type for item in api.responses.input_items.list(told.id, order="asc")] == [
        "function_call",
        "function_call_output",
    ], told


def structured(api):
    """A response that keeps to a schema."""
    schema = {
        "type": "object",
        "properties": {"asleep": {"type": "boolean"}},
        "required": ["asleep"],
        "additionalProperties": False,
    }
    form = {"format": {"type": "json_schema", "name": "nap", "schema": schema, "strict": True}}
    response = api.responses.create(model=MODEL, input="Hello", text=form)
    assert isinstance(json.loads(response.output_text)["asleep"], bool), response


def kept(api):
    """Responses are kept, listed, continued and deleted, for their tenant alone."""
    first = api.responses.create(model=MODEL, input="I am Ada.", max_output_tokens=5)
    second = api.responses.create(
        model=MODEL, input="Who am I?", previous_response_id=first.id, max_output_tokens=5
    )
    assert api.responses.retrieve(first.id) == first
    items = list(api.responses.input_items.list(second.id, order="asc", limit=1))
    said = [item.content[0].text for item in items if item.role == "user"]
    assert said == ["I am Ada.", "Who am I?"], items

    other = client(api_key=os.environ["CHECK_OTHER_KEY"])
    missing(lambda: other.responses.retrieve(first.id), status_code=404)
    missing(
        lambda: other.responses.create(model=MODEL, input="x", previous_response_id=first.id),
        status_code=400,
        code="previous_response_not_found",
        param="previous_response_id",
    )
    api.responses.delete(first.id)
    missing(lambda: api.responses.retrieve(first.id), status_code=404)
    unkept = api.responses.create(model=MODEL, input="x", store=False, max_output_tokens=5)
    missing(lambda: api.responses.retrieve(unkept.id), status_code=404)


def background(api):
    """A response that is answered later, if nobody ends it before."""
    queued = api.responses.create(model=MODEL, input="x", background=True, max_output_tokens=5)
    assert queued.status == "queued" and queued.output == [], queued
    cancelled = api.responses.cancel(queued.id)
    # It may have been answered meanwhile, and stays so.
    assert cancelled.status in ("cancelled", "completed", "incomplete"), cancelled
    assert api.responses.retrieve(queued.id).status == cancelled.status


def refused(api):
    """What cannot be done is said, with the field."""
    missing(
        lambda: api.responses.create(model=MODEL, input="x", background=True, store=False),
        status_code=400,
        param="background",
    )
    missing(
        lambda: api.responses.create(model=MODEL, input=[{"role": "nobody", "content": "x"}]),
        status_code=400,
        param="input[0].role",
    )


def main():
    """Runs every check and says which."""
    api = client()
    for check in (whole, streamed, tools, structured, kept, background, refused):
        check(api)
        print(f"ok {check.__name__}")


if __name__ == "__main__":
    main()

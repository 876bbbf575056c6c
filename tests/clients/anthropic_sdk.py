"""Uses a gateway through Anthropic's own Python SDK, whose streams put each event where its type says.

ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY say where and as whom, CHECK_MODEL what to ask for, and
CHECK_KEY_WITHOUT_MONEY is a key whose budget is too small for any request. The model behind it must be the
tiny one of tests/model. Ends with an error at the first thing that is not as it should be.
"""

import os

import anthropic

MODEL = os.environ["CHECK_MODEL"]
HELLO = [{"role": "user", "content": "Hello, who are you?"}]
CITIES = ["Oslo", "Paris"]
WEATHER = {
    "name": "weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"enum": CITIES}},
        "required": ["city"],
    },
}


def client(**options):
    """A client that reports failures instead of hiding them behind retries."""
    return anthropic.Anthropic(max_retries=0, timeout=30, **options)


def whole(api):
    """An answer in one piece."""
    answer = api.messages.create(model=MODEL, messages=HELLO, max_tokens=20, system="You are a mouse.")
    assert (answer.type, answer.role, answer.model) == ("message", "assistant", MODEL), answer
    assert answer.id.startswith("msg_"), answer
    assert all(block.type == "text" for block in answer.content), answer
    assert answer.stop_reason in ("end_turn", "max_tokens"), answer
    assert answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, answer


def streamed(api):
    """An answer in pieces, put together by hand and by the SDK."""
    events = list(api.messages.create(model=MODEL, messages=HELLO, max_tokens=20, stream=True))
    names = [event.type for event in events]
    assert names[0] == "message_start" and names.count("message_start") == 1, names
    assert names[-2:] == ["message_delta", "message_stop"], names
    assert events[0].message.usage.input_tokens > 0, events[0]
    open_blocks, starts = set(), []
    for event in events:
        if event.type == "content_block_start":
            assert not open_blocks, names
            open_blocks.add(event.index)
            starts.append(event.index)
        elif event.type == "content_block_stop":
            open_blocks.remove(event.index)
    assert starts == list(range(len(starts))) and not open_blocks, names
    with api.messages.stream(model=MODEL, messages=HELLO, max_tokens=20) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert "".join(block.text for block in final.content if block.type == "text") == text, final
    assert final.usage.output_tokens > 0, final


def tools(api):
    """The results of two parallel calls, in another order than the calls, and the answer to them."""
    calls = [{"type": "tool_use", "id": f"toolu_{city}", "name": "weather", "input": {"city": city}} for city in CITIES]
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_Paris", "content": [{"type": "text", "text": "rain"}]},
        {"type": "tool_result", "tool_use_id": "toolu_Oslo", "content": "snow", "is_error": True},
        {"type": "text", "text": "And now?"},
    ]
    turns = [*HELLO, {"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    told = api.messages.create(model=MODEL, messages=turns, tools=[WEATHER], tool_choice=choice, max_tokens=10)
    assert told.role == "assistant" and told.stop_reason in ("end_turn", "max_tokens"), told


def counted(api):
    """Counting agrees with what the answer then reports, to two percent."""
    question = {"model": MODEL, "messages": HELLO, "system": "You are a mouse.", "tools": [WEATHER]}
    count = api.messages.count_tokens(**question).input_tokens
    usage = api.messages.create(max_tokens=5, **question).usage
    read = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    assert abs(count - read) * 50 <= read, (count, usage)


def models(api):
    """The list of models, and one of them."""
    assert MODEL in [model.id for model in api.models.list()]
    model = api.models.retrieve(MODEL)
    assert (model.id, model.type, model.lifecycle) == (MODEL, "model", "active"), model
    assert model.display_name and model.created_at, model


def refused(kind, request, error_type):
    """`request` must fail with `kind`, in Anthropic's words."""
    try:
        request()
    except kind as error:
        assert error.body["type"] == "error", error.body
        assert error.body["error"]["type"] == error_type, error.body
        assert error.body["request_id"], error.body
        return
    raise AssertionError(f"{kind.__name__} was due")


def errors(api):
    """Failures arrive as the SDK's own exceptions."""

    def ask(api, **options):
        return lambda: api.messages.create(**{"model": MODEL, "messages": HELLO, "max_tokens": 5, **options})

    refused(anthropic.AuthenticationError, ask(client(api_key="sk-wrong")), "authentication_error")
    refused(anthropic.NotFoundError, lambda: api.models.retrieve("nobody"), "not_found_error")
    refused(anthropic.BadRequestError, ask(api, messages=[]), "invalid_request_error")
    refused(anthropic.BadRequestError, ask(api, max_tokens=0), "invalid_request_error")
    poor = client(api_key=os.environ["CHECK_KEY_WITHOUT_MONEY"])
    refused(anthropic.RateLimitError, ask(poor), "rate_limit_error")
    refused(anthropic.RateLimitError, ask(poor, stream=True), "rate_limit_error")


def main():
    """Runs every check and says which."""
    api = client()
    for check in (whole, streamed, tools, counted, models, errors):
        check(api)
        print(f"ok {check.__name__}", flush=True)


if __name__ == "__main__":
    main()

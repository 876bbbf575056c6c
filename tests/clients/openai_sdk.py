"""Uses a gateway through OpenAI's own Python SDK, which reads answers more strictly than most clients.

OPENAI_BASE_URL and OPENAI_API_KEY say where and as whom, CHECK_MODEL what to ask for, and
CHECK_KEY_WITHOUT_MONEY is a key whose budget is too small for any request. The model behind it must be the
tiny one of tests/model: some requests steer it by its token numbers. Ends with an error at the first thing
that is not as it should be.
"""

import json
import math
import os

import openai

MODEL = os.environ["CHECK_MODEL"]
HELLO = [{"role": "user", "content": "Hello, who are you?"}]
# Makes the tiny model call a tool, once.
CALL_A_TOOL = {"logit_bias": {"3": 100}, "parallel_tool_calls": False}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"enum": ["Oslo", "Paris"]}},
            "required": ["city"],
        },
    },
}
NAP = {
    "type": "json_schema",
    "json_schema": {
        "name": "nap",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"asleep": {"type": "boolean"}, "place": {"enum": ["nest", "tree"]}},
            "required": ["asleep", "place"],
            "additionalProperties": False,
        },
    },
}


def client(**options):
    """A client that reports failures instead of hiding them behind retries."""
    return openai.OpenAI(max_retries=0, timeout=30, **options)


def whole(api):
    """An answer in one piece."""
    answer = api.chat.completions.create(model=MODEL, messages=HELLO, max_completion_tokens=20)
    assert answer.choices[0].message.role == "assistant", answer
    assert isinstance(answer.choices[0].message.content, str), answer
    assert answer.choices[0].finish_reason in ("stop", "length"), answer
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, answer


def streamed(api):
    """An answer in pieces, put together by hand and by the SDK."""
    options = {"max_tokens": 20, "extra_body": {"ignore_eos": True}}
    chunks = list(
        api.chat.completions.create(
            model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}, **options
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant", chunks[0]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), chunks
    assert not chunks[-1].choices and chunks[-1].usage.completion_tokens == 20, chunks[-1]
    assert all(chunk.usage is None for chunk in chunks[:-1]), chunks
    with api.chat.completions.stream(model=MODEL, messages=HELLO) as stream:
        assert stream.get_final_completion().choices[0].finish_reason == "stop"


def tools(api):
    """A tool call, its result, and the answer to it."""
    asked = api.chat.completions.create(
        model=MODEL, messages=HELLO, tools=[WEATHER], tool_choice="required", **CALL_A_TOOL
    )
    assert asked.choices[0].finish_reason == "tool_calls", asked
    call = asked.choices[0].message.tool_calls[0]
    assert call.function.name == "weather", call
    assert json.loads(call.function.arguments)["city"] in ("Oslo", "Paris"), call
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    told = api.chat.completions.create(
        model=MODEL, messages=[*HELLO, asked.choices[0].message, result], tools=[WEATHER], max_tokens=10
    )
    assert told.choices[0].message.role == "assistant", told
    with api.chat.completions.stream(model=MODEL, messages=HELLO, tools=[WEATHER], **CALL_A_TOOL) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls[0].function.name == "weather", final


def structured(api):
    """An answer that keeps to a schema."""
    answer = api.chat.completions.create(model=MODEL, messages=HELLO, response_format=NAP)
    said = json.loads(answer.choices[0].message.content)
    assert isinstance(said["asleep"], bool) and said["place"] in ("nest", "tree"), said


def completions(api):
    """A text that goes on, whole and in pieces."""
    options = {"model": MODEL, "prompt": "Once upon a time", "max_tokens": 12, "extra_body": {"ignore_eos": True}}
    answer = api.completions.create(**options)
    assert answer.object == "text_completion", answer
    assert answer.choices[0].text and answer.choices[0].finish_reason == "length", answer
    assert answer.usage.completion_tokens == 12, answer
    chunks = list(api.completions.create(**options, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices), chunks
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "length", chunks
    assert chunks[-1].usage.completion_tokens == 12, chunks[-1]


def embeddings(api):
    """Vectors; the SDK asks for base64 unless told otherwise."""
    texts = ["a mouse in a nest", "a bird in a tree"]
    usual = api.embeddings.create(model=MODEL, input=texts)
    assert [entry.index for entry in usual.data] == [0, 1], usual
    assert usual.usage.prompt_tokens > len(texts), usual.usage
    numbers = api.embeddings.create(model=MODEL, input=texts, encoding_format="float")
    for one, other in zip(usual.data, numbers.data, strict=True):
        assert len(one.embedding) == len(other.embedding) > 8, one
        # How texts are put into batches changes the last digits.
        assert all(math.isclose(a, b, abs_tol=1e-3) for a, b in zip(one.embedding, other.embedding, strict=True))
    short = api.embeddings.create(model=MODEL, input=texts[0], dimensions=8).data[0].embedding
    assert len(short) == 8 and math.isclose(math.hypot(*short), 1, abs_tol=1e-5), short


def moderations(api):
    """Verdicts of the gateway's own word list."""
    verdicts = api.moderations.create(input=["I will kill you", "Good night"])
    assert verdicts.model == "dormouse-wordlist-1", verdicts
    assert verdicts.results[0].flagged and verdicts.results[0].categories.harassment_threatening, verdicts
    assert verdicts.results[0].category_scores.harassment_threatening == 1, verdicts
    assert verdicts.results[0].category_applied_input_types.violence == ["text"], verdicts
    assert not verdicts.results[1].flagged, verdicts


def models(api):
    """The list of models, and one of them."""
    assert MODEL in [model.id for model in api.models.list()]
    assert api.models.retrieve(MODEL).id == MODEL


def refused(kind, request, **expected):
    """`request` must fail with `kind`, with these attributes."""
    try:
        request()
    except kind as error:
        found = {name: getattr(error, name) for name in expected}
        assert found == expected, (found, error.body)
        return
    raise AssertionError(f"{kind.__name__} was due")


def errors(api):
    """Failures arrive as the SDK's own exceptions."""

    def ask(api, **options):
        return lambda: api.chat.completions.create(**{"model": MODEL, "messages": HELLO, **options})

    refused(openai.AuthenticationError, ask(client(api_key="sk-wrong")), code="unauthenticated")
    refused(openai.NotFoundError, lambda: api.models.retrieve("nobody"), code="model_not_found")
    refused(openai.BadRequestError, ask(api, temperature="hot"), param="temperature")
    refused(openai.BadRequestError, lambda: api.embeddings.create(model=MODEL, input=[""]), param="input[0]")
    long = 1_000_000
    refused(
        openai.BadRequestError,
        lambda: api.embeddings.create(model=MODEL, input="a", dimensions=long),
        param="dimensions",
    )
    poor = client(api_key=os.environ["CHECK_KEY_WITHOUT_MONEY"])
    refused(openai.RateLimitError, ask(poor), code="over_budget")
    refused(openai.RateLimitError, ask(poor, stream=True), code="over_budget")


def main():
    """Runs every check and says which."""
    api = client()
    for check in (whole, streamed, tools, structured, completions, embeddings, moderations, models, errors):
        check(api)
        print(f"ok {check.__name__}")


if __name__ == "__main__":
    main()

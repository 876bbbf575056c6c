"""One call of an OpenAI-compatible API: https://platform.openai.com/docs/api-reference/chat/create.

What goes wrong is an `Unanswered`, never an answer: no connection, a status that is no 2xx, a body that is no
chat completion. What may be better a moment later (no connection, 408, 409, 429, 5xx) is asked again, after as
long as `Retry-After` says.
"""

import http.client
import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 16 << 20
LONGEST_WAIT = 60.0
AGAIN = {408, 409, 429, 500, 502, 503, 504}


class Unanswered(Exception):
    """The endpoint gave no answer. `again`: after how many seconds it may; `None`: it will not."""

    def __init__(self, why: str, again: float | None = None):
        super().__init__(why)
        self.again = again


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked, and as who."""

    url: str
    key: str
    model: str
    # Seconds that a call may be silent.
    timeout: float
    # How often a call is tried once more.
    retries: int

    def complete(self, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """A whole chat completion."""
        answer = self.call("POST", "/chat/completions", {"model": self.model, **body}, headers)
        try:
            message = answer["choices"][0]["message"]
            if not isinstance(message, dict):
                raise TypeError
        except (KeyError, IndexError, TypeError):
            raise Unanswered(f"no chat completion: {json.dumps(answer)[:200]}") from None
        return answer

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """The JSON that is answered."""
        for attempt in range(self.retries + 1):
            try:
                return self._once(method, path, body, headers or {})
            except Unanswered as unanswered:
                if unanswered.again is None or attempt == self.retries:
                    raise
                time.sleep(min(max(unanswered.again, 2.0**attempt), LONGEST_WAIT))
        raise AssertionError("the last attempt returns or raises")

    def _once(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(
            self.url.rstrip("/") + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json", "authorization": f"Bearer {self.key}", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                text = response.read(MOST_BYTES + 1)
        except urllib.error.HTTPError as error:
            said = error.read(2048).decode(errors="replace")
            raise Unanswered(f"status {error.code}: {said[:300]}", _again(error)) from None
        except (OSError, http.client.HTTPException) as error:
            raise Unanswered(f"no answer: {error!r}"[:300], 0.0) from None
        if len(text) > MOST_BYTES:
            raise Unanswered(f"an answer of more than {MOST_BYTES} bytes")
        try:
            return json.loads(text)
        except ValueError:
            raise Unanswered(f"no JSON: {text[:200]!r}") from None


def _again(error: urllib.error.HTTPError) -> float | None:
    if error.code not in AGAIN:
        return None
    try:
        return max(float(error.headers.get("retry-after", "0")), 0.0)
    except ValueError:
        return 0.0

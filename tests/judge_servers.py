"""A judge in this process that answers as one or another server does, also where that misleads.

What it writes follows from the question alone: words of a small vocabulary, the likeliest first. So
its log-probabilities are known, and so is what a constraint or a temperature does to them. It knows
nothing of Assay but the shape in which answers are handed on.
"""

import contextlib
import copy
import hashlib
import json
import math
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from assay.models.asking import Answered

NAME = "stub"
_WORDS = tuple(f"word{number}" for number in range(60))
_USUAL = frozenset({"messages", "prompt", "model"})


@dataclass(frozen=True)
class Personality:
    """How a server behaves.

    Attributes:
        routes: that it has.
        obeys: fields that do what they say.
        refuses: fields to which it answers 400; all others are taken and ignored.
        refuses_unknown: whether it answers 400 to every field that it does not obey.
        most_candidates: above that many it answers 400.
        logprobs: of the model ("raw"), divided by the temperature ("warm"), those a constraint
            leaves ("masked").
        thinks: tokens that it thinks before it writes.
        counts: whether it tells how many tokens there were.
        system: whether a system message reaches the model.
        drifts: whether it writes something else every time.
        breaks: fields over which it stumbles, with a 500.
        status: answered to everything; 0 for what is right.
        said: with that status.
        missing: said of a route that it has not.
    """

    routes: frozenset[str] = frozenset({"chat/completions", "completions"})
    obeys: frozenset[str] = frozenset({"max_tokens", "temperature"})
    refuses: frozenset[str] = frozenset()
    refuses_unknown: bool = False
    most_candidates: int = 1000
    logprobs: Literal["raw", "warm", "masked"] = "raw"
    thinks: int = 0
    counts: bool = True
    system: bool = True
    drifts: bool = False
    breaks: frozenset[str] = frozenset()
    status: int = 0
    said: str = "not now"
    missing: str = "Not Found"


_USUAL_LIMITS = frozenset({"max_tokens", "max_completion_tokens", "temperature"})
_LOGPROBS = frozenset({"logprobs", "top_logprobs"})
LLAMA_CPP = Personality(obeys=_USUAL_LIMITS | _LOGPROBS | {"response_format", "grammar"})
VLLM = Personality(
    obeys=_USUAL_LIMITS
    | _LOGPROBS
    | {"response_format", "structured_outputs", "echo", "prompt_logprobs"},
    most_candidates=20,
)
"""It takes `guided_choice` and does nothing about it."""
VLLM_GUIDED = Personality(obeys=VLLM.obeys - {"structured_outputs", "response_format"})
"""One whose only constraints would be those that it ignores."""
OLD_VLLM = Personality(obeys=VLLM.obeys - {"structured_outputs"} | {"guided_choice"})
GPT_5 = Personality(
    routes=frozenset({"chat/completions"}),
    obeys=frozenset({"max_completion_tokens", "response_format"}),
    refuses=frozenset({"max_tokens", "temperature"}) | _LOGPROBS,
    refuses_unknown=True,
    thinks=40,
)
GPT_4O = Personality(
    routes=frozenset({"chat/completions"}),
    obeys=_USUAL_LIMITS | _LOGPROBS | {"response_format"},
    refuses_unknown=True,
    most_candidates=20,
)
OLD_OLLAMA = Personality()
BASE_MODEL = Personality(routes=frozenset({"completions"}))


@dataclass
class StubJudge:
    """Answers as a personality does; `asked` are all questions, with their routes.

    `change` is applied to every answer before it is handed on.
    """

    personality: Personality
    change: Callable[[Any], Any] = copy.copy
    asked: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def ask(self, route: str, question: Mapping[str, Any]) -> Answered:
        """Return what came back."""
        status, body = self.answer(route, question)
        if status == 200:
            return Answered(200, body)
        return Answered(status, said=f"{status} {body['error']['message']}")

    def answer(self, route: str, question: Mapping[str, Any]) -> tuple[int, Any]:
        """Return status and JSON."""
        self.asked.append((route, dict(question)))
        kind = self.personality
        if kind.status:
            return _error(kind.status, kind.said)
        if route not in kind.routes:
            return _error(404, kind.missing)
        for name in sorted(set(question) - _USUAL):
            if name in kind.breaks:
                return _error(500, name)
            if name in kind.refuses or (kind.refuses_unknown and name not in kind.obeys):
                return _error(400, f"Unsupported parameter: '{name}'")
        if max(_number(question, "top_logprobs"), 0) > kind.most_candidates:
            return _error(400, f"at most {kind.most_candidates} logprobs")
        return self._complete(
            route, {k: v for k, v in question.items() if k in _USUAL | kind.obeys}
        )

    def _complete(self, route: str, asked: Mapping[str, Any]) -> tuple[int, Any]:
        kind = self.personality
        limit = min(
            (asked[name] for name in ("max_tokens", "max_completion_tokens") if name in asked),
            default=10_000,
        )
        if kind.thinks >= limit:
            return _error(400, "Could not finish the message: the output limit was reached")
        text = self._text(asked)
        demanded = _demanded(asked)
        words = _free(text, len(self.asked) if kind.drifts else 0)
        tokens = [demanded] if demanded else words
        kept = tokens[: limit - kind.thinks]
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop" if len(kept) == len(tokens) else "length",
        }
        if asked.get("logprobs") and route == "chat/completions":
            choice["logprobs"] = {"content": self._places(text, kept, asked, demanded)}
        if route == "completions":
            choice |= self._numbers(asked, kept)
        content = "".join(kept).strip()
        if route == "completions":
            choice["text"] = content
        else:
            choice["message"] = {"role": "assistant", "content": content}
        body: dict[str, Any] = {"choices": [choice]}
        if kind.counts:
            body["usage"] = {
                "prompt_tokens": len(text.split()) + 5,
                "completion_tokens": len(kept) + kind.thinks,
                "completion_tokens_details": {"reasoning_tokens": kind.thinks},
            }
        return 200, self.change(body)

    def _text(self, asked: Mapping[str, Any]) -> str:
        if "prompt" in asked:
            return str(asked["prompt"])
        heard = [
            each["content"]
            for each in asked["messages"]
            if each["role"] != "system" or self.personality.system
        ]
        return "\n".join(heard)

    def _places(
        self, text: str, kept: Sequence[str], asked: Mapping[str, Any], demanded: str
    ) -> list[dict[str, Any]]:
        kind = self.personality
        found = []
        for place, token in enumerate(kept):
            values = _distribution(text, place)
            if kind.logprobs == "warm":
                values = _divided(values, asked.get("temperature", 1.0))
            if demanded and kind.logprobs == "masked":
                values = {demanded: 0.0, **dict.fromkeys(values, -50.0)}
            ordered = sorted(values.items(), key=lambda pair: -pair[1])
            top = [_entry(*pair) for pair in ordered[: asked.get("top_logprobs", 0)]]
            found.append(_entry(token, values.get(token, -20.0)) | {"top_logprobs": top})
        return found

    def _numbers(self, asked: Mapping[str, Any], kept: Sequence[str]) -> dict[str, Any]:
        """Return the log-probabilities of the older route."""
        pieces = [piece + " " for piece in str(asked["prompt"]).split(" ")]
        found: dict[str, Any] = {}
        if asked.get("prompt_logprobs") is not None:
            found["prompt_logprobs"] = [None, *({"1": {"logprob": -1.0}} for _ in pieces[1:])]
        if asked.get("logprobs") is not None:
            echoed = pieces if asked.get("echo") else []
            numbers = [None, *(-1.0 for _ in echoed[1:])] if echoed else []
            found["logprobs"] = {
                "tokens": [*echoed, *kept],
                "token_logprobs": [*numbers, *(-0.5 for _ in kept)],
            }
        return found


@contextlib.contextmanager
def serving_judge(stub: StubJudge, *, key: str = "") -> Iterator[str]:
    """Serve a stub over HTTP and yield where its routes begin."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            question = json.loads(self.rfile.read(length))
            if key and self.headers.get("Authorization") != f"Bearer {key}":
                status, body = _error(401, "no such key")
            else:
                status, body = stub.answer(self.path.removeprefix("/v1/"), question)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{web.server_address[1]}/v1"
    finally:
        web.shutdown()
        web.server_close()
        thread.join()


def _error(status: int, said: str) -> tuple[int, Any]:
    return status, {"error": {"message": said}}


def _number(question: Mapping[str, Any], name: str) -> int:
    found = question.get(name, 0)
    return found if isinstance(found, int) else 0


def _demanded(asked: Mapping[str, Any]) -> str:
    """Return the only text that a constraint leaves; "" without one."""
    if "grammar" in asked:
        return str(asked["grammar"].split('"')[1])
    for name in ("structured_outputs", "guided_choice"):
        if name in asked:
            words = asked[name]["choice"] if name == "structured_outputs" else asked[name]
            return str(words[0])
    if "response_format" in asked:
        named = asked["response_format"]["json_schema"]["schema"]["properties"]
        return json.dumps({name: about["enum"][0] for name, about in named.items()})
    return ""


def _distribution(text: str, place: int) -> dict[str, float]:
    """Return the log-probability of every token that may come at a place."""
    seed = hashlib.sha256(f"{place} {text}".encode()).digest()
    chance = random.Random(seed)
    weights = [chance.gammavariate(0.5, 1.0) + 1e-4 for _ in _WORDS]
    total = sum(weights)
    return {
        f" {word}": math.log(weight / total) for word, weight in zip(_WORDS, weights, strict=True)
    }


def _free(text: str, drift: int) -> list[str]:
    """Return the likeliest words; very many of them where it is to count to forty."""
    count = 60 if "forty" in text else 12
    found = []
    for place in range(count):
        values = _distribution(text, place)
        ordered = sorted(values, key=lambda token: -values[token])
        found.append(ordered[drift % len(ordered)])
    return found


def _divided(values: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Return what a temperature leaves; near 0 all goes to the likeliest."""
    scaled = {token: value / max(temperature, 1e-3) for token, value in values.items()}
    highest = max(scaled.values())
    total = highest + math.log(sum(math.exp(value - highest) for value in scaled.values()))
    return {token: max(value - total, -9999.0) for token, value in scaled.items()}


def _entry(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": value, "bytes": list(token.encode())}

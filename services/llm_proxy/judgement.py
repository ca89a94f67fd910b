"""What an endpoint's answer means: for the caller, for the endpoint, and for the bill."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from llm_proxy.admission import Failure, Usage, is_context_length, of_status, retry_after
from llm_proxy.http_connection import Fault, UpstreamBroken
from llm_proxy.wire import WholeAnswer, error_code

_FAILURES: Mapping[Fault, Failure] = {
    "timeout": Failure.TIMEOUT,
    "connect": Failure.NETWORK,
    "tls": Failure.NETWORK,
    "closed": Failure.NETWORK,
    "protocol": Failure.MALFORMED,
    "too_large": Failure.MALFORMED,
}
_DECODER = msgspec.json.Decoder(WholeAnswer)
# Bodies of errors are read for a code; one that is longer holds something else.
LONGEST_ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer judged. `failure` None: the caller gets it. `detail` is for logs and spans: never text of an answer."""

    failure: Failure | None
    detail: str = ""
    usage: Usage | None = None
    retry_after_s: float | None = None
    status: int = 0
    body: bytes = b""
    content_type: str = "application/json"

    @property
    def presentable(self) -> bool:
        """Whether the caller should see the body when nobody else can be asked."""
        return self.failure in (Failure.REJECTED, Failure.CONTEXT_LENGTH, Failure.EMPTY)


def of_broken(broken: UpstreamBroken) -> Verdict:
    """No whole answer came."""
    return Verdict(_FAILURES[broken.fault], broken.detail)


def of_answer(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """A whole answer, whose framing has been found to be in order."""
    content_type = headers.get("content-type", "application/json")
    encoding = headers.get("content-encoding", "identity")
    if status >= 300 or encoding != "identity":
        return _of_refusal(status, headers, body, content_type, encoding)
    try:
        answer = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        if not body.lstrip().startswith(b"{"):
            return Verdict(Failure.MALFORMED, "the answer is not a JSON object")
        # A field that the pool would read is of another kind than OpenAI's: the caller may know it.
        return Verdict(None, f"unusual answer: {error}", status=status, body=body, content_type=content_type)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return Verdict(Failure.MALFORMED, "the answer is not JSON")
    usage = answer.usage.counted() if answer.usage is not None else None
    if answer.error is not None and answer.status != "incomplete":
        return of_error_code(error_code(answer.error), retry_after(headers))
    if answer.choices and all(choice.empty() for choice in answer.choices):
        return Verdict(Failure.EMPTY, "an empty stop", usage, None, status, body, content_type)
    return Verdict(None, "", usage, None, status, body, content_type)


def of_error_code(code: str, retry_after_s: float | None = None) -> Verdict:
    """An error in an answer whose status said 200."""
    if "rate_limit" in code or code in ("429", "too_many_requests"):
        return Verdict(Failure.LIMITED, f"200 with {code}", retry_after_s=retry_after_s)
    return Verdict(Failure.SERVER_ERROR, "200 with an error", retry_after_s=retry_after_s)


def _of_refusal(status: int, headers: Mapping[str, str], body: bytes, content_type: str, encoding: str) -> Verdict:
    if encoding != "identity":
        return Verdict(Failure.MALFORMED, "a compressed answer, which nobody asked for")
    failure = of_status(status)
    if failure is None:
        return Verdict(Failure.MALFORMED, f"HTTP {status}: redirects are not followed")
    if failure is Failure.REJECTED and status in (400, 413) and is_context_length(body[:LONGEST_ERROR_BYTES]):
        failure = Failure.CONTEXT_LENGTH
    return Verdict(failure, f"HTTP {status}", None, retry_after(headers), status, body, content_type)

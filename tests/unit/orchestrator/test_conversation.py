"""What of a conversation goes to the model, and when a rewritten question is believed."""

import pytest

from common.pool_client import PoolUnavailable
from orchestrator.pipeline.ask import Message
from orchestrator.pipeline.conversation import clean, recent, rewrite_body, rewritten
from orchestrator.pipeline.prompt import NO_ANSWER


def test_the_newest_whole_messages_that_fit_are_kept_in_order() -> None:
    history = [Message("user", "x" * 50), Message("assistant", "second"), Message("user", "third")]
    assert recent(history, 20) == (Message("assistant", "second"), Message("user", "third"))
    assert recent(history, 0) == ()


def test_marks_of_earlier_answers_are_dropped() -> None:
    history = [Message("user", "see [1]"), Message("assistant", "It was built in 1874 [1][2].")]
    assert recent(history, 100) == (Message("user", "see [1]"), Message("assistant", "It was built in 1874."))


def test_what_cannot_be_said_is_removed() -> None:
    assert clean(" a\x00b\x1b[31m\ud800c\n\td ") == "ab[31mc\n\td"


def reply(content: object) -> dict[str, object]:
    return {"choices": [{"message": {"content": content}}]}


@pytest.mark.parametrize(
    ("content", "query"),
    [
        ("When was the lighthouse built?", "When was the lighthouse built?"),
        ('"When was it built?"\n', "When was it built?"),
        ("", "and when?"),
        (None, "and when?"),
        (NO_ANSWER, "and when?"),
        ("Here is the question:\nWhen?", "and when?"),
        ("x" * 500, "and when?"),
    ],
)
def test_a_reply_that_is_no_question_leaves_the_question_as_asked(content: object, query: str) -> None:
    assert rewritten(reply(content), "and when?", 100) == query


@pytest.mark.parametrize("odd", [{}, {"choices": []}, {"choices": [{}]}, {"choices": "x"}])
def test_a_reply_of_another_shape_counts_as_no_reply(odd: dict[str, object]) -> None:
    with pytest.raises(PoolUnavailable):
        rewritten(odd, "q", 100)


def test_the_rewriter_sees_the_conversation_or_the_bare_query() -> None:
    body = rewrite_body("chat", [Message("user", "Tell me of the lighthouse.")], "How high is it?")
    assert body["messages"][1]["content"] == "user: Tell me of the lighthouse.\nuser: How high is it?"
    assert rewrite_body("chat", [], "lighthouse please")["messages"][1]["content"] == "lighthouse please"

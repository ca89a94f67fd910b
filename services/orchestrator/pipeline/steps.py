"""The steps of an answer, each one small function, in the order in which they run."""

import time
from dataclasses import replace

from common.errors import invalid, not_found
from common.telemetry import Span
from orchestrator.pipeline import citations, conversation, generation, prompt, ranking, retrieval_health, spaces
from orchestrator.pipeline.ask import Usage
from orchestrator.pipeline.callbacks import Generation, Retrieval
from orchestrator.pipeline.marks import MarkFilter
from orchestrator.pipeline.passages import fitting, fitting_sections
from orchestrator.pipeline.run import POOL_FAILURES, Run, Step, step
from orchestrator.pipeline.sections import sections
from vector_store.errors import SpaceMismatchError
from vector_store.models import SearchRequest


@step("GUARDRAIL")
async def guard_input(run: Run, span: Span) -> None:
    """Refuse what cannot be a question; bound what goes along with it."""
    question = conversation.clean(run.ask.question)
    span.input(question)
    if not question:
        raise invalid("The last user message has no text.", "messages")
    longest = run.tunables.max_question_chars
    if len(question) > longest:
        raise invalid(f"The question has {len(question)} characters; at most {longest} are accepted.", "messages")
    run.question = run.query = question
    run.history = conversation.recent(run.ask.history, run.tunables.max_history_chars)
    await run.parts.callbacks.on_request(run.ask)


@step("LLM", when=lambda run: run.rewriting)
async def rewrite(run: Run, span: Span) -> None:
    """Make the follow-up question stand for itself; without a rewriter it is searched as asked."""
    body = conversation.rewrite_body(run.tunables.model, run.history, run.question)
    generation.describe(span, body, "rewrite", conversation.REWRITE_VERSION)
    try:
        reply = await run.parts.pool.chat(
            body, deadline=run.ask.deadline.sooner(run.tunables.rewrite_timeout_s), lane=run.ask.caller.lane
        )
        run.query = conversation.rewritten(reply, run.question, run.tunables.max_question_chars)
        generation.used(span, generation.usage_of(reply) or Usage())
    except POOL_FAILURES as error:
        run.degrade("rewrite", span, error)
    span.output(run.query)


@step("CHAIN")
async def route(run: Run, span: Span) -> None:
    """Choose the knowledge bases: those that the request names, else those of the application."""
    catalog = run.parts.catalog
    if run.ask.store_ids:
        run.stores = tuple([await catalog.get_store(run.scope, store_id) for store_id in run.ask.store_ids])
    else:
        names = run.tunables.applications[run.ask.application].stores
        run.stores = tuple(await catalog.find_stores(run.scope, names))
        if not run.stores:
            raise not_found(f"There is no vector store named {' or '.join(names)} yet.", "model")
    span.set("fairlead.vector_store_ids", [store.id for store in run.stores])
    span.output([store.name for store in run.stores])


@step("EMBEDDING", when=lambda run: any(store.space for store in run.stores))
async def embed(run: Run, span: Span) -> None:
    """The question's vector in the stores' embedding space; without one, keywords alone are searched."""
    span.input(run.query)
    try:
        space = spaces.common_space(run.stores, run.tunables.embedding_model)
        assert space is not None  # the step's condition
        span.set("gen_ai.operation.name", "embeddings")
        span.set("gen_ai.request.model", space.model)
        span.set("gen_ai.embeddings.dimension.count", space.dimension)
        span.set("embedding.model_name", space.model)
        deadline = run.ask.deadline.sooner(run.tunables.embed_timeout_s)
        vectors = await spaces.embed(run.parts.pool, space, [run.query], deadline=deadline, lane=run.ask.caller.lane)
        run.vector, run.space = vectors[0], space
        span.output({"dimensions": space.dimension})
    except (*POOL_FAILURES, spaces.SpaceDiffers) as error:
        run.degrade("embed", span, error)


@step("RETRIEVER")
async def retrieve(run: Run, span: Span) -> None:
    """The best passages by keywords and meaning, among the documents that the caller may see."""
    ask, tunables = run.ask, run.tunables
    span.input(run.query)
    wanted = run.ranking.fetched
    request = SearchRequest(
        store_ids=tuple(store.id for store in run.stores),
        text=run.query,
        vector=run.vector,
        space=run.space,
        top_k=wanted,
        candidates=max(tunables.candidates, wanted),
        fusion=tunables.fusion,
        keyword_weight=tunables.keyword_weight if ask.keyword_weight is None else ask.keyword_weight,
        rrf_k=tunables.rrf_k,
        filters=ask.filters,
        score_threshold=run.ranking.fetched_from,
    )
    try:
        found = await run.parts.chunks.search(run.scope, request)
    except SpaceMismatchError:
        # A store was given an index of another space after the question was embedded.
        run.stores = tuple([await run.parts.catalog.get_store(run.scope, store.id) for store in run.stores])
        run.vector = run.space = None
        await embed(run)
        found = await run.parts.chunks.search(run.scope, replace(request, vector=run.vector, space=run.space))
    run.hits, run.snapshot = found.hits, found.snapshot
    settled = run.ranking.settled(found.hits)
    retrieval_health.measure("chat", settled)
    run.passages = fitting(settled, tunables.max_passages_chars)
    span.set("fairlead.index_snapshot", found.snapshot)
    span.set("fairlead.retrieval.legs", list(found.legs))
    span.documents([passage.as_document() for passage in run.passages])
    searched = tuple(store.id for store in run.stores)
    retrieval = Retrieval(run.query, searched, run.passages, found.legs, found.snapshot)
    await run.parts.callbacks.on_retrieval(ask, retrieval)


@step("RERANKER", when=lambda run: run.reranking and len(run.hits) > 1)
async def rerank(run: Run, span: Span) -> None:
    """The passages in an order in which a model that reads question and passage has its say; else in the fused one."""
    ask, tunables = run.ask, run.tunables
    span.input(run.query)
    span.set("gen_ai.request.model", tunables.rerank_model)
    try:
        run.hits = await ranking.reranked(run.parts.pool, tunables, run.query, run.hits, ask.deadline, ask.caller.lane)
        run.passages = fitting(run.ranking.settled(run.hits), tunables.max_passages_chars)
    except POOL_FAILURES as error:
        run.degrade("rerank", span, error)
    span.documents([passage.as_document() for passage in run.passages])


@step("RETRIEVER", when=lambda run: run.tunables.expand == "section" and bool(run.passages))
async def expand(run: Run, span: Span) -> None:
    """Each passage with what stands around it in its section, as far as the prompt has room."""
    tunables = run.tunables
    hits = run.ranking.settled(run.hits)[: len(run.passages)]
    span.input([hit.chunk.id for hit in hits])
    read = await sections(run.parts.chunks, run.scope, hits, tunables.expand_chars, tunables.max_passages_chars)
    run.passages = fitting_sections(read, tunables.max_passages_chars)
    span.documents([passage.as_document() for passage in run.passages])


@step("CHAIN", when=lambda run: bool(run.passages))
async def build_prompt(run: Run, span: Span) -> None:
    """The rules, the conversation so far, the passages and the question, as messages for the model."""
    tunables = run.tunables
    rules = tunables.system_prompt
    if run.ask.instructions:
        rules = f"{rules}\n{run.ask.instructions}"
    run.messages = [
        {"role": "system", "content": rules},
        *({"role": message.role, "content": message.content} for message in run.history),
        {"role": "user", "content": prompt.render(tunables.prompt_template, run.passages, run.question)},
    ]
    span.input(run.question)
    span.set("gen_ai.prompt.name", "answer")
    span.set("fairlead.prompt.version", tunables.prompt_version)
    # The messages themselves are the input of the next step; a second copy would double every trace.
    chars = sum(len(message["content"]) for message in run.messages)
    span.output({"messages": len(run.messages), "passages": len(run.passages), "characters": chars})


@step("LLM", when=lambda run: bool(run.passages))
async def generate(run: Run, span: Span) -> None:
    """The model's answer, passed on as it comes; without a model, the passages themselves and no pretence."""
    run.draft = MarkFilter(run.passages)
    began = time.perf_counter()
    try:
        await generation.stream(run, span)
    except POOL_FAILURES as error:
        if run.first_text_at is not None and run.on_text is not None:
            raise  # what has been said cannot be taken back: the stream ends in an error event
        run.degrade("generate", span, error)
        await generation.show_passages(run)
    first = None if run.first_text_at is None else run.first_text_at - began
    done = Generation(run.tunables.model, run.draft.text, run.usage, first, time.perf_counter() - began)
    await run.parts.callbacks.on_generation(run.ask, done)


@step("GUARDRAIL")
async def guard_output(run: Run, span: Span) -> None:
    """Never an empty answer; a quote for every mark; and how much of the answer its passages support."""
    if not run.draft.text.strip():
        await run.say(run.draft.feed(prompt.NO_ANSWER) + run.draft.close())
    run.citations = tuple(citations.cite(run.draft.text, run.draft.marks))
    run.grounding = citations.grounding(run.draft.text, run.draft.marks)
    span.input(run.draft.text)
    span.output([{"index": found.index, "quote": found.quote, "support": found.support} for found in run.citations])
    span.set("fairlead.citations", len(run.citations))
    span.set("fairlead.marks_removed", run.draft.removed)
    span.set("fairlead.grounding", run.grounding)
    if run.grounding is not None:
        span.judged("grounding", run.grounding)


STEPS: tuple[Step, ...] = (
    guard_input,
    rewrite,
    route,
    embed,
    retrieve,
    rerank,
    expand,
    build_prompt,
    generate,
    guard_output,
)

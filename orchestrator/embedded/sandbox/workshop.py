"""Does the runs: takes their time, charges the successful ones, and survives restarts badly.

As in SurfSense, work is in one process and rows are durable: what a restart finds running is
marked as an error, although another process may be at work on it, succeed and charge.
"""

import asyncio
import uuid
from collections.abc import Awaitable
from dataclasses import replace

import orjson

from orchestrator.embedded.sandbox.bill import Bill, Purchase
from orchestrator.embedded.sandbox.dice import share
from orchestrator.embedded.sandbox.faults import latency_s, run_fault_for
from orchestrator.embedded.sandbox.gate import Gate
from orchestrator.embedded.sandbox.run_book import CANCELLED, ERROR, RUNNING, SUCCESS, Run, RunBook
from orchestrator.embedded.sandbox.search import CAPABILITY, SearchRequest, search
from orchestrator.infra.clock import Clock

_UPSTREAM_ERROR = f"The '{CAPABILITY}' capability failed due to an upstream error."


class Workshop:
    """The runs under way in this process. Needs a running event loop."""

    def __init__(self, book: RunBook, bill: Bill, gate: Gate, clock: Clock) -> None:
        self._book = book
        self._bill = bill
        self._gate = gate
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def resume(self) -> None:
        """Start anew after the end of an earlier process."""
        behaviour = self._gate.behaviour
        for run in self._book.running():
            drawn = share(behaviour.seed, run.id, "interrupted")
            # Charged before the end came: whoever charged it will also say so.
            is_charged = self._bill.key_charged_for(run.id) is not None
            is_late = is_charged or drawn < behaviour.interrupted_then_succeeds_rate
            self._book.interrupt(run, succeeds_late=is_late)
        for run in self._book.late():
            self._begin(run, self._succeed_late(run, behaviour.interrupted_late_ms / 1000))

    def start(self, request: SearchRequest, key: str, attempt: int) -> Run:
        """Accept a run, the *attempt*-th about the company *key*; it is in the book by then."""
        run = Run(
            id=str(uuid.uuid4()),
            created_at_ms=self._now_ms(),
            input=request.model_dump(exclude_none=True),
        )
        self._book.write(run)
        self._begin(run, self._work(run, key, attempt))
        return run

    def cancel(self, run: Run) -> bool:
        """Stop *run* before it is charged; False if it is not under way."""
        if run.status != RUNNING:
            return False
        self._tasks.pop(run.id).cancel()
        self._book.write(replace(run, status=CANCELLED, duration_ms=self._took_ms(run)))
        return True

    def stop(self) -> None:
        """Drop all work where it is."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    def _begin(self, run: Run, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[run.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.id, None))

    async def _work(self, run: Run, key: str, attempt: int) -> None:
        behaviour = self._gate.behaviour
        with self._gate.one_more_in_flight():
            await asyncio.sleep(latency_s(behaviour, key, attempt))
            fault = run_fault_for(behaviour, key, attempt)
            self._gate.count(fault)
            if fault is None:
                self._succeed(run)
            else:
                failed = replace(run, status=ERROR, error=_UPSTREAM_ERROR)
                self._book.write(replace(failed, duration_ms=self._took_ms(run)))

    async def _succeed_late(self, run: Run, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self._succeed(run)

    def _succeed(self, run: Run) -> None:
        """Charge what was found, then say that it was; a crash in between has charged it."""
        request = SearchRequest.model_validate(run.input)
        now = self._clock()
        found = [search(phrase, request, self._gate.behaviour, now) for phrase in request.phrases]
        if self._bill.key_charged_for(run.id) is None:
            for finding in found:
                if finding.items:
                    self._bill.record(
                        Purchase(
                            at_ms=self._now_ms(),
                            key=finding.key,
                            name=finding.name,
                            purchase_id=run.id,
                            outcome=finding.outcome,
                            cost_micros=finding.cost_micros,
                        )
                    )
        lines = [orjson.dumps(item).decode() for finding in found for item in finding.items]
        output = "\n".join(lines)
        self._book.write(
            replace(
                run,
                status=SUCCESS,
                error=None,
                item_count=len(lines),
                char_count=len(output),
                duration_ms=self._took_ms(run),
                cost_micros=sum(finding.cost_micros for finding in found),
                output_text=output,
            )
        )

    def _now_ms(self) -> int:
        return int(self._clock().timestamp() * 1000)

    def _took_ms(self, run: Run) -> int:
        return self._now_ms() - run.created_at_ms

"""Who waits is let through in order, and nobody's place is lost."""

import asyncio

from assay.backends.endpoint.gate import Gate
from assay.backends.endpoint.limiter import Breaker, Limiter, Outcome, Rates
from tests.jumping_clock import JumpingClock


def _gate(limit: int) -> Gate:
    return Gate(Limiter(limit, limit), Breaker(), Rates(300.0), JumpingClock().clock())


async def _waiting(gate: Gate) -> "asyncio.Task[object]":
    task = asyncio.ensure_future(gate.enter(1))
    await asyncio.sleep(0)
    return task


def test_who_is_let_through_and_given_up_in_the_same_moment_leaves_room() -> None:
    async def given_up() -> int:
        gate = _gate(1)
        ticket = await gate.enter(1)
        assert ticket is not None
        task = await _waiting(gate)
        gate.leave(ticket, Outcome.ANSWERED)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return gate.limiter.under_way

    assert asyncio.run(given_up()) == 0


def test_room_for_several_goes_to_several_at_once() -> None:
    async def let_through() -> list[bool]:
        gate = _gate(2)
        tickets = [await gate.enter(1), await gate.enter(1)]
        tasks = [await _waiting(gate) for _ in range(3)]
        for ticket in tickets:
            assert ticket is not None
            gate.leave(ticket, Outcome.ANSWERED)
        await asyncio.sleep(0)
        found = [task.done() for task in tasks]
        gate.shut()
        await asyncio.gather(*tasks)
        return found

    assert asyncio.run(let_through()) == [True, True, False]


def test_a_gate_that_is_shut_sends_everyone_away_until_it_is_opened() -> None:
    async def sent_away() -> list[bool]:
        gate = _gate(1)
        ticket = await gate.enter(1)
        assert ticket is not None
        tasks = [await _waiting(gate) for _ in range(3)]
        gate.shut()
        found = [await task is None for task in tasks]
        found.append(await gate.enter(1) is None)
        gate.leave(ticket, Outcome.ANSWERED)
        gate.open()
        return [*found, await gate.enter(1) is None]

    assert asyncio.run(sent_away()) == [True, True, True, True, False]

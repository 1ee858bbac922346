"""The memory that uploads borrow."""

import asyncio

from oci_spec.digest import new_hasher
from registry.api.hashes import KEPT, Hashes, Running
from registry.api.pieces import IDLE, PIECE, Pieces


async def test_pieces_are_lent_in_order_and_no_more_than_there_are() -> None:
    pieces = Pieces(2 * PIECE)
    one, two = await pieces.borrow(), await pieces.borrow()
    assert len(one) == len(two) == PIECE
    waiting = [asyncio.ensure_future(pieces.borrow()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(turn.done() for turn in waiting)
    pieces.give_back(one)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [turn.done() for turn in waiting] == [True, False, False]
    late = asyncio.ensure_future(pieces.borrow())
    pieces.give_back(two)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [turn.done() for turn in waiting] == [True, True, False] and not late.done()
    for turn in (*waiting, late):
        turn.cancel()


async def test_who_gives_up_waiting_takes_nothing_along() -> None:
    for given_back_first in (False, True):
        pieces = Pieces(PIECE)
        piece = await pieces.borrow()
        waiting = asyncio.ensure_future(pieces.borrow())
        await asyncio.sleep(0)
        if given_back_first:
            pieces.give_back(piece)
            waiting.cancel()
        else:
            waiting.cancel()
            pieces.give_back(piece)
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        assert pieces.free == 1
        await asyncio.wait_for(pieces.borrow(), 1)


async def test_a_budget_below_one_piece_lends_one() -> None:
    assert Pieces(1).free == 1


async def test_few_idle_pieces_are_kept() -> None:
    pieces = Pieces(32 * PIECE)
    lent = [await pieces.borrow() for _ in range(32)]
    for piece in lent:
        pieces.give_back(piece)
    assert pieces.free == 32
    assert len(pieces._idle) == IDLE


def test_a_hash_state_is_given_once_and_only_for_its_offset() -> None:
    hashes = Hashes()
    hashes.keep("a", Running("sha256", new_hasher("sha256"), 5))
    assert hashes.take("a", 4) is None
    assert hashes.take("a", 5) is None  # what did not fit is of no use any more
    hashes.keep("a", Running("sha256", new_hasher("sha256"), 5))
    assert hashes.take("a", 5) is not None
    assert hashes.take("a", 5) is None


def test_the_states_that_are_kept_are_bounded() -> None:
    hashes = Hashes()
    for number in range(KEPT + 10):
        hashes.keep(str(number), Running("sha256", new_hasher("sha256")))
    assert hashes.take("0", 0) is None
    assert hashes.take(str(KEPT), 0) is not None

"""What the control page can do with outbound orders at the sandbox of JD Logistics."""

from collections.abc import Callable, Mapping
from typing import Any

from portal.contract.world.deeds import Deed
from portal.contract.world.records import Seller
from portal.contract.world.world import World
from portal.integrations.jdl import sandbox_moves
from portal.integrations.jdl.sandbox_call import Tell
from portal.integrations.jdl.sandbox_first_day import settle
from portal.integrations.jdl.sandbox_moves import BY_HAND, CANCELLING, ENDED, FAILS, KIND, SUCCEEDS, WALK
from portal.integrations.jdl.sandbox_pace import Walker
from portal.integrations.jdl.sandbox_papers import Paper
from portal.integrations.jdl.sandbox_shown import record

Said = Mapping[str, Any]
_LONGEST_STEP = 86_400


class OrderDeeds:
    """The deeds about outbound orders of one sandbox."""

    def __init__(self, world: World, tell: Tell, walker: Walker) -> None:
        self._world = world
        self._tell = tell
        self._walker = walker

    def listed(self) -> tuple[Deed, ...]:
        """All of them."""
        who = {"integration": "jdl", "account": "northwick"}
        number = "Order number"
        return (
            Deed(
                name="order",
                title="Move an outbound order",
                what="brings an outbound order to its next status, or to the one that is named; without a reference "
                "all that can go on",
                fields={"reference": "Order number (empty: all)", "status": "Status (empty: the next one)"},
                example={**who, "reference": "NO-1001", "status": "10020"},
                run=self._order,
            ),
            Deed(
                name="ship",
                title="Send parcels of an order",
                what="lets so many pieces of an order leave now in so many parcels (empty: all pieces, one parcel); "
                "the rest stays and leaves later, or goes to a second bill (rest: split)",
                fields={"reference": number, "pieces": "Pieces", "parcels": "Parcels", "rest": "later or split"},
                example={**who, "reference": "NO-1008", "pieces": 1, "parcels": 1, "rest": "later"},
                run=self._ship,
            ),
            Deed(
                name="exception",
                title="Lose pieces of an order",
                what="so many pieces of an order are not found or broken: it stops at 10051 and is sent without them "
                "once it is moved on",
                fields={"reference": number, "pieces": "Pieces (empty: 1)"},
                example={**who, "reference": "NO-1009", "pieces": 1},
                run=self._exception,
            ),
            Deed(
                name="cancelling",
                title="Decide cancellations",
                what="how cancellations end that are asked for while an order is picked and packed, as soon as it is "
                "moved on: succeeds, fails, or hand (no pace moves them either)",
                fields={"answer": "succeeds, fails or hand"},
                example={**who, "answer": "fails"},
                run=self._cancelling,
            ),
            Deed(
                name="pace",
                title="Let orders walk",
                what="lets every order of the account go on by itself, a step every so many seconds (0: no more)",
                fields={"seconds": "Seconds for each step"},
                example={**who, "seconds": 5},
                run=self._pace,
            ),
        )

    def _order(self, seller: Seller, said: Said) -> Any:
        status = str(said.get("status") or "")
        with self._world.deed():
            settle(self._world, seller)
            if said.get("reference"):
                papers = [self._paper(seller, said)]
            else:
                found = self._world.memory.papers(seller.name, KIND).values()
                papers = [each for each in found if each["status"] in WALK[:-1]]
            for paper in papers:
                sandbox_moves.advance(self._world, seller, paper, status, self._tell)
                sandbox_moves.noted(self._world, seller, paper, "outstock.moved")
        return [record(each) for each in papers]

    def _ship(self, seller: Seller, said: Said) -> Any:
        return self._done(seller, said, "outstock.shipped", self._shipped)

    def _shipped(self, seller: Seller, paper: Paper, said: Said) -> None:
        if paper["status"] in ENDED:
            raise ValueError(f"nothing leaves any more at {paper['status']}")
        rest = sandbox_moves.remaining(paper)
        count = _whole(said, "pieces", sum(rest.values()))
        going, parcels = sandbox_moves.some_of(paper, count), _whole(said, "parcels", 1)
        staying = {line: there - going.get(line, 0) for line, there in rest.items() if there > going.get(line, 0)}
        if said.get("rest") == "split" and staying:
            sandbox_moves.split(self._world, seller, paper, staying, self._tell)
        sandbox_moves.ship(self._world, seller, paper, going, parcels, self._tell)

    def _exception(self, seller: Seller, said: Said) -> Any:
        return self._done(seller, said, "outstock.lost", self._lost)

    def _lost(self, seller: Seller, paper: Paper, said: Said) -> None:
        if paper["status"] in {*ENDED, "10020"}:
            raise ValueError(f"nothing can be missed any more at {paper['status']}")
        pieces = sandbox_moves.some_of(paper, _whole(said, "pieces", 1))
        sandbox_moves.lose(self._world, seller, paper, pieces, self._tell)

    def _done(self, seller: Seller, said: Said, effect: str, do: Callable[[Seller, Paper, Said], None]) -> Any:
        with self._world.deed():
            settle(self._world, seller)
            paper = self._paper(seller, said)
            do(seller, paper, said)
            sandbox_moves.noted(self._world, seller, paper, effect, parcels=len(paper["parcels"]))
        return record(paper)

    def _cancelling(self, seller: Seller, said: Said) -> Any:
        answer = str(said.get("answer") or "")
        if answer not in {SUCCEEDS, FAILS, BY_HAND}:
            raise ValueError(f"answer is one of {SUCCEEDS}, {FAILS}, {BY_HAND}")
        self._world.memory.keep_paper(seller.name, "switch", CANCELLING, answer)
        return {"answer": answer}

    def _pace(self, seller: Seller, said: Said) -> Any:
        seconds = float(said.get("seconds") or 0)
        if not 0 <= seconds <= _LONGEST_STEP:
            raise ValueError(f"seconds is from 0 to {_LONGEST_STEP}")
        with self._world.deed():
            settle(self._world, seller)
        self._walker.set(seller, seconds)
        return {"seconds": seconds}

    def _paper(self, seller: Seller, said: Said) -> Paper:
        """The order with the number, the customer's or JD's own: a second bill is named by JD's."""
        papers = self._world.memory.papers(seller.name, KIND)
        number = str(said.get("reference") or "")
        found = papers.get(number) or next((each for each in papers.values() if each["bill"] == number), None)
        if found is None:
            raise ValueError(f"reference is one of {', '.join(papers) or 'none'}")
        return dict(found)


def _whole(said: Said, name: str, usual: int) -> int:
    """A number of a deed.  Raises ValueError for one that is none."""
    return int(said[name]) if said.get(name) not in {None, ""} else usual

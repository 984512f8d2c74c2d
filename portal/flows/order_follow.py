"""What has to be when orders have changed: the one place that everybody calls who changes one."""

import uuid
from collections.abc import Sequence

from portal.flows import routing, stock

# So many orders at once follow a change of what a word means.
PIECE = 1_000


def follow(order_ids: Sequence[uuid.UUID]) -> None:
    """Bring about what follows from the status and the lines of these orders, in the open transaction.

    Where they go comes first: it may hold other orders and shipments, which are held before any stock is.
    """
    for at in range(0, len(order_ids), PIECE):
        piece = order_ids[at : at + PIECE]
        routing.consider(piece)
        stock.settle(piece)

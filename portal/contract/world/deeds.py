"""Deeds of the control page that only one remote knows: what they are called, what they take, and an example."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.contract.world.records import Seller


@dataclass(frozen=True, kw_only=True)
class Deed:
    """One deed.

    `run(seller, said)` does it and gives what JSON answers; it raises ValueError or KeyError with what is missing.
    `fields` are the names and labels of the form's fields, `what` says what it does, `example` how it is asked for.
    """

    name: str
    title: str
    what: str
    fields: Mapping[str, str]
    example: Mapping[str, Any]
    run: Callable[[Seller, Mapping[str, Any]], Any]

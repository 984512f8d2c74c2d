"""What the sentences of causes are made of and what they give."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Turn(StrEnum):
    """Who has to act: the merchant now, the merchant when there is time, the remote."""

    YOURS = "yours"
    YOURS_LATER = "yours_later"
    THEIRS = "theirs"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a sentence may name.

    `remote` is the integration's name, `name` the connection's, `host` the address that is called, `ended` the end of
    the access in words, `level` what the declaration says about the seller's level.  `typed` says that the access token
    is typed, `gave_up` that the first check is over.
    """

    remote: str
    name: str
    shop: str = ""
    host: str = ""
    ended: str = ""
    level: str = ""
    callback: str = ""
    typed: bool = False
    gave_up: bool = False
    of_run: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One cause in words.  `actions` are keys of `portal.web.causes`."""

    title: str
    why: str
    todo: str
    turn: Turn = Turn.YOURS
    actions: tuple[str, ...] = ()

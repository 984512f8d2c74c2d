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
    an access that is over in words and `ends` that of any, `level` what the declaration says about the seller's level.
    `value` is the value of the setting that the cause is about, `offers` says that the remote named others,
    `step` where the first check stands, `variable` what the operator has to set (for those who may know).  `typed` says
    that the access token is typed, `gave_up` that the first check is over.
    """

    remote: str
    name: str
    shop: str = ""
    host: str = ""
    ended: str = ""
    ends: str = ""
    level: str = ""
    value: str = ""
    offers: bool = False
    step: str = ""
    variable: str = ""
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

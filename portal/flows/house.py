"""What the flows are given when the house is built."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import redis
from flask import current_app

from portal.config import Settings
from portal.kit.sealing import Keyring

# A letter in words: given the name of its template, the language, the time zone and what the template names, it gives
# the subject and the text.
Writer = Callable[[str, str, str, Mapping[str, Any]], tuple[str, str]]


def _nobody_writes(template: str, locale: str, time_zone: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
    raise LookupError("this house was built without somebody who writes letters")


@dataclass(frozen=True, slots=True)
class House:
    """The settings, the keys, the Redis that carries bells and paces, and who writes letters."""

    settings: Settings
    keyring: Keyring
    redis: redis.Redis
    write: Writer = _nobody_writes


def house() -> House:
    """The house of the running application."""
    found: House = current_app.extensions["lintas"]
    return found

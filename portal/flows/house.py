"""What the flows are given when the house is built."""

from dataclasses import dataclass

import redis
from flask import current_app

from portal.config import Settings
from portal.kit.sealing import Keyring


@dataclass(frozen=True, slots=True)
class House:
    """The settings, the keys, and the Redis that carries bells and paces."""

    settings: Settings
    keyring: Keyring
    redis: redis.Redis


def house() -> House:
    """The house of the running application."""
    found: House = current_app.extensions["lintas"]
    return found

"""Structured log lines, one JSON object each, without secrets and without buyers' data."""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog

from portal.kit.db import whose_or_none

SECRET_NAMES = re.compile(
    r"secret|token|password|authoriz|cookie|sign(ature)?$|api_?key|app_?key|session|state$|code$|csrf|buyer|consignee"
    r"|phone|mobile|address|e?mail",
    re.IGNORECASE,
)
# Query strings and form bodies of OAuth and gateway calls that end up in a text, for instance of an exception.
SECRET_PAIRS = re.compile(
    r"(?i)\b(access_token|refresh_token|app_secret|client_secret|sign|code|state|password|app_key)=[^&\s\"']+"
)
# In these lines the database quotes the row that it refuses, whatever is in it.
QUOTED_ROWS = re.compile(r"(?m)^DETAIL: .*$")
HIDDEN = "***"


def hidden(value: Any) -> Any:
    """The value with everything that looks like a secret replaced, to any depth."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if SECRET_NAMES.search(str(key)) else hidden(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(each) for each in value]
    if isinstance(value, str):
        return QUOTED_ROWS.sub(f"DETAIL: {HIDDEN}", SECRET_PAIRS.sub(lambda found: f"{found[1]}={HIDDEN}", value))
    return value


def _redact(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    kept = {"event": hidden(event.pop("event", ""))}
    return {**kept, **hidden(event)}


def _of_whom(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Every line tells for which merchant the work was that it speaks of, where there is one."""
    if (merchant := whose_or_none()) is not None:
        event.setdefault("merchant", str(merchant))
    return event


def set_up(level: str = "INFO") -> None:
    """Send every line of the house and of its libraries through the same redaction to standard error."""
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _of_whom,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
    ]
    structlog.configure(
        processors=[*before, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These tell full addresses, query strings included, at the level that we keep.
    for name in ("httpx", "httpcore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


def logger(name: str) -> Any:
    """A logger; its calls take a sentence and named values."""
    return structlog.get_logger(name)

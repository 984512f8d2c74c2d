"""What a request of support staff at work as a merchant is: whose, as whom, until when, and what it may."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from portal.flows.audit import Behalf
from portal.models import SupportMode, SupportReason


@dataclass(frozen=True, slots=True)
class Acting:
    """A session as a merchant that goes on.

    `agent`, `whom` and `merchant` are names, `ends_at` when it is over, `extended` whether it was made longer already.
    `asked` says that the merchant was asked for its consent to act and has not answered, `granted` that it consents,
    and `never` that it lets nobody act.
    """

    session_id: uuid.UUID
    agent: str
    whom: str
    mode: SupportMode
    reason: SupportReason
    ticket: str
    note: str
    ends_at: datetime
    extended: bool
    asked: bool
    granted: bool
    merchant: str = ""
    never: bool = False

    @property
    def acts(self) -> bool:
        """Whether it may change something."""
        return self.mode is SupportMode.ACT

    @property
    def behalf(self) -> Behalf:
        """The same for the audit trail: the reason with its ticket."""
        return Behalf(self.agent, self.whom, self.session_id, f"{self.reason.value} {self.ticket}".strip())

"""W4: a recorded push has no second effect, whenever it is sent again.

Within the window its id is known, after it its time is refused; and ids are kept longer than any sender repeats.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from portal import integrations
from portal.contract.webhooks import Webhook
from portal.flows import delivery_spans, receiving
from portal.kit.clock import now
from portal.kit.db import acting_for, db, whose
from portal.models import Delivery, DeliveryRefusal, Work
from tests.cast import Cast
from tests.pushing import Hook, Kirim, hooked, kirim, of_stock, push

__all__ = ["kirim"]

SECOND = timedelta(seconds=1)


@pytest.fixture
def hook(cast: Cast, kirim: Kirim) -> Iterator[Hook]:
    with cast.app.app_context(), acting_for(cast.lantern):
        yield hooked()
    receiving._remembered.clear()


@pytest.fixture
def signed_at() -> datetime:
    return now().replace(microsecond=0)


def taken(hook: Hook, sent: dict[str, Any], at: datetime) -> bool:
    said = receiving.receive(hook.token, sent["headers"], sent["data"], at)
    assert said is not None
    return said.status == 202


def effects() -> int:
    """How much work pushes have ever caused; done work counts as well."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(Work).where(Work.kind == "delivery")) or 0


def declared() -> Webhook:
    found = integrations.get("kirim").webhook
    assert found is not None
    return found


@pytest.mark.parametrize("edge", [-1, 1])
def test_just_inside_the_window_a_push_counts_once_and_just_outside_not_at_all(
    hook: Hook, signed_at: datetime, edge: int
) -> None:
    recorded = push(hook, "ev-1", of_stock("A1"), signed_at)
    inside = signed_at + edge * (declared().window - SECOND)
    outside = signed_at + edge * (declared().window + SECOND)
    assert taken(hook, recorded, inside)
    assert taken(hook, recorded, inside)
    assert effects() == 1
    assert not taken(hook, recorded, outside)
    assert effects() == 1
    fresh = push(hook, "ev-2", of_stock("A1"), signed_at)
    assert not taken(hook, fresh, outside)
    assert effects() == 1
    refused = db.session.scalars(sa.select(DeliveryRefusal.reason)).all()
    assert {each.value for each in refused} == {"outside_window"}


def test_when_the_ids_are_forgotten_a_recorded_push_is_long_refused(hook: Hook, signed_at: datetime) -> None:
    recorded = push(hook, "ev-1", of_stock("A1"), signed_at)
    assert taken(hook, recorded, signed_at)
    late = signed_at + delivery_spans.of_ids(declared()) + SECOND
    delivery_spans.forget(whose(), late)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 0
    for moment in (late, late - SECOND, late + timedelta(days=400)):
        assert not taken(hook, recorded, moment)
    assert effects() == 1


def test_every_repetition_of_the_sender_finds_its_id_still_known(hook: Hook, signed_at: datetime) -> None:
    assert taken(hook, push(hook, "ev-1", of_stock("A1"), signed_at), signed_at)
    last = declared().repeats_for + declared().window
    for after in (timedelta(minutes=1), declared().repeats_for, last):
        delivery_spans.forget(whose(), signed_at + after)
        again = push(hook, "ev-1", of_stock("A1"), signed_at + after)  # Signed anew, as senders do.
        assert taken(hook, again, signed_at + after)
    assert effects() == 1


@pytest.mark.parametrize("key", sorted(integrations.all_integrations()))
def test_ids_outlive_the_window_and_the_repetitions_of_every_integration(key: str) -> None:
    webhook = integrations.get(key).webhook
    if webhook is not None:
        assert delivery_spans.of_ids(webhook) >= max(timedelta(days=30), webhook.window + webhook.repeats_for)


def test_a_memory_that_is_too_short_would_be_seen(
    hook: Hook, signed_at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The known-bad variant: ids that are kept for a day only."""
    monkeypatch.setattr(delivery_spans, "of_ids", lambda webhook: timedelta(days=1))
    with pytest.raises(AssertionError):
        test_every_repetition_of_the_sender_finds_its_id_still_known(hook, signed_at)

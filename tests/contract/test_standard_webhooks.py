"""Standard Webhooks: what is believed and what is not, with signatures made here from the public rule."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from portal.contract.standard_webhooks import verify
from portal.contract.webhooks import Distrust, Push, Reason

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"sixteen bytes or more of it").decode()
OLDER = "whsec_" + base64.b64encode(b"the secret of last month").decode()
BODY = '{"type":"stock.changed","data":{"sku":"SKU/红-01"}}'.encode()


def signed(secret: str = SECRET, body: bytes = BODY, at: datetime = NOW, event_id: str = "msg_1") -> dict[str, str]:
    """The three headers, by the rule as published and nothing of the project."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    stamp = str(int(at.timestamp()))
    made = hmac.new(key, event_id.encode() + b"." + stamp.encode() + b"." + body, hashlib.sha256).digest()
    return {
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(made).decode(),
    }


def refused(headers: dict[str, str], keys: Any = (SECRET,), body: bytes = BODY) -> Reason:
    with pytest.raises(Distrust) as caught:
        verify(Push(headers, body), keys, NOW)
    return caught.value.reason


def test_the_published_example_is_believed() -> None:
    # The worked example that the scheme's own libraries are tested with.
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    push = Push(headers, b'{"test": 2432232314}')
    at = datetime.fromtimestamp(1614265330, UTC)
    believed = verify(push, ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], at)
    assert (believed.event_id, believed.sent_at) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", at)


def test_the_current_and_the_previous_secret_are_tried() -> None:
    assert verify(Push(signed(OLDER), BODY), [SECRET, OLDER], NOW).event_id == "msg_1"
    assert verify(Push(signed(), BODY), [SECRET, OLDER], NOW).sent_at == NOW


def test_one_right_signature_among_others_is_enough() -> None:
    headers = signed()
    headers["webhook-signature"] = "v1a,AAAA v1,AAAA " + headers["webhook-signature"]
    assert verify(Push(headers, BODY), [SECRET], NOW).event_id == "msg_1"


@pytest.mark.parametrize("part", ["webhook-id", "webhook-timestamp"])
def test_everything_that_is_signed_is_held_to(part: str) -> None:
    assert refused(signed() | {part: "17"}) is Reason.WRONG_SIGNATURE
    assert refused(signed(), body=BODY + b" ") is Reason.WRONG_SIGNATURE
    assert refused(signed(OLDER)) is Reason.WRONG_SIGNATURE


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_a_push_of_another_time_is_not_believed(seconds: int) -> None:
    assert refused(signed(at=NOW + timedelta(seconds=seconds))) is Reason.OUTSIDE_WINDOW
    assert verify(Push(signed(at=NOW + timedelta(seconds=299)), BODY), [SECRET], NOW)


def test_what_is_missing_has_its_reason() -> None:
    assert refused({}) is Reason.NO_ID
    assert refused({"webhook-id": "msg_1"}) is Reason.NO_SIGNATURE
    assert refused(signed() | {"webhook-signature": "v2,AAAA"}) is Reason.NO_SIGNATURE
    assert refused(signed(), keys=()) is Reason.NO_KEY
    assert refused(signed(), keys=("", "whsec_", "whsec_not base64")) is Reason.NO_KEY

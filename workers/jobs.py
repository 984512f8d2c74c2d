"""What RQ calls.  It finds the verb for a kind of work and hands over the row; none of it is logic."""

from portal.flows import (
    activation,
    batches,
    bundles,
    cancelling,
    confirming,
    deliveries,
    drift,
    grants,
    letters,
    mailed_notices,
    price_sending,
    push_sending,
    rehearsals,
    relinking,
    routing,
    shipping,
    sync,
    upload_import,
    upload_reading,
    work,
)

VERBS: dict[str, work.Verb] = {
    "activate": activation.activate,
    "sync": sync.run,
    "sync_due": sync.due,
    "renew_token": grants.renew,
    "link_batch": batches.carry_out,
    "delivery": deliveries.apply,
    "delivery_rest": deliveries.rest,
    "read_upload": upload_reading.carry_out,
    "import_upload": upload_import.carry_out,
    "links_changed": relinking.carry_out,
    "parts_changed": bundles.carry_out,
    "push_stock": push_sending.send,
    "push_price": price_sending.send,
    "read_back": drift.read_back,
    "read_back_due": drift.due,
    "rehearse": rehearsals.rehearse,
    "export_look": rehearsals.look,
    "route": routing.carry_out,
    "send_shipment": shipping.send,
    "cancel_shipment": cancelling.cancel,
    "confirm_order": confirming.confirm,
    "letter": letters.send,
    "mail_notices": mailed_notices.send,
}


def drain(lane: str) -> None:
    """Work off a lane for a while; the relay rings again while there is more."""
    work.drain(lane, VERBS)

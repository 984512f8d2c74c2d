"""What RQ calls.  It finds the verb for a kind of work and hands over the row; none of it is logic."""

from portal.flows import activation, batches, deliveries, grants, sync, upload_import, upload_reading, work

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
}


def drain(lane: str) -> None:
    """Work off a lane for a while; the relay rings again while there is more."""
    work.drain(lane, VERBS)

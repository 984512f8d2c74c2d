"""Tables, and what must always hold of their rows."""

from portal.models.audit import AuditNote
from portal.models.catalogue import LinkBatch, LinkHow, LinkState, Listing, Product
from portal.models.connections import Connection, ConnectionState, ConnectLink, GrantAttempt, Logo, Secret
from portal.models.deliveries import Delivery, DeliveryRefusal, DeliveryState
from portal.models.notices import Notice
from portal.models.people import LoginSession, Membership, Merchant, Role, User
from portal.models.stores import Store
from portal.models.sync import Run, RunPage, RunProblem, RunState
from portal.models.uploads import Upload, UploadPart, UploadRow, UploadState, UploadUse
from portal.models.warehouse import Direction, Document, WarehouseStock
from portal.models.work import Work, WorkStatus

__all__ = [
    "AuditNote",
    "ConnectLink",
    "Connection",
    "ConnectionState",
    "Delivery",
    "DeliveryRefusal",
    "DeliveryState",
    "Direction",
    "Document",
    "GrantAttempt",
    "LinkBatch",
    "LinkHow",
    "LinkState",
    "Listing",
    "LoginSession",
    "Logo",
    "Membership",
    "Merchant",
    "Notice",
    "Product",
    "Role",
    "Run",
    "RunPage",
    "RunProblem",
    "RunState",
    "Secret",
    "Store",
    "Upload",
    "UploadPart",
    "UploadRow",
    "UploadState",
    "UploadUse",
    "User",
    "WarehouseStock",
    "Work",
    "WorkStatus",
]

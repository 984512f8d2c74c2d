"""Tables, and what must always hold of their rows."""

from portal.models.audit import AuditNote
from portal.models.catalogue import LinkBatch, LinkHow, LinkState, Listing, Product
from portal.models.connections import Connection, ConnectionState, ConnectLink, GrantAttempt, Logo, Secret
from portal.models.deliveries import Delivery, DeliveryRefusal, DeliveryState
from portal.models.notices import Notice
from portal.models.orders import LEFT, RESERVING, TO_SHIP, Order, OrderEvent, OrderLine
from portal.models.people import LoginSession, Membership, Merchant, Role, User
from portal.models.prices import Price, PricePush
from portal.models.routing import OrderStage, RoutingDecision, Rule, RuleAction
from portal.models.shipping import (
    UNSENT,
    Confirmation,
    ConfirmationState,
    Parcel,
    Shipment,
    ShipmentOrder,
    ShipmentState,
)
from portal.models.stock import (
    BundlePart,
    ExportStage,
    Push,
    Rehearsal,
    RehearsalRow,
    Reservation,
    ReservationState,
    Stock,
    StockMove,
    StockSource,
    StockWhy,
)
from portal.models.stores import Store
from portal.models.sync import Run, RunPage, RunProblem, RunState
from portal.models.uploads import Upload, UploadPart, UploadRow, UploadState, UploadUse
from portal.models.warehouse import Direction, Document, WarehouseStock
from portal.models.work import Work, WorkStatus

__all__ = [
    "LEFT",
    "RESERVING",
    "TO_SHIP",
    "UNSENT",
    "AuditNote",
    "BundlePart",
    "Confirmation",
    "ConfirmationState",
    "ConnectLink",
    "Connection",
    "ConnectionState",
    "Delivery",
    "DeliveryRefusal",
    "DeliveryState",
    "Direction",
    "Document",
    "ExportStage",
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
    "Order",
    "OrderEvent",
    "OrderLine",
    "OrderStage",
    "Parcel",
    "Price",
    "PricePush",
    "Product",
    "Push",
    "Rehearsal",
    "RehearsalRow",
    "Reservation",
    "ReservationState",
    "Role",
    "RoutingDecision",
    "Rule",
    "RuleAction",
    "Run",
    "RunPage",
    "RunProblem",
    "RunState",
    "Secret",
    "Shipment",
    "ShipmentOrder",
    "ShipmentState",
    "Stock",
    "StockMove",
    "StockSource",
    "StockWhy",
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

"""The hand-over: tells the sales agent of every opportunity, at least once.

What is owed stands in an outbox, written by the transaction that creates the opportunity.
"""

from .courier import Courier
from .outbox import HandOver, HandOverState, Outbox
from .webhook import Webhook, open_webhook

__all__ = [
    "Courier",
    "HandOver",
    "HandOverState",
    "Outbox",
    "Webhook",
    "open_webhook",
]

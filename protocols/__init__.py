"""What two parties of a run must agree on: messages, states, specs, outcomes, and the journal.

The names a user meets first; the messages themselves are in `protocols.messages`, the
state machine is in `protocols.states`, the journal in `protocols.journal`.
"""

from .errors import ProtocolError, ProtocolViolation
from .messages import Envelope, Evidence, Message, new_id
from .outcome import Confirmed, Cost, Failed, Outcome, PunchItem, Unverified
from .spec import (
    NOTHING,
    Check,
    Exhibit,
    Judge,
    Schema,
    Spec,
    ToolCall,
    ToolCheck,
    open_questions,
    passes,
    without_each,
)

__all__ = [
    "NOTHING",
    "Check",
    "Confirmed",
    "Cost",
    "Envelope",
    "Evidence",
    "Exhibit",
    "Failed",
    "Judge",
    "Message",
    "Outcome",
    "ProtocolError",
    "ProtocolViolation",
    "PunchItem",
    "Schema",
    "Spec",
    "ToolCall",
    "ToolCheck",
    "Unverified",
    "new_id",
    "open_questions",
    "passes",
    "without_each",
]

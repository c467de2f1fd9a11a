"""Buying evidence from SurfSense: both protocols, what answers mean, and what goes wrong.

`Seller` is the port; `EnrichSeller` and `WorkspaceSeller` speak SurfSense's two protocols over
`http`; `pace` says when a purchase may leave. What is decided about answers is pure:
`evidence`, `runs`, `verbs`, and the functions of `seller`.
"""

from orchestrator.surfsense.account import SurfSenseAccount as SurfSenseAccount
from orchestrator.surfsense.account import Workspace as Workspace
from orchestrator.surfsense.errors import AccessDenied as AccessDenied
from orchestrator.surfsense.errors import AnswerLost as AnswerLost
from orchestrator.surfsense.errors import EnrichmentError as EnrichmentError
from orchestrator.surfsense.errors import MalformedAnswer as MalformedAnswer
from orchestrator.surfsense.errors import NotSent as NotSent
from orchestrator.surfsense.errors import PermanentEnrichmentError as PermanentEnrichmentError
from orchestrator.surfsense.errors import RateLimited as RateLimited
from orchestrator.surfsense.errors import RequestRejected as RequestRejected
from orchestrator.surfsense.errors import RunInterrupted as RunInterrupted
from orchestrator.surfsense.errors import RunUnknown as RunUnknown
from orchestrator.surfsense.errors import ServiceUnavailable as ServiceUnavailable
from orchestrator.surfsense.errors import SourceRefused as SourceRefused
from orchestrator.surfsense.errors import TransientEnrichmentError as TransientEnrichmentError
from orchestrator.surfsense.errors import from_record as from_record
from orchestrator.surfsense.errors import to_record as to_record
from orchestrator.surfsense.evidence import evidence_from as evidence_from
from orchestrator.surfsense.evidence import is_simulated as is_simulated
from orchestrator.surfsense.http import Http as Http
from orchestrator.surfsense.http import Reply as Reply
from orchestrator.surfsense.http import SendGuard as SendGuard
from orchestrator.surfsense.http import guarded as guarded
from orchestrator.surfsense.http import open_http as open_http
from orchestrator.surfsense.http import send_guard as send_guard
from orchestrator.surfsense.pace import Breaker as Breaker
from orchestrator.surfsense.pace import Pace as Pace
from orchestrator.surfsense.pace import PaceState as PaceState
from orchestrator.surfsense.pace import Rate as Rate
from orchestrator.surfsense.pace import Turn as Turn
from orchestrator.surfsense.seller import Accepted as Accepted
from orchestrator.surfsense.seller import Ambiguous as Ambiguous
from orchestrator.surfsense.seller import Answer as Answer
from orchestrator.surfsense.seller import EnrichSeller as EnrichSeller
from orchestrator.surfsense.seller import Found as Found
from orchestrator.surfsense.seller import NotFound as NotFound
from orchestrator.surfsense.seller import Seller as Seller
from orchestrator.surfsense.seller import retry_after_s as retry_after_s
from orchestrator.surfsense.workspace import RunTimeouts as RunTimeouts
from orchestrator.surfsense.workspace import WorkspaceApi as WorkspaceApi
from orchestrator.surfsense.workspace import WorkspaceSeller as WorkspaceSeller

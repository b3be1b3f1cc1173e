"""The localiser: observations, likelihoods, search, explanation. Pure."""

from faultline.inference.document import EvidenceError
from faultline.inference.faults import FAULT_RATES
from faultline.inference.locate import locate

__all__ = ["FAULT_RATES", "EvidenceError", "locate"]

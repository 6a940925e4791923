"""Agents on other machines: where they run, and how what they do stays in the one journal of their manager.

fleet = RayFleet(gpus=0.25)
outcome = Manager(model, workers=fleet.place(shop, clerk)).run_sync(goal)
"""

from __future__ import annotations

from .fleet import CannotTravel, Fleet
from .local import LocalFleet
from .placed import Placed
from .ray_fleet import RayFleet, RayMissing

__all__ = ["CannotTravel", "Fleet", "LocalFleet", "Placed", "RayFleet", "RayMissing"]

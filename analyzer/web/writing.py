"""What may be written over the interface and the page, by whom, and where it goes: wired once, in `analyzer.service`."""

from __future__ import annotations

import attrs
from fastapi import FastAPI

from analyzer.planning.works.desk import PlanDesk
from analyzer.web.attached import add_attached
from analyzer.web.models import Views
from analyzer.web.plan import add_plan_interface, add_plan_page
from analyzer.web.plan_forms import Page, PlanForms
from analyzer.web.plan_impact import LanguageOf, add_impact_page
from faultline.inventory import Inventory
from faultline.inventory.told import Whereabouts
from faultline.runtime.clock import Clock
from faultline.runtime.counters import Counters
from faultline.runtime.tokens import Tokens
from faultline.store.device_events import DeviceEventBook
from faultline.store.line_results import LineResultBook


@attrs.define(kw_only=True)
class Writing:
    """Everything that write calls need."""

    tokens: Tokens
    """Of those who may write."""
    desk: PlanDesk
    events: DeviceEventBook
    results: LineResultBook
    clock: Clock
    whereabouts: Whereabouts
    """Of the inventory in use."""

    def adopt(self, inventory: Inventory) -> None:
        """Go on with another inventory."""
        self.desk.inventory = inventory
        self.whereabouts = Whereabouts(inventory)

    def add_to(self, app: FastAPI, views: Views, page: Page, counters: Counters, language_of: LanguageOf) -> None:
        """All calls and pages."""
        add_plan_interface(app, self.desk, views, self.clock)
        add_plan_page(app, self.desk, views, page=page, clock=self.clock)
        add_impact_page(app, self.desk, page=page, language_of=language_of)
        PlanForms(desk=self.desk, tokens=self.tokens, counters=counters, page=page).add_to(app)
        add_attached(
            app,
            events=self.events,
            results=self.results,
            whereabouts=lambda: self.whereabouts,
            knows=lambda line: line in self.desk.inventory.lines,
            clock=self.clock,
        )

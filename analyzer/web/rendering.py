"""What templates may call: words, numbers and pictures in the reader's language."""

from __future__ import annotations

from datetime import tzinfo

import attrs

from analyzer.web.models import LinePage
from faultline.records.incident import Incident
from faultline.reports import fault, instruments, numbers
from faultline.reports.attached import results_list, told_list
from faultline.reports.evidence import doubts
from faultline.reports.markup import Markup
from faultline.reports.material import FaultMaterial, LineCard, LinePath, Plot
from faultline.reports.mini import session_minis
from faultline.reports.path_figure import path_figure
from faultline.reports.plot import plot_svg
from faultline.reports.sentences import Speaker, verdict_sentence
from faultline.reports.words import Language, say


@attrs.frozen(slots=True, kw_only=True)
class PageTools:
    """One request's language, and everything that depends on it."""

    language: Language
    chosen: bool
    """The reader chose the language in the address: links keep it."""
    paused: bool = False
    """The reader stopped the reloading: links keep that, too."""

    def word(self, key: str, **values: object) -> str:
        """A word of the catalogue."""
        return say(key, self.language, **values)

    def link(self, path: str) -> str:
        """An address within the page that keeps the chosen language, and that the reloading is stopped."""
        return self._address(path, language=self.language if self.chosen else None, paused=self.paused)

    def in_other_language(self, path: str) -> str:
        """The same page in the other language."""
        return self._address(path, language=Language(self.other[0]), paused=self.paused)

    def toggled(self, path: str) -> str:
        """The same page, reloading or not, the other way round."""
        return self._address(path, language=self.language if self.chosen else None, paused=not self.paused)

    @staticmethod
    def _address(path: str, *, language: Language | None, paused: bool) -> str:
        query = [f"lang={language.value}"] if language else []
        query += ["paused=1"] if paused else []
        return f"{path}?{'&'.join(query)}" if query else path

    @property
    def other(self) -> tuple[str, str]:
        """The other language's code and name."""
        return ("zh", "中文") if self.language is Language.EN else ("en", "English")

    def moment(self, time_ns: int, card: LineCard | None = None) -> str:
        """Date and time in the line's zone."""
        return numbers.moment(time_ns, numbers.zone(card.time_zone if card else None))

    def moment_in(self, time_ns: int, tz: tzinfo) -> str:
        """Date and time by a clock."""
        return numbers.moment(time_ns, tz)

    def clock(self, time_ns: int, card: LineCard) -> str:
        """Time of the day in the line's zone."""
        return numbers.clock_time(time_ns, numbers.zone(card.time_zone))

    def span(self, value_ns: int) -> str:
        """How long."""
        return numbers.span(value_ns)

    def ratio(self, value: float) -> str:
        """Per cent."""
        return numbers.ratio(value)

    def duration(self, value_ns: float) -> str:
        """A delay."""
        return numbers.duration(value_ns)

    def rate(self, value: float) -> str:
        """A bit rate."""
        return numbers.rate(value)

    def confidence(self, value: float) -> str:
        """A probability."""
        return numbers.confidence(value)

    def names(self, path: LinePath) -> dict[str, str]:
        """Names of a path's elements."""
        return path.names

    def sentence(self, incident: Incident, names: dict[str, str] | None = None) -> str:
        """An incident's verdict as a sentence."""
        speaker = Speaker(language=self.language, names=names or {})
        return verdict_sentence(speaker, incident.verdict, further=incident.further)

    def _speaker(self, material: FaultMaterial) -> Speaker:
        return fault.speaker_for(self.language, material.path, material.names, fault.zone_of(material))

    def card(self, material: FaultMaterial, level: str = "h2") -> Markup:
        """The verdict card."""
        return fault.verdict_card(self._speaker(material), material, level=level)

    def path(self, material: FaultMaterial) -> Markup:
        """The path with the suspect."""
        return fault.path_of(self._speaker(material), material)

    def sections(self, material: FaultMaterial) -> list[Markup]:
        """Everything below the verdict."""
        return fault.sections(self._speaker(material), material)

    def line_path(self, page: LinePage) -> Markup:
        """A line's path."""
        return path_figure(fault.speaker_for(self.language, page.path), page.path, suspects=page.suspects)

    def line_doubts(self, page: LinePage, incident: Incident) -> Markup | None:
        """What an incident's verdict cannot tell."""
        return doubts(fault.speaker_for(self.language, page.path), incident)

    def sessions(self, page: LinePage) -> Markup:
        """Every test session of a line, both directions."""
        incidents = page.row.incidents
        speaker = fault.speaker_for(self.language, page.path)
        return session_minis(speaker, page.sessions, onset_ns=incidents[0].onset_ns if incidents else None)

    def traces(self, page: LinePage) -> Markup:
        """Newest traces of a line."""
        speaker = fault.speaker_for(self.language, page.path)
        return instruments.traced_table(speaker, page.traces, numbers.zone(page.row.card.time_zone))

    def planned(self, page: LinePage) -> Markup:
        """Declared work on a line."""
        speaker = fault.speaker_for(self.language, page.path)
        return instruments.planned_list(speaker, page.planned, numbers.zone(page.row.card.time_zone), page.now_ns)

    def told(self, page: LinePage) -> Markup:
        """What devices and people told of a line."""
        return told_list(fault.speaker_for(self.language, page.path), page.told, numbers.zone(page.row.card.time_zone))

    def results(self, page: LinePage) -> Markup:
        """What other instruments measured of a line."""
        return results_list(fault.speaker_for(self.language, page.path), page.results, numbers.zone(page.row.card.time_zone))

    def unknowns(self, page: LinePage) -> Markup:
        """What was not measured of a line."""
        speaker = fault.speaker_for(self.language, page.path)
        return instruments.unknowns(speaker, page.path, page.quality, page.dropped)

    def quality(self, page: LinePage) -> Markup:
        """How good a line's instruments were."""
        return instruments.quality_table(fault.speaker_for(self.language, page.path), page.quality)

    def plot(self, plot: Plot, card: LineCard, incident: Incident | None = None) -> Markup:
        """One plot of a line, with the incident's begin marked."""
        onset = (incident.onset_ns, self.word("onset")) if incident else None
        return plot_svg(plot, gap_word=self.word("gap"), tz=numbers.zone(card.time_zone), onset=onset)

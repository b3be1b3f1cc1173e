"""What templates may call: words, numbers and pictures in the reader's language."""

from __future__ import annotations

import attrs

from analyzer.web.models import LinePage
from faultline.records.incident import Incident
from faultline.reports import fault, numbers
from faultline.reports.markup import Markup
from faultline.reports.material import FaultMaterial, LineCard, LinePath, Plot
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

    def word(self, key: str, **values: object) -> str:
        """A word of the catalogue."""
        return say(key, self.language, **values)

    def link(self, path: str) -> str:
        """An address within the page that keeps the chosen language."""
        return f"{path}?lang={self.language.value}" if self.chosen else path

    @property
    def other(self) -> tuple[str, str]:
        """The other language's code and name."""
        return ("zh", "中文") if self.language is Language.EN else ("en", "English")

    def moment(self, time_ns: int, card: LineCard | None = None) -> str:
        """Date and time in the line's zone."""
        return numbers.moment(time_ns, numbers.zone(card.time_zone if card else None))

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
        return fault.speaker_for(self.language, material.path)

    def material_sentence(self, material: FaultMaterial) -> str:
        """An incident's verdict as a sentence, with the path's names."""
        incident = material.incident
        return verdict_sentence(self._speaker(material), incident.verdict, further=incident.further)

    def card(self, material: FaultMaterial) -> Markup:
        """The verdict card."""
        return fault.verdict_card(self._speaker(material), material)

    def path(self, material: FaultMaterial) -> Markup:
        """The path with the suspect."""
        return fault.path_of(self._speaker(material), material)

    def line_path(self, page: LinePage) -> Markup:
        """A line's path."""
        speaker = fault.speaker_for(self.language, page.path)
        return path_figure(speaker, page.path, suspects=page.suspects)

    def evidence(self, material: FaultMaterial, side: str) -> Markup:
        """The evidence table of one side."""
        return fault.evidence_table(self._speaker(material), material, side)

    def alternatives(self, material: FaultMaterial) -> Markup:
        """What else it could be."""
        return fault.alternatives(self._speaker(material), material.incident)

    def timeline(self, material: FaultMaterial) -> Markup:
        """What was said and when."""
        return fault.timeline(self._speaker(material), material)

    def floor(self, material: FaultMaterial) -> Markup:
        """The detection floor."""
        return fault.floor(self._speaker(material), material.incident)

    def quality(self, material: FaultMaterial) -> Markup:
        """Clock and capture."""
        return fault.quality_table(self._speaker(material), material.quality)

    def plots(self, material: FaultMaterial) -> Markup:
        """The incident's plots."""
        return fault.plots(self._speaker(material), material)

    def plot(self, plot: Plot, card: LineCard, incident: Incident | None = None) -> Markup:
        """One plot of a line, with the incident's begin marked."""
        onset = (incident.onset_ns, self.word("onset")) if incident else None
        return plot_svg(plot, gap_word=self.word("gap"), tz=numbers.zone(card.time_zone), onset=onset)

"""The analyzer's configuration: the annotated example is true, and mistakes are named by their key."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import yaml

from analyzer.config import AnalyzerConfig, read_config
from analyzer.notify.syslog_channel import Transport
from faultline.runtime.config import ConfigError, load, structure

EXAMPLE = Path(__file__).resolve().parents[2] / "packaging" / "examples" / "analyzer.yaml"


def test_the_annotated_example_loads_and_names_every_key() -> None:
    """A key that the code has and the example does not would be unknown to its readers."""
    settings = load(EXAMPLE, AnalyzerConfig, root="analyzer")
    assert [target.transport for target in settings.syslog] == [Transport.UDP, Transport.TLS]
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert set(document) == {field.name for field in attrs.fields(AnalyzerConfig)}
    for name in ("store", "evaluation", "incidents", "log"):
        assert set(document[name]) == {field.name for field in attrs.fields(type(getattr(settings, name)))}, name


def test_what_the_example_calls_a_default_is_one() -> None:
    """Values are the defaults unless the comment says otherwise: receivers, address and host name are examples."""
    settings = load(EXAMPLE, AnalyzerConfig, root="analyzer")
    assert (
        attrs.evolve(settings, syslog=(), snmp=(), webhooks=(), mail=(), writers=(), public_url=None, hostname=None)
        == AnalyzerConfig()
    )


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"listn": "x"}, "analyzer.listn: unknown key"),
        ({"listen": "8480"}, "expected HOST:PORT"),
        ({"evaluation": {"spans_s": [60, 20]}}, "rising multiples of 10 s"),
        ({"evaluation": {"spans_s": [15]}}, "rising multiples of 10 s"),
        ({"evaluation": {"spans_s": []}}, "rising multiples of 10 s"),
        ({"incidents": {"raise_needed": 4, "raise_of": 3}}, "analyzer.incidents.raise_needed: 4 is more than raise_of 3"),
        ({"syslog": [{"name": "a", "address": "h:1"}, {"name": "a", "address": "h:2"}]}, "two targets have the same name"),
        ({"writers": [{"name": "a", "token_sha256": "a" * 63}]}, "token_sha256"),
        ({"writers": [{"name": "two words", "token_sha256": "a" * 64}]}, "name"),
        ({"writers": [{"name": n, "token_sha256": "a" * 64} for n in "ab"]}, "two have the same token"),
        ({"writers": [{"name": "a", "token_sha256": d * 64} for d in "ab"]}, "two have the same name"),
        ({"syslog": [{"name": "a", "address": "h:1", "transport": "pigeon"}]}, "'pigeon' is not a valid Transport"),
        ({"language": "fr"}, "'fr' is not a valid Language"),
    ],
)
def test_a_mistake_is_named_by_its_key(document: dict[str, object], problem: str) -> None:
    """The message holds the path or the rule, and the command ends with 2."""
    with pytest.raises(ConfigError) as caught:
        structure(document, AnalyzerConfig, root="analyzer", where="analyzer.yaml")
    assert problem in caught.value.message
    assert caught.value.code == 2


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A folder with its configuration can be moved; absolute paths stay."""
    file = tmp_path / "analyzer.yaml"
    file.write_text(
        "data: own\ninventory: /etc/inventory.yaml\nstore: {data: store, influx: {password_file: pw}}\n"
        "syslog: [{name: a, address: 'h:1', transport: tls, ca: ca.pem}, {name: b, address: 'h:2'}]\n",
        encoding="utf-8",
    )
    settings = read_config(file)
    assert settings.data == tmp_path / "own"
    assert settings.inventory == Path("/etc/inventory.yaml")
    assert settings.store.state_file == tmp_path / "store" / "state.db"
    assert settings.store.influx.password_file == tmp_path / "pw"
    assert [target.ca for target in settings.syslog] == [tmp_path / "ca.pem", None]

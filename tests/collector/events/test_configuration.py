"""What a person writes under `collector.events`: mistakes by their key, paths beside the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import read_config
from faultline.runtime.config import ConfigError


def write(folder: Path, events: str) -> Path:
    """A collector's file."""
    path = folder / "collector.yaml"
    path.write_text(f"inventory: inventory.yaml\nevents: {events}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("events", "key"),
    [
        ("{traps: {listen: nowhere}}", "collector.events.traps.listen"),
        ('{traps: {listen: "127.0.0.1:162"}}', "collector.events.traps.senders"),
        ('{traps: {listen: "127.0.0.1:162", senders: [10.0.0.0/8]}}', "collector.events.traps.users"),
        ("{traps: {senders: [10.0.0.1/8]}}", "collector.events.traps.senders"),
        ("{traps: {users: [{name: a}]}}", "collector.events.traps.users[0].password_file"),
        ("{traps: {users: [{name: a, password_file: x, digest: md5}]}}", "collector.events.traps.users[0].digest"),
        ("{traps: {users: [{name: a, password_file: x}, {name: a, password_file: y}]}}", "collector.events.traps.users"),
        ('{syslog: {udp: "127.0.0.1:514"}}', "collector.events.syslog.senders"),
        ("{alarm_sockets: [{name: a, address: x, user: u, key_file: k}]}", "collector.events.alarm_sockets[0].address"),
        (
            '{alarm_sockets: [{name: a, address: "h:1", user: u, key_file: k, fields: {time_zone: Mars}}]}',
            "collector.events.alarm_sockets[0].fields.time_zone",
        ),
        ("{limits: {sender_per_s: 0}}", "collector.events.limits.sender_per_s"),
        ("{snmp: {}}", "collector.events.snmp"),
    ],
)
def test_mistakes_are_named_by_their_key(tmp_path: Path, events: str, key: str) -> None:
    """Before anything listens."""
    with pytest.raises(ConfigError) as told:
        read_config(write(tmp_path, events))
    assert key in told.value.message


def test_paths_are_beside_the_file(tmp_path: Path) -> None:
    """Rules and secrets, at any depth."""
    config = read_config(
        write(
            tmp_path,
            "{rules: events.yaml, traps: {communities_file: c, users: [{name: a, password_file: p, privacy_password_file: q}]},"
            ' alarm_sockets: [{name: a, address: "h:1", user: u, key_file: k}]}',
        )
    ).events
    (user,) = config.traps.users
    found = [config.rules, config.traps.communities_file, user.password_file, user.privacy_password_file]
    assert [*found, config.alarm_sockets[0].key_file] == [tmp_path / name for name in ("events.yaml", "c", "p", "q", "k")]
    assert config.enabled
    assert not read_config(write(tmp_path, "{}")).events.enabled

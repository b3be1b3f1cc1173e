"""The status page and the JSON interface: server-rendered, no script, one strict content security policy."""

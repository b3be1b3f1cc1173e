"""What devices tell: traps, syslog and a carrier's alarms, from datagrams and connections to events in the state store."""

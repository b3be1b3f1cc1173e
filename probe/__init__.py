"""The probe: on the host. Capture, metering, active sessions, interface counters, spool, export, field tools."""

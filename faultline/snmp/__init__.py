"""SNMP as who hears and who tells need it: BER, messages of v2c and v3, the user-based security model. Octets in, values out."""

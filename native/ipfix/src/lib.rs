//! IPFIX, `NetFlow` v5/v9 and `sFlow` v5, to and from columns.

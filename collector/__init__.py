"""The collector: at the centre. Take in, decode, enrich, roll up, store, archive."""

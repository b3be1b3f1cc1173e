"""The analyzer: the answer. Baselines, evidence, incidents, alarms, reports, pages."""

"""Learns `orchestrator/evidence/data/sector_weights.en.tsv` and measures how right answers are."""

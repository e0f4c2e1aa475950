"""The audit of a whole cache: plan, shards, merge and recheck."""

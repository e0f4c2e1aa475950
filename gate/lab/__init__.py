"""The lab: a small Attic and S3 on this machine, in which the gate is shown every failure it must catch."""

"""The one door for JSON, narinfo and S3 requests. NAR bodies go by libcurl (``gate.observe.nar_bodies``)."""

from gate.net.hosts import HostList, Target, plain_url
from gate.net.http import Http

__all__ = ["HostList", "Http", "Target", "plain_url"]

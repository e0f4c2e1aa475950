from pytest_httpserver import HTTPServer

from gate.clock import SystemClock
from gate.model.basics import Phase, Secret
from gate.net import Http
from gate.observe.s3 import S3
from gate.observe.tofu_state import look


def test_state_and_lock_are_asked_by_head_alone(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/tofu-state/env/terraform.tfstate", method="HEAD").respond_with_data(
        "", 200, {"ETag": '"a3a0"', "x-amz-version-id": "v3", "Last-Modified": "Mon, 23 Nov 2026 23:19:57 GMT"}
    )
    httpserver.expect_request("/tofu-state/env/terraform.tfstate.tflock", method="HEAD").respond_with_data("", 404)
    host = f"{httpserver.host}:{httpserver.port}"
    with Http([host], [host], clock=SystemClock()) as http:
        s3 = S3(httpserver.url_for(""), Secret("keykeykey"), Secret("secretsecret"), "us-east-1", http)
        seen = look(s3, "tofu-state", "env/terraform.tfstate", phase=Phase.POST)
    assert (seen.phase, seen.bucket, seen.key) == (Phase.POST, "tofu-state", "env/terraform.tfstate")
    assert (seen.head.status, seen.head.etag, seen.head.version_id) == (200, '"a3a0"', "v3")
    assert seen.head.last_modified == "Mon, 23 Nov 2026 23:19:57 GMT"
    assert seen.lock.status == 404
    assert [request.method for request, _response in httpserver.log] == ["HEAD", "HEAD"]

"""SurfSense's error envelope, read by tests."""

import httpx


def error_in(response: httpx.Response) -> tuple[int, str, str]:
    """Return status, code and message of an error in SurfSense's envelope."""
    error = response.json()["error"]
    assert error.keys() >= {"request_id", "timestamp", "report_url"}
    assert error["status"] == response.status_code
    return response.status_code, error["code"], error["message"]

"""A short load of all kinds: jobs that succeed, wait, are canceled and refused, polls, previews and pages."""

from system.client import Client, lasting
from system.stack import Stack
from system.wait import until


def run(stack: Stack, jobs: int) -> None:
    """Every job has ended when it returns."""
    client = Client(stack.gateways)
    ended = [client.accepted(seed=seed, n=1 + seed % 2) for seed in range(jobs)]
    shown = client.accepted(**lasting(3))
    client.running(shown)
    until(lambda: client.job(shown)["urls"]["preview"], 20, "a preview")
    client.cancel(shown)
    for job in [*ended, shown]:
        client.ended(job, 90)
        tag = client.request("GET", f"/v1/jobs/{job}").headers["ETag"]
        client.request("GET", f"/v1/jobs/{job}", headers={"If-None-Match": tag})
    assert client.submit(steps=100_000).status_code == 400
    assert client.http.get(f"{stack.gateways[0]}/").is_success
    assert client.http.get(f"{stack.gateways[0]}/jobs/{shown}/card").is_success

"""Two gateways, three workers and the services, each on a machine of its own; what crosses the network is encrypted."""

import os

import pytest

from machines.machines import ROOT, WORKERS, Machines
from system.client import lasting
from system.wait import until


def test_the_machines_share_the_work_and_any_gateway_answers(machines: Machines) -> None:
    client = machines.client()
    jobs = [client.accepted(**lasting(0.5)) for _ in range(9)]
    assert {client.succeeded(job, 60)["worker"] for job in jobs} == set(WORKERS)
    hops = (machines.folder / "nginx" / "access.log").read_text()
    for gateway in ("gateway-1", "gateway-2"):
        assert f"{machines.network.hosts[gateway]}:8080" in hops, "the proxy asked one gateway alone"


def test_who_asks_and_how_is_believed_of_the_proxy(machines: Machines) -> None:
    client = machines.client()
    client.accepted()
    [cookie] = list(client.http.cookies.jar)
    assert cookie.secure, "it came by https"
    refused = client.submit(width=9999)
    assert refused.status_code == 400
    until(
        lambda: (
            f'"client":"{machines.network.hosts["customer"]}"' in machines.log("gateway-1") + machines.log("gateway-2")
        ),
        5,
        "the customer's address is told, not the proxy's",
    )


def test_a_worker_that_is_cut_off_for_a_while_is_done_without(machines: Machines) -> None:
    client = machines.client()
    running = client.accepted(**lasting(6))
    away = client.running(running)["worker"]
    with machines.network.cut_off(away):
        others = [client.succeeded(client.accepted(**lasting(0.3)), 60) for _ in range(4)]
        assert away not in {job["worker"] for job in others}
    client.succeeded(running, 120)
    until(lambda: machines.ready(away), 60, "it is back")


@pytest.mark.skipif(not os.environ.get("LONG"), reason="a minute of waiting: make machines")
def test_the_job_of_a_worker_that_stays_away_is_drawn_by_another(machines: Machines) -> None:
    client = machines.client()
    job = client.accepted(**lasting(5))
    away = client.running(job)["worker"]
    with machines.network.cut_off(away):
        ended = client.succeeded(job, 150)
        assert ended["worker"] != away
        assert ended["attempt"] == 2
    until(lambda: machines.ready(away), 90, "it is back")
    assert client.job(job) == client.job(job) | {"outputs": ended["outputs"], "worker": ended["worker"], "attempt": 2}


def test_who_does_not_know_the_authority_says_so_and_takes_no_work(machines: Machines) -> None:
    ports = {"GATEWAY_ADDR": "0.0.0.0:9080", "GATEWAY_ADMIN_ADDR": "0.0.0.0:9081", "TLS_CA_FILE": ""}
    gateway = machines.start(
        "gateway-1", "stranger", [str(machines.folder / "darkroom-gateway")], machines.of_gateway() | ports
    )
    try:
        until(
            lambda: machines.reasons("gateway-1", 9081).count("certificate signed by unknown authority") == 3,
            20,
            "all three are doubted",
        )
    finally:
        machines.stop(gateway)
    (machines.folder / "stranger").mkdir()
    command = [*machines.worker_command[:-1], "0.0.0.0:9090"]
    own = machines.of_worker("stranger") | {"TLS_CA_FILE": ""}
    worker = machines.start("worker-1", "stranger-worker", command, own, cwd=ROOT / "worker-py")
    try:
        until(
            lambda: machines.reasons("worker-1", 9090).count("CERTIFICATE_VERIFY_FAILED") >= 2,
            40,
            "Redis and S3 are doubted",
        )
        until(
            lambda: "certificate verify failed" in machines.log("stranger-worker").lower(), 20, "the broker is doubted"
        )
    finally:
        machines.stop(worker)

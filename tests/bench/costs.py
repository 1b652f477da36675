"""What Darkroom costs while nothing happens, and what a poll and a job cost.

`make bench` starts a private stack, measures, prints one table.

Memory is VmRSS of the process alone; the supervisor is measured without its engine, which is a child of its own. CPU is
user + system time of the gateway from /proc/PID/stat over the polls of one job that waits or runs, so it holds
everything that the gateway does meanwhile, its janitor included; that of a job is the same over jobs of the simulated model, one picture
of 64 x 64 each, submitted over HTTP and waited for without a poll, in gateway, supervisor, RabbitMQ, Redis and S3. What a job
leaves in Redis is the growth of used_memory by its ended record, sets and idempotency entry.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import time
from pathlib import Path
from typing import Any

import redis

from bench.stack import Stack, private_stack

TICK = os.sysconf("SC_CLK_TCK")


def resident_mb(process: int) -> float:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"process {process} is gone")


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def poll_cost(
    connection: http.client.HTTPConnection, gateway: int, url: str, headers: dict[str, str], polls: int, status: int
) -> float:
    """Milliseconds of gateway CPU per poll; every answer must have the status."""
    before = cpu_seconds(gateway)
    for _ in range(polls):
        connection.request("GET", url, headers=headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != status:
            raise SystemExit(f"a poll was answered {answer.status}, not {status}")
    return (cpu_seconds(gateway) - before) * 1000 / polls


def job_costs(stack: Stack, connection: http.client.HTTPConnection, jobs: int) -> list[tuple[str, str]]:
    """CPU of each part and memory of Redis per job, from submit to end."""
    parts = {
        "gateway": stack.pid("gateway-0", "darkroom-gateway"),
        "supervisor": stack.pid("worker-0", "gunicorn"),
        "RabbitMQ": stack.pid("rabbitmq", "beam"),
        "Redis": stack.pid("redis", "redis-server"),
        "S3": stack.pid("s3", "minio"),
    }
    ledger: Any = redis.Redis.from_url(stack.settings["REDIS_URL"])
    before = {name: cpu_seconds(pid) for name, pid in parts.items()}
    memory, ended = ledger.info("memory")["used_memory"], ledger.zcard("gc")
    connection.request("GET", "/v1/limits")
    answer = connection.getresponse()
    answer.read()
    headers = {"Content-Type": "application/json", "Cookie": answer.headers["Set-Cookie"].split(";")[0]}
    for number in range(jobs):
        order = {"model": "simulated", "prompt": "a red mug", "width": 64, "height": 64, "steps": 1, "seed": number}
        connection.request("POST", "/v1/jobs", json.dumps(order), headers | {"Idempotency-Key": str(number)})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 202:
            raise SystemExit(f"submit was answered {answer.status}")
    while ledger.zcard("gc") < ended + jobs:
        time.sleep(0.2)
    spent = {name: (cpu_seconds(pid) - before[name]) * 1000 / jobs for name, pid in parts.items()}
    kept = (ledger.info("memory")["used_memory"] - memory) / jobs / 1000
    return [
        *((f"a job, {name}", f"{cost:.2f} ms CPU") for name, cost in spent.items()),
        ("an ended job in Redis", f"{kept:.1f} kB"),
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--polls", type=int, default=5000)
    arguments.add_argument("--jobs", type=int, default=500)
    chosen = arguments.parse_args()
    polls = chosen.polls
    with private_stack(WORKER_ENGINE="simulated", WORKER_MODELS="simulated") as stack:
        gateway = stack.pid("gateway-0", "darkroom-gateway")
        supervisor = stack.pid("worker-0", "gunicorn")
        time.sleep(10)  # what is measured is idleness: nothing else to wait for
        rows = [
            ("idle gateway, RSS", f"{resident_mb(gateway):.1f} MB"),
            ("idle supervisor without its engine, RSS", f"{resident_mb(supervisor):.1f} MB"),
        ]

        connection = http.client.HTTPConnection(stack.settings["GATEWAY_ADDR"], timeout=30)

        def submit(body: dict[str, object], cookie: str = "") -> tuple[str, str]:
            headers = {"Content-Type": "application/json"} | ({"Cookie": cookie} if cookie else {})
            connection.request("POST", "/v1/jobs", json.dumps(body), headers)
            answer = connection.getresponse()
            job = json.loads(answer.read())
            if answer.status != 202:
                raise SystemExit(f"submit was answered {answer.status}: {job}")
            return f"/v1/jobs/{job['id']}", cookie or answer.headers["Set-Cookie"].split(";")[0]

        rows += job_costs(stack, connection, chosen.jobs)

        long = {"model": "simulated", "prompt": "a red mug", "steps": 100, "metadata": {"step_ms": "10000"}}
        _, cookie = submit(long)
        waiting, _ = submit(long, cookie)
        headers = {"Cookie": cookie}
        redis_server = stack.pid("redis", "redis-server")
        before = cpu_seconds(redis_server)
        rows.append(
            ("poll of a pending job, 200", f"{poll_cost(connection, gateway, waiting, headers, polls, 200):.3f} ms CPU")
        )
        rows.append(("the same, Redis", f"{(cpu_seconds(redis_server) - before) * 1000 / polls:.3f} ms CPU"))
        connection.request("GET", waiting, headers=headers)
        answer = connection.getresponse()
        answer.read()
        headers["If-None-Match"] = answer.headers["ETag"]
        rows.append(
            ("poll of a pending job, 304", f"{poll_cost(connection, gateway, waiting, headers, polls, 304):.3f} ms CPU")
        )
        rows.append((f"gateway after {2 * polls} polls, RSS", f"{resident_mb(gateway):.1f} MB"))
    for name, value in rows:
        print(f"{name:45} {value:>15}")


if __name__ == "__main__":
    main()

"""From a request to a picture, and what the answers say on the way."""

import io

from PIL import Image

from system.client import Client, lasting
from system.wait import until


def test_a_submitted_job_becomes_a_picture(client: Client) -> None:
    response = client.submit(prompt="a green glass bottle", seed=7)
    assert response.status_code == 202
    job = response.json()
    assert response.headers["Location"] == job["urls"]["self"] == f"/v1/jobs/{job['id']}"
    assert int(response.headers["Retry-After"]) >= 1
    assert (job["status"], job["effective"]["seed"], job["seed_drawn"]) == ("queued", 7, False)

    ended = client.succeeded(job["id"])
    assert ended["input"] == {"prompt": "a green glass bottle", "seed": 7}
    assert (ended["attempt"], ended["simulated"], ended["error"]) == (1, True, None)
    assert all(ended["metrics"][name] is not None for name in ended["metrics"])
    picture = Image.open(io.BytesIO(client.picture(ended["outputs"][0])))
    assert (picture.format, picture.size) == ("PNG", (64, 64))
    assert "Seed: 7" in picture.info["parameters"]


def test_a_job_of_several_pictures_records_a_seed_for_each(client: Client) -> None:
    ended = client.succeeded(client.accepted(seed=40, n=3, format="webp"))
    assert [output["seed"] for output in ended["outputs"]] == [40, 41, 42]
    assert {output["content_type"] for output in ended["outputs"]} == {"image/webp"}
    assert len({output["sha256"] for output in ended["outputs"]}) == 3


def test_the_recorded_seed_gives_the_same_picture_again(client: Client) -> None:
    first = client.succeeded(client.accepted(n=2))
    assert first["seed_drawn"]
    second = client.succeeded(client.accepted(seed=first["outputs"][1]["seed"]))
    pictures = [
        Image.open(io.BytesIO(client.picture(output))) for output in (first["outputs"][1], second["outputs"][0])
    ]
    assert pictures[0].tobytes() == pictures[1].tobytes()


def test_a_caller_may_wait_for_the_end(client: Client) -> None:
    response = client.request("POST", "/v1/jobs", json={"prompt": "a red mug"}, headers={"Prefer": "wait=20"})
    assert response.status_code == 200
    assert response.json()["status"] == "succeeded"
    assert "Retry-After" not in response.headers


def test_a_poll_that_knows_the_answer_costs_no_body(client: Client) -> None:
    job = client.accepted(**lasting(5))
    client.running(job)
    client.cancel(job)
    response = client.request("GET", f"/v1/jobs/{job}")
    again = client.request("GET", f"/v1/jobs/{job}", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == response.headers["ETag"]


def test_progress_moves_and_a_preview_appears(client: Client) -> None:
    job = client.accepted(**lasting(4))
    first = client.running(job)["progress"]["step"]
    later = until(lambda: (seen := client.job(job))["progress"]["step"] > first and seen, 10, "a further step")
    assert 0 < later["progress"]["value"] < 1
    url = until(lambda: client.job(job)["urls"]["preview"], 10, "a preview")
    preview = client.request("GET", url)
    assert (preview.status_code, preview.headers["Content-Type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(preview.content)).format == "JPEG"
    client.cancel(job)


def test_the_list_shows_my_jobs_newest_first_and_nobody_elses(
    client: Client, stack_clients: tuple[Client, Client]
) -> None:
    stranger, _ = stack_clients
    stranger.accepted()
    mine = [client.accepted() for _ in range(3)]
    page = client.request("GET", "/v1/jobs?limit=2").json()
    assert ([job["id"] for job in page["jobs"]], page["total"]) == ([mine[2], mine[1]], 3)
    rest = client.request("GET", "/v1/jobs", params={"limit": 2, "cursor": page["next"]}).json()
    assert ([job["id"] for job in rest["jobs"]], rest["next"]) == ([mine[0]], "")


def test_a_part_of_a_picture_can_be_asked_for(client: Client) -> None:
    output = client.succeeded(client.accepted())["outputs"][0]
    whole = client.picture(output)
    part = client.request("GET", output["url"], headers={"Range": "bytes=8-15"})
    assert (part.status_code, part.content) == (206, whole[8:16])
    known = client.request("GET", output["url"], headers={"If-None-Match": part.headers["ETag"]})
    assert known.status_code == 304


def test_a_dry_run_runs_nothing(client: Client) -> None:
    response = client.request("POST", "/v1/jobs?dry_run=true", json={"product": "a red mug", "preset": "studio"})
    assert response.status_code == 200
    assert response.json()["effective"]["prompt"].startswith("a commercial studio photo of a red mug")
    assert client.request("GET", "/v1/jobs").json()["total"] == 0


def test_either_gateway_shows_the_same_job(client: Client) -> None:
    job = client.accepted()
    ended = client.succeeded(job)
    assert client.job(job, gateway=1) == ended
    assert client.picture(ended["outputs"][0], gateway=1) == client.picture(ended["outputs"][0], gateway=0)

"""Scripts, their table in contract/README.md, their ARGV lines, and the Promela model name the same things."""

import json
import re

import pytest

from contract.scripts import CONTRACT, LUA, names

README = (CONTRACT / "README.md").read_text()


def table_rows() -> dict[str, str]:
    """Script name -> its whole row; `a` / `b` rows count for both."""
    table = README.split("| script | ARGV | answers |")[1].split("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return {name: row for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def answers(script: str) -> set[str]:
    """The words in capitals that a script can answer."""
    return set(re.findall(r"(?:return \{|return answer\()'([A-Z]+)'", (LUA / f"{script}.lua").read_text()))


def test_the_readmes_table_names_every_script_and_no_other() -> None:
    assert set(table_rows()) == names()


@pytest.mark.parametrize("script", sorted(names()))
def test_the_table_names_every_answer_of(script: str) -> None:
    told = set(re.findall(r"\b[A-Z]{2,}\b", table_rows()[script].split("|", 3)[3]))
    assert answers(script) - told == set()


@pytest.mark.parametrize("script", sorted(names()))
def test_the_table_and_the_first_line_agree_on_the_number_of_arguments_of(script: str) -> None:
    text = (LUA / f"{script}.lua").read_text()
    first = text.splitlines()[0]
    assert first.startswith("-- ARGV: ")
    without_notes = re.sub(r"\([^)]*\)", "", first.removeprefix("-- ARGV: "))
    in_table = re.sub(r"\([^)]*\)", "", re.split(r"(?<!\\)\|", table_rows()[script])[2])
    count = len(without_notes.split(","))
    assert count == len(in_table.split(","))
    assert max(int(n) for n in re.findall(r"ARGV\[(\d+)\]", text)) == count


def test_the_promela_model_names_every_script() -> None:
    models = sorted((CONTRACT / "model").rglob("*.pml"))
    acts = {act for model in models for act in re.findall(r"^inline (\w+)\(", model.read_text(), re.MULTILINE)}
    assert names() - acts == set()


def test_the_topology_names_a_declared_exchange_everywhere() -> None:
    topology = json.loads((CONTRACT / "topology.json").read_text())
    declared = {exchange["name"] for exchange in topology["exchanges"]}
    queues = [topology["work_queue"], topology["dead_queue"], *topology["delay_queues"]]
    used = {queue["exchange"] for queue in queues}
    used |= {
        topology["work_queue"]["arguments"]["x-dead-letter-exchange"],
        topology["delay_arguments"]["x-dead-letter-exchange"],
    }
    assert used == declared

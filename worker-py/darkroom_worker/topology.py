"""The names of exchanges and queues, as contract/topology.json has them, and how both halves declare them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aio_pika.abc import AbstractChannel


class Topology:
    """Read once from the contract."""

    def __init__(self, contract: Path) -> None:
        self._plan: dict[str, Any] = json.loads((contract / "topology.json").read_text())
        self.message_type: str = self._plan["message_type"]
        self.dead_exchange: str = self._plan["dead_queue"]["exchange"]
        self._work_queue: str = self._plan["work_queue"]["name"]
        self._delays: list[tuple[int, str]] = sorted(
            (queue["delay_ms"], queue["exchange"]) for queue in self._plan["delay_queues"]
        )

    def queue(self, model: str) -> str:
        return self._work_queue.replace("{model}", model)

    def delay_exchange(self, wait_ms: int) -> str:
        """The shortest delay that is long enough, or the longest there is."""
        return next((name for delay, name in self._delays if delay >= wait_ms), self._delays[-1][1])

    async def declare(self, channel: AbstractChannel, models: Iterable[str]) -> None:
        """Makes whatever is missing. Raises an AMQP error when something is there with other arguments."""
        for exchange in self._plan["exchanges"]:
            await channel.declare_exchange(exchange["name"], exchange["type"], durable=True)
        dead = self._plan["dead_queue"]
        await self._bind(channel, dead["name"], dead["arguments"], dead["exchange"], "")
        for delay in self._plan["delay_queues"]:
            arguments = dict(self._plan["delay_arguments"])
            arguments["x-message-ttl"] = delay["delay_ms"]
            await self._bind(channel, delay["name"], arguments, delay["exchange"], "")
        work = self._plan["work_queue"]
        for model in models:
            key = work["routing_key"].replace("{model}", model)
            await self._bind(channel, self.queue(model), work["arguments"], work["exchange"], key)

    @staticmethod
    async def _bind(channel: AbstractChannel, name: str, arguments: dict[str, Any], exchange: str, key: str) -> None:
        queue = await channel.declare_queue(name, durable=True, arguments=arguments)
        await queue.bind(exchange, key)

"""A Flower grid without Flower's programs: messages go straight to functions of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flwr.app import Context, Message, RecordDict
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

Serve = Callable[[Message, Context], Message]


@dataclass
class Node:
    """A SuperNode: what serves it, its configuration, and what its run remembers."""

    serve: Serve
    config: dict[str, str | int]
    run_config: dict[str, str | int | bool] = field(default_factory=dict)
    silent: bool = False
    context: Context | None = None
    received: list[Message] = field(default_factory=list)

    def answer(self, identifier: int, message: Message) -> Message | None:
        if self.context is None:
            self.context = Context(1, identifier, dict(self.config), RecordDict(), self.run_config)
        if self.silent:
            return None
        self.received.append(message)
        return self.serve(message, self.context)


class StubGrid(Grid):
    """Delivers at once, and holds replies until they are pulled."""

    def __init__(self, nodes: dict[int, Node]) -> None:
        self.members = nodes
        # Messages name the task that makes them, which Flower's programs set.
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = 1, 1, 1
        self._replies: dict[str, Message] = {}
        self._count = 0

    def set_run(self, run: Run) -> None:
        raise NotImplementedError

    @property
    def run(self) -> Run:
        raise NotImplementedError

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        return list(self.members)

    def get_nodes(self) -> Iterable[NodeInfo]:
        return [NodeInfo(node_id=node, registered_at=f"{node:09d}") for node in self.members]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        identifiers = []
        for message in messages:
            self._count += 1
            identifier = f"message-{self._count}"
            facts = message.metadata.__dict__
            facts["_message_id"] = identifier
            node = message.metadata.dst_node_id
            reply = self.members[node].answer(node, message)
            if reply is not None:
                self._replies[identifier] = reply
            identifiers.append(identifier)
        return identifiers

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        return [self._replies.pop(i) for i in list(message_ids) if i in self._replies]

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        raise NotImplementedError

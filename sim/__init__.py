"""Whole rounds on one machine, over real sockets and separate processes.

``cefed demo`` and ``cefed sim run`` start a coordinator, the trustees and node processes, run one
round for each cohort of a record set, and write what an authority would see. In reality the roles
belong to different organisations; here one machine plays all of them, and the output says so.

Modules in dependency order: errors, settings, deviation, processes, progress, worker, people,
plain, ceremony, board, nodes, orchestrate, output, runner, profiles, cli.
"""

from protocols.service import tls13 as tls13  # before anything here imports grpc

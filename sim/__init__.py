"""Whole rounds on one machine, over real sockets and separate processes.

``cefed demo`` and ``cefed sim run`` start a coordinator, the trustees and node processes, run one
round for each cohort of a record set, and write what an authority would see. In reality the roles
belong to different organisations; here one machine plays all of them, and the output says so.

Modules in dependency order: errors, faults, settings, deviation, processes, progress, misconduct,
visits, nodes, worker, costs, people, plans, population, plain, ceremony, board, liar, orchestrate,
flower, flower_figures, flower_pool, flower_rounds, output, summary, writing, trusteed, totals,
runner, profiles, watching, bench_engine, bench_nodes, cli.
"""

from protocols.service import tls13 as tls13  # before anything here imports grpc

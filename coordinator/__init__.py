"""The coordinator: the platform operator's side of a round.

It collects sealed contributions, relays between trustees and publishes releases; it holds no share
of a key and sees no value that the release policy did not let through. In order of dependence:

- rounds: `errors`, `schema`, `migrations`, `database`, `store`, `states`, `rounds`, `desk`,
  `metrics`, `writer`, `proofs`, `peers`, `board`;
- who may speak: `registry_schema`, `registry_rows`, `admission`, `registry`;
- the process: `settings`, `limits`, `telemetry`, `guard`, `service`, `server`, `folder`, `process`;
- the operator: `checking`, `status`, `operator`, `roundfiles`, `synthetic`, `rehearsal`, `export`,
  `cli_common`, `cli_members`, `cli_trustees`, `cli_rounds`, `cli`;
- the report: `nodes` and `documents` (reading a release), `choices` (strategies over bands),
  `targets`, `figures`, `reasons`, `texts`, `svg`, `charts`, `tables`, `sections`,
  `closing_sections`, `report` (the bilingual page).
"""

# Before anything here imports grpc: it reads what TLS may do when it is imported.
from protocols.service import tls13 as tls13

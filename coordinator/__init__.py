"""The coordinator: the platform operator's side of a round.

It collects sealed contributions, relays between trustees and publishes releases; it holds no share
of a key and sees no value that the release policy did not let through. In order of dependence:

- rounds: `errors`, `schema`, `migrations`, `database`, `transactions`, `store`, `states`,
  `masking`, `rounds`, `desk`, `metrics`, `answers`, `batches`, `writer`, `intake`, `proofs`,
  `history`, `earlier`, `clerk`, `outcomes`, `peers`, `board`;
- rounds without trustees: `totals_journal`, `totals`, `flower`;
- who may speak: `registry_schema`, `registry_rows`, `admission`, `registry`;
- the process: `settings`, `limits`, `patience`, `lanes`, `telemetry`, `guard`, `health`, `service`,
  `loop`, `server`, `folder`, `process`;
- the operator: `checking`, `status`, `operator`, `roundfiles`, `synthetic`, `deciding`,
  `rehearsal`, `profile_costs`, `export`, `cli_common`, `cli_members`, `cli_departures`,
  `cli_trustees`, `cli_rounds`, `cli`;
- the report: `nodes` and `documents` (reading a release), `choices` (strategies over bands),
  `targets`, `figures`, `reasons`, `texts`, `svg`, `charts`, `tables`, `coverage`, `sections`,
  `closing_sections`, `profile_section`, `table_section`, `report` (the bilingual page).
"""

# Before anything here imports grpc: it reads what TLS may do when it is imported.
from protocols.service import tls13 as tls13

"""A trustee: holder of one key share, who opens only what it has checked itself.

It dials out only, knows :mod:`protocols` and nothing of carbon. Modules, in order of dependence:
`errors`; `chain`, `ledger` and `votes` (what it signed, and saw others sign); `agreement`,
`limits`, `rosters`, `membership` and `refusals` (what it asks of a round); `record`, `exchange` and
`duties` (what it owes a round, without a socket); `folder` and `ceremonies` (its files); `client`,
`startup`, `peers`, `notary`, `metrics` and `service` (the process); `settings`, `check`, `options`
and `cli` (its commands). The dealer has `words`, `dealing`, `protocol`, `forgetting` and
`ceremony_cli`.
"""

from protocols.service import tls13 as tls13

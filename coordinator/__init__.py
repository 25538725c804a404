"""The coordinator: the platform operator's side of a round.

It collects sealed contributions, relays between trustees and publishes releases; it holds no key
and sees no value that the release policy did not let through. The
report's modules, in order of dependence: `errors`, `nodes` and `documents` (reading a release),
`choices` (strategies over bands), `targets`, `figures`, `texts`, `svg`, `charts`, `tables`,
`sections`, `closing_sections`, `report` (the bilingual page).
"""

"""Energy and carbon accounting of an enterprise, and Models I to IV of the regional method.

The package turns activity records (a CSV file and a TOML mapping) into named measures: exact
fractions, each rounded once to an integer in a stated unit. It knows kWh and kgCO2 and nothing of
cryptography or transport. `docs/accounting.md` describes the mapping file and the models.

Modules in dependency order: errors, findings, hints, units, factors, factor_files, combustion,
energy, emissions, cells, records, mapping_model, mapping, chosen_factors, forms, rows, checks,
measures, plants; and, on plain numbers, cei, cef, strategies, grade, intensity.
"""

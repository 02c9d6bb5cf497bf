"""Parsing the typed attributes of a row by the declaration of its credential type."""

from collections.abc import Mapping, Sequence

from licet_chassis.errors import Invalid
from licet_chassis.office.typed import plain
from licet_credentials.imports.deciding.matching import MatchingState
from licet_credentials.imports.formats.cells import CellFormats
from licet_credentials.imports.model import RowError, RowOutcome, RowResult
from licet_credentials.imports.rows import Columns, SourceRow
from licet_credentials.types.attributes import attribute_from_text, checked_attributes
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import AttributeValue, DeclaredAttribute


def rows_with_valid_attributes(
    rows: Sequence[SourceRow], rules: CredentialType, matching: MatchingState
) -> list[SourceRow]:
    """Return the rows whose attributes fit the type's declaration; reject the others with every error."""
    if not rules.attributes and not any(row.credential.attributes for row in rows):
        return list(rows)
    valid = []
    for row in rows:
        errors = _attribute_errors(row, rules, matching.rules.columns, matching.rules.formats)
        if errors:
            matching.results[row.line] = RowResult(row.line, RowOutcome.REJECTED, tuple(errors))
        else:
            valid.append(row)
    return valid


def _attribute_errors(
    row: SourceRow, rules: CredentialType, columns: Columns, formats: CellFormats
) -> list[RowError]:
    declared = {attribute.name: attribute for attribute in rules.attributes}
    errors: list[RowError] = []
    values: dict[str, AttributeValue] = {}
    for name, column, text in row.credential.attributes:
        try:
            if name not in declared:
                checked_attributes(rules.attributes, {name: text})
            values[name] = _value_of(declared[name], text, formats)
        except Invalid as error:
            errors.append(RowError(column, plain(text), error.detail))
        except ValueError as error:
            errors.append(RowError(column, plain(text), f"the attribute {name} {error}"))
    if not errors:
        try:
            checked_attributes(rules.attributes, values)
        except Invalid as error:
            errors.append(RowError(columns.type, row.credential.type_code, error.detail))
    return errors


def attributes_of(
    row: SourceRow, rules: CredentialType, formats: CellFormats
) -> Mapping[str, AttributeValue]:
    """Return the attributes of a row that `rows_with_valid_attributes` accepted."""
    if not row.credential.attributes:
        return {}
    declared = {attribute.name: attribute for attribute in rules.attributes}
    return checked_attributes(
        rules.attributes,
        {name: _value_of(declared[name], text, formats) for name, _, text in row.credential.attributes},
    )


def _value_of(declared: DeclaredAttribute, text: str, formats: CellFormats) -> AttributeValue:
    return attribute_from_text(declared, formats.attribute(declared.kind, text))

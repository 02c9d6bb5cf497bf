"""Typed attributes of a credential, from the texts of a row."""

from collections.abc import Mapping, Sequence

from licet_chassis.errors import Invalid
from licet_credentials.imports.model import Columns, Outcome, RowError, RowResult, SourceRow
from licet_credentials.imports.sorting import Sorting
from licet_credentials.types.attributes import attribute_from_text, checked_attributes
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import AttributeValue


def good_rows(rows: Sequence[SourceRow], rules: CredentialType, work: Sorting) -> list[SourceRow]:
    """Return the rows whose attributes are what the type declares; the others are told, with each error."""
    if not rules.attributes and not any(row.credential.attributes for row in rows):
        return list(rows)
    good = []
    for row in rows:
        errors = _attribute_errors(row, rules, work.ruling.columns)
        if errors:
            work.results[row.line] = RowResult(row.line, Outcome.REJECTED, tuple(errors))
        else:
            good.append(row)
    return good


def _attribute_errors(row: SourceRow, rules: CredentialType, columns: Columns) -> list[RowError]:
    declared = {attribute.name: attribute for attribute in rules.attributes}
    errors: list[RowError] = []
    values: dict[str, AttributeValue] = {}
    for name, column, text in row.credential.attributes:
        try:
            if name not in declared:
                checked_attributes(rules.attributes, {name: text})
            values[name] = attribute_from_text(declared[name], text)
        except Invalid as error:
            errors.append(RowError(column, text, error.detail))
    if not errors:
        try:
            checked_attributes(rules.attributes, values)
        except Invalid as error:
            errors.append(RowError(columns.type, row.credential.type_code, error.detail))
    return errors


def attributes_of(row: SourceRow, rules: CredentialType) -> Mapping[str, AttributeValue]:
    """Return what a good row says of the attributes that the type declares."""
    if not row.credential.attributes:
        return {}
    declared = {attribute.name: attribute for attribute in rules.attributes}
    return checked_attributes(
        rules.attributes,
        {name: attribute_from_text(declared[name], text) for name, _, text in row.credential.attributes},
    )

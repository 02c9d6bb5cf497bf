"""The texts of the mail about shifts at risk."""

from pathlib import Path

from licet_notifier.mail.templates import MailTemplate, load_templates

_NAME = "shift.at_risk.v1"


def load_template() -> MailTemplate:
    """Return the template of the mail; raises `TemplateFailed` if it does not compile."""
    return load_templates(Path(__file__).parent / "texts")[_NAME]

"""The mail server's own trouble: it pauses the sending, and is reported once."""

import time

from prometheus_client import Counter, Gauge

from licet_chassis.backoff import Backoff
from licet_chassis.outage import Outage
from licet_chassis.telemetry import clean_text
from licet_notifier.mail.answers import Answer, Stage

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
_refusals = Counter(
    "licet_mail_server_refusals_total", "Answers of the mail server that refuse all mails, by step", ["stage"]
)
_present = Gauge("licet_mail_server_trouble", "1 while the mail server refuses all mails, by step", ["stage"])


class ServerTrouble:
    """Whether sending is paused because the server takes no mail of ours, and what it said."""

    def __init__(
        self, server: str, *, first_pause: float = FIRST_PAUSE, longest_pause: float = LONGEST_PAUSE
    ) -> None:
        """`server` is its host and port; pauses are in seconds."""
        self._server = server
        self._backoff = Backoff(first_pause, longest_pause)
        self._outage = Outage("licet.mail", "mail.server_trouble")
        self._until = 0.0
        self.refusals = 0
        self.answer: Answer | None = None
        """What the server said last; `None` while it takes mails."""

    @property
    def paused(self) -> bool:
        """Whether no mail is to be begun now."""
        return self.answer is not None and time.monotonic() < self._until

    def occurred(self, answer: Answer) -> None:
        """Pause the sending, for longer each time until a mail is taken."""
        _refusals.labels(answer.stage).inc()
        self.refusals += 1
        was_paused = self.paused
        if self.answer is None or self.answer.stage is not answer.stage:
            _clear()
            _present.labels(answer.stage).set(1)
        self.answer = answer
        if was_paused:
            return  # The other connections met the same.
        pause = self._backoff.next()
        self._until = time.monotonic() + pause
        self._outage.failed(
            f"{answer.stage} {answer.code or 'no answer'}",
            server=self._server,
            answer=str(answer),
            retry_in=round(pause, 1),
        )

    def over(self) -> None:
        """Send again: the server has taken a mail, or a conversation up to one."""
        self._backoff.reset()
        self._outage.over()
        if self.answer is not None:
            self.answer = None
            _clear()

    def describe(self) -> str | None:
        """Return a sentence for `/readyz`, without addresses; `None` while the server takes mails."""
        if self.answer is None:
            return None
        said = clean_text(str(self.answer))
        return f"the mail server {self._server} takes no mail, sending is paused: {said}"


def _clear() -> None:
    for stage in Stage:
        _present.labels(stage).set(0)

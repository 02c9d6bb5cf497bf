"""An outage is a few lines in the log, however many failures it has."""

from structlog.testing import capture_logs

from licet_chassis.outage import Outage


def test_an_outage_is_logged_once_for_each_kind_with_counts_at_its_end():
    outage = Outage("licet.test", "test.away")
    with capture_logs() as logs:
        for _ in range(10_000):
            outage.failed("ConnectionRefusedError", exc_info=ConnectionRefusedError())
        outage.failed("TimeoutError", detail="too slow")
        outage.over()
        outage.over()
    assert [log["event"] for log in logs] == ["test.away", "test.away", "test.away_over"]
    assert "exc_info" in logs[0]
    assert (logs[1]["error"], logs[1]["failures"], logs[1]["detail"]) == ("TimeoutError", 10_001, "too slow")
    assert logs[2]["failures"] == 10_001


def test_a_long_one_is_brought_to_mind_and_the_next_is_another():
    outage = Outage("licet.test", "test.away", remind_every=0)
    with capture_logs() as logs:
        for _ in range(3):
            outage.failed("OSError")
    assert len(logs) == 3
    outage.over()
    with capture_logs() as logs:
        outage.failed("OSError")
    assert "failures" not in logs[0]

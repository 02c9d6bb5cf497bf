from licet_chassis.backoff import Backoff


def test_pauses_double_up_to_the_bound_and_begin_anew_after_a_success():
    backoff = Backoff(1.0, 10.0)
    pauses = [backoff.next() for _ in range(100)]
    for pause, full in zip(pauses, [1.0, 2.0, 4.0, 8.0] + [10.0] * 96, strict=True):
        assert 0.75 * full <= pause <= full
    backoff.reset()
    assert backoff.next() <= 1.0

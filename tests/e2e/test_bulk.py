"""`licet bulk`: one action on many credentials, tried first, with a report for each."""

import csv


def lines(path):
    with path.open(newline="") as report:
        return {row["credential_id"]: row for row in csv.DictReader(report)}


def test_a_bulk_renewal_does_what_its_dry_run_reported(run, cli, world, tag, tmp_path):
    world.type(f"type-{tag}", ladder=[5])
    ana = world.holder(f"Ana {tag}")
    held = [
        world.credential(ana, f"type-{tag}", number=f"B-{number}-{tag}", expires_on=world.day(10))
        for number in range(3)
    ]
    world.act(held[1], "revoke", reason="fraud")
    world.quiet()
    until = world.day(300)
    asked = ["bulk", "renew", "--where", f"type=type-{tag}", "--expires-on", until]

    tried = run.cli(*asked, "--dry-run", "--report", "tried.csv", cwd=tmp_path)
    assert tried.code == 1
    assert "It would be: 3 credentials, 2 done, 1 refused" in tried.out
    assert world.shown(held[0])["expires_on"] == world.day(10)
    done = run.cli(*asked, "--report", "done.csv", cwd=tmp_path)
    assert done.code == 1
    assert "1 of 3 were not done; done.csv says which and why." in done.err
    told = lines(tmp_path / "done.csv")
    assert told == lines(tmp_path / "tried.csv")
    assert {told[each["id"]]["outcome"] for each in (held[0], held[2])} == {"done"}
    assert "final" in told[held[1]["id"]]["detail"]
    assert world.shown(held[0])["expires_on"] == until

    voided = run.cli(
        "bulk", "void", "--id", held[2]["id"], "--reason", "entered_twice", "--json", cwd=tmp_path
    )
    job = voided.good().json
    assert (job["state"], job["counts"]["done"]) == ("finished", 1)
    assert cli("bulk", "show", job["id"], "--json").good().json == job
    assert cli("bulk", "list", "--json").good().json["items"][0]["id"] == job["id"]


def test_an_ambiguous_bulk_action_is_refused(cli):
    asked = ("bulk", "void", "--reason", "entered_twice")
    for wrong, told in (
        ((), "either --where NAME=VALUE or --id ID"),
        (("--where", "team=red", "--id", "x"), "either --where NAME=VALUE or --id ID"),
        (("--where", "team"), "'team' is no condition"),
        (("--where", "team=red", "--where", "team=blue"), "team is said twice"),
    ):
        outcome = cli(*asked, *wrong)
        assert (outcome.code, told in outcome.err) == (2, True), outcome
    unknown = cli(*asked, "--where", "colour=red")
    assert unknown.code == 1
    assert "colour" in unknown.err

"""`licet audit verify` trusts a signature of the deployment and nothing else."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from licet_certifications.audits.signing import ResultSigner
from licet_cli.commands.audit import app

SIGNER = ResultSigner.generate()
RESULT = {
    "audit": {"name": "Q4", "closed_at": "2026-12-31T10:00:00Z", "closed_by": "user:ada"},
    "counts": {"items": 2, "open": 0, "confirmed": 2, "corrected": 0, "not_verifiable": 0},
    "items": [],
}


def verify(folder: Path, jws: str, keys: object) -> Result:
    (folder / "result.jws").write_text(jws)
    (folder / "keys.json").write_text(keys if isinstance(keys, str) else json.dumps(keys))
    return CliRunner().invoke(
        app, ["verify", str(folder / "result.jws"), "--keys", str(folder / "keys.json")]
    )


def test_a_result_signed_by_the_deployment_is_valid(tmp_path: Path):
    done = verify(tmp_path, SIGNER.sign(RESULT).jws + "\n", {"keys": [SIGNER.jwk]})
    assert done.exit_code == 0, done.output
    assert "The signature is good." in done.output
    assert "2 confirmed" in done.output


def test_a_changed_result_is_invalid(tmp_path: Path):
    header, payload, signature = SIGNER.sign(RESULT).jws.split(".")
    other = SIGNER.sign({**RESULT, "counts": {"items": 1}}).jws.split(".")[1]
    assert other != payload
    done = verify(tmp_path, f"{header}.{other}.{signature}", {"keys": [SIGNER.jwk]})
    assert done.exit_code == 1
    assert "the signature does not match" in done.output


def test_a_result_signed_by_another_key_is_invalid(tmp_path: Path):
    done = verify(tmp_path, ResultSigner.generate().sign(RESULT).jws, {"keys": [SIGNER.jwk]})
    assert done.exit_code == 1
    assert "none of this deployment's" in done.output


@pytest.mark.parametrize(
    ("jws", "keys", "sentence"),
    [
        ("no result", {"keys": [SIGNER.jwk]}, "not a JWS"),
        (SIGNER.sign(RESULT).jws, "{", "is no JSON"),
        (SIGNER.sign(RESULT).jws, [], "no JSON Web Key Set"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, jws: str, keys: object, sentence: str):
    done = verify(tmp_path, jws, keys)
    assert done.exit_code == 1
    assert sentence in done.output

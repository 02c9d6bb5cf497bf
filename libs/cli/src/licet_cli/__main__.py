from licet_cli.main import app

app()

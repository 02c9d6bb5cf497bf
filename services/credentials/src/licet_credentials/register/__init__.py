"""The register: finding credentials among all of them, in pages or as one file."""

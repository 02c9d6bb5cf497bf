"""The register of enrolments: finding, counting and exporting them, and filters kept under a name."""

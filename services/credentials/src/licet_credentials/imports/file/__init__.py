"""Reading a file: uploading, detecting the dialect, cutting rows, and reading cells by a declared mapping."""

"""The main jobs from end to end, through public interfaces only; each step checks what it brings."""

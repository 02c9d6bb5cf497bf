"""Files as offices send them: encodings, separators, titles above the header, workbooks."""

"""Images: scans kept privately, shown as clean renditions."""

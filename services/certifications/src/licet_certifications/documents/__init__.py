"""PDF documents: pages, and fonts for names in any script. Knows nothing of what they say."""

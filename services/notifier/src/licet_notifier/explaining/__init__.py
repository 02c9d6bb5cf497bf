"""Explains beforehand who will be told of a credential, by which rule, and with which words."""

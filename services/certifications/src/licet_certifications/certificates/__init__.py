"""Certificates of completed enrolments, as PDF documents made when they are asked for."""

from edge.logs import logged

__all__ = ["logged"]

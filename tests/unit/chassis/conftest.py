from support.edge.logs import logged

__all__ = ["logged"]

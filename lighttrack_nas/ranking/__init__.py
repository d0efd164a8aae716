"""How well a supernet ranks: networks trained alone against shared weights."""

"""A training's processes on several devices: who starts them, and how their gradients become one."""

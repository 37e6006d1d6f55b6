"""Settings of other tools, as keyword arguments of `render`: `render(f, objective, key=key, **presets.lucid())`."""

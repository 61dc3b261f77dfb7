"""Training: the loop (`loop.train`), its settings, clock, checkpoints and watchers.  It knows neither model nor objective."""

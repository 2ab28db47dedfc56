"""Learn: what tracing and scripting really do, by predicting it, running it and mending it."""

from tsdash.ui.learn import learn

learn()

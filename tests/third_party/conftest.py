import os
import tempfile

# Before Keras is imported: it reads them once, and writes what it finds into a file in its folder.
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("KERAS_HOME", os.path.join(tempfile.gettempdir(), "jaxviz-keras"))

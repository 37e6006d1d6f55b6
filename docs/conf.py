"""The site: `make docs` builds it into build/docs, warnings are errors."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jaxviz as jv

project, author, release = "jaxviz", "the jaxviz developers", jv.__version__
copyright = author
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "docstrings",
    "llms",
]
exclude_patterns = ["examples/*.ipynb", "gallery/*", "_microscope"]
html_theme = "furo"
html_title = f"jaxviz {release}"
html_static_path = ["_static"]
# What the notebook of the microscope builds is a part of the site.
html_extra_path = ["_microscope"]
(ROOT / "docs" / "_microscope").mkdir(exist_ok=True)
html_theme_options = {"sidebar_hide_name": False}

# Pages that compute are written as text and run when the site is built.
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_render_markdown_format = "myst"
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_type_aliases = {"Target": "Target", "Inputs": "Inputs", "Dataset": "Dataset"}
autodoc_member_order = "bysource"
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "examples",
    "filename_pattern": r".*",
    "abort_on_example_error": True,
    "min_reported_time": 0,
    "show_memory": False,
    "download_all_examples": False,
    "remove_config_comments": True,
    "within_subsection_order": "FileNameSortKey",
    "copyfile_regex": "",
    "first_notebook_cell": None,
}

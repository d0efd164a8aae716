"""The documentation site, by Sphinx: pages in Markdown, and references that are generated from the code."""

from lighttrack_nas import __version__

project = "LightTrack-NAS"
release = version = __version__
html_title = f"LightTrack-NAS {__version__}"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 3
default_role = "code"

autodoc_typehints = "signature"
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["narrow.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False

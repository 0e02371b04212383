"""The reference, written from the program itself: man pages and completions for the wheel, pages of commands and metrics for the site.

Run while xent is built (`hatch_build.py`) and while its site is (`mkdocs.yml`). It needs click and nothing else that xent needs.
"""

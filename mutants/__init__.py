"""Mutation testing of `xent/core`: makes small mistakes in it, one at a time, and lists those that no test notices.

    python -m mutants map                # which test reaches which line, once; takes as long as the tests of the core with coverage
    python -m mutants run --count 1000   # a seeded sample, spread over the modules by their statements; goes on where it ended
    python -m mutants run --survivors    # those again that survived, with the tests of today and all that reach them
    python -m mutants report             # figures and survivors in Markdown

Why no ready tool: to start pytest and to collect these tests takes 15 seconds, which Cosmic Ray and mutatest spend on every mutant. mutmut
collects again in every fork, leaves decorated functions alone, and knows which functions a test calls but not which lines it reaches. Here
pytest collects once. Every mutant is a fork of that warm process, in which the functions of one module get other code, whoever holds them;
then the tests that reach the changed statement run, the quickest first, until one fails.

Mutated is what runs in functions. What runs at import (defaults, decorators, tables) is not, nor are texts, annotations and assertions,
`strict=True` among them.
"""

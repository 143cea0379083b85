"""One module per corpus; the module's name is the corpus's name.

A module holds, in this order: a docstring about the corpus, ``CITATION``, ``LICENSE``, constants, and
``index(root, *, options...) -> Dataset``. Optional: ``ARCHIVES``, file name -> accepted digests (``md5:...``).
"""

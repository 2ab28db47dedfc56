"""Why an export fails: evidence → ranked causes with file and line of the user's own source.

`catalogue` names every cause and needs no torch; everything else runs in an author worker.
"""

"""The room: runs a submission and says what happened, in plain data. It judges nothing.

This package is the only part of `autograder` that enters a sandbox, so it imports nothing of the rest.
Two stages, each a job of its own under a user of its own:

    models      reads the submitted model files, before any student code has run     (archive)
    notebook    runs the notebook, cell by cell, and describes what it defined        (driver, kernel)

Inside the notebook stage, the driver (nbclient) and the student's kernel are two processes. What the
kernel writes is a claim of the student's; the reading end (`autograder.evidence`) treats it so.
"""

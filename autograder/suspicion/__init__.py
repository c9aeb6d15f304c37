"""What a person should look at: figures that honest work hardly has. No point ever depends on a suspicion.

Some hidden tests do take points for what is suspected here as well, such as a network that knows the test
set, and say so to the student. A suspicion is for whoever grades, with the figures that it rests on; it may
be wrong.
"""

from autograder.suspicion.records import Suspicion

__all__ = ["Suspicion"]
